"""Category tables → who belongs where, and what may be said of it."""

import numpy as np
import pyarrow as pa
import pytest

from gnn.categories import categories_of, parents_at_least_children
from tests.gnn.planted import tables

# 3 > 1 > 0 and 3 > 2: items 0, 1, 2 in 0, 1, 2
NESTED = tables(1, 3, {}, category_of=[0, 1, 2], parents=[(0, 1), (1, 3), (2, 3)])


def members(categories):
    return categories.members.toarray().astype(int).tolist()


def test_an_item_belongs_to_all_broader_categories():
    """Item 0 is in 0, in its parent 1 and in its grandparent 3."""
    assert members(categories_of(NESTED)) == [[1, 1, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1]]


def test_an_item_in_two_categories_counts_once_in_their_parent():
    """Memberships are 0 or 1, however many ways lead up."""
    both = pa.table({"src": [0, 0], "dst": [0, 2]})
    graph = tables(1, 3, {}, category_of=[0, 1, 2], parents=[(0, 3), (2, 3)])
    graph = type(graph)(**{**vars(graph), "item_category": both})
    assert members(categories_of(graph))[0] == [1, 0, 1, 1]


def test_a_cycle_of_categories_ends():
    """Two categories under each other have the same members."""
    graph = tables(1, 2, {}, category_of=[0, 1], parents=[(0, 1), (1, 0)])
    assert members(categories_of(graph)) == [[1, 1], [1, 1]]


def test_what_is_under_a_sensitive_category_is_sensitive():
    """Excluding 1 excludes 0 below it, but not 3 above."""
    assert categories_of(NESTED, {"c1"}).allowed.tolist() == [False, False, True, True]


def test_items_of_a_sensitive_category_are_private():
    """They are never shown as an interest or as evidence."""
    assert categories_of(NESTED, {"c1"}).private_items.tolist() == [True, True, False]


def test_items_of_a_sensitive_category_do_not_count_in_a_broader_one():
    """Only item 2 is left in 3."""
    assert members(categories_of(NESTED, {"c1"})) == [[0] * 4, [0] * 4, [0, 0, 1, 1]]


def test_sensitive_ids_that_no_category_has_are_told():
    """A misspelt id must not pass in silence."""
    assert categories_of(NESTED, {"c1", "tobaco"}).unknown == ("tobaco",)


def test_an_empty_category_is_not_scored():
    """Nothing can happen in it."""
    graph = tables(1, 2, {}, category_of=[0, 2], parents=[])
    assert categories_of(graph).allowed.tolist() == [True, False, True]


def test_a_broader_category_is_at_least_as_likely():
    """3 is raised to its grandchild's 0.7; what is already higher stays."""
    scores = np.array([[0.7, 0.2, 0.1, 0.3], [0.1, 0.4, 0.2, 0.5]], np.float32)
    raised = parents_at_least_children(scores, categories_of(NESTED))
    assert raised == pytest.approx(np.array([[0.7, 0.7, 0.1, 0.7], [0.1, 0.4, 0.2, 0.5]]))


def test_a_graph_without_categories():
    """No categories: nothing to score, no error."""
    categories = categories_of(tables(1, 3, {}))
    assert (len(categories), categories.members.shape) == (0, (3, 0))
