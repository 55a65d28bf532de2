"""Tables and text → tensors in the rows a model knows."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch

from gnn.errors import GraphError, ModelError
from gnn.graph import Seen
from gnn.inputs import Vocabulary, inputs
from gnn.tables import TextVectors
from tests.gnn.boards import rich
from tests.gnn.planted import tables

GRAPH, TEXT = rich()
CPU = torch.device("cpu")


def given(graph=GRAPH, text=TEXT, known=None):
    return inputs(graph, text, Seen(), known or Vocabulary.of(graph, text), CPU)


def memberships(graph):
    """[I, C] dense."""
    i = given(graph, None)
    rows = np.repeat(np.arange(i.n_items), np.diff(i.category_indptr))
    out = np.zeros((i.n_items, graph.categories.num_rows))
    out[rows, i.category] = i.category_weight
    return out


def test_an_item_shares_itself_among_its_categories():
    """Equal weights add up to one; a missing weight is one."""
    graph = replace(
        tables(1, 1, {}, category_of=[0], parents=[(1, 2)]),
        item_category=pa.table({"src": [0, 0], "dst": [0, 1]}),
        category_parent=pa.table(
            {"src": pa.array([], pa.int64()), "dst": pa.array([], pa.int64())}
        ),
    )
    assert memberships(graph).tolist() == [[0.5, 0.5, 0]]


def test_an_item_belongs_to_all_levels_above():
    """Each level adds up to one."""
    graph = tables(1, 1, {}, category_of=[0], parents=[(0, 1), (1, 2)])
    assert memberships(graph).tolist() == [[1, 1, 1]]


def test_categories_in_a_circle_are_an_error():
    """It says what is wrong."""
    graph = tables(1, 1, {}, category_of=[0], parents=[(0, 1), (1, 0)])
    with pytest.raises(GraphError, match="CHILD_OF: categories are nested in a circle"):
        given(graph, None)


def test_a_membership_of_no_category_is_an_error():
    """Named by table, row and value."""
    graph = replace(
        tables(1, 1, {}, category_of=[0]), item_category=pa.table({"src": [0], "dst": [5]})
    )
    with pytest.raises(GraphError, match=r"IN_CATEGORY\.dst: row 0 points at 5"):
        given(graph, None)


def test_text_of_another_width_is_a_model_error():
    """It says what to do."""
    wide = TextVectors(np.zeros((GRAPH.items.num_rows, 5), np.float32), TEXT.reviews)
    with pytest.raises(ModelError, match="text of items is 5 wide, the model learned from 2: use"):
        given(text=wide, known=Vocabulary.of(GRAPH, TEXT))


@pytest.mark.parametrize("name", ["items", "reviews"])
def test_text_of_another_length_is_an_error(name):
    """One vector a row, or they belong to other rows."""
    short = replace(TEXT, **{name: getattr(TEXT, name)[1:]})
    with pytest.raises(GraphError, match=f"text of {name}: .* vectors for .* rows"):
        given(text=short)


def test_text_that_is_no_number_is_an_error():
    """It would spread to every user near it."""
    broken = TEXT.items.copy()
    broken[3, 1] = np.nan
    with pytest.raises(GraphError, match="text of items: a vector holds NaN"):
        given(text=TextVectors(broken, TEXT.reviews))


def test_text_is_unused_where_the_model_learned_without():
    """Not an error: the model has no weights for it."""
    assert given(known=Vocabulary.of(GRAPH, None)).review_text is None


def test_a_review_of_zeros_is_no_review():
    """A missing text has no row."""
    empty = given(text=TextVectors(TEXT.items, np.zeros_like(TEXT.reviews)))
    assert (empty.review < 0).all()


def test_ids_may_be_of_any_string_type():
    """Large strings are what polars writes."""
    large = replace(
        GRAPH, items=pa.table({"itemId": GRAPH.items["itemId"].cast(pa.large_string())})
    )
    known = Vocabulary.of(GRAPH, None)
    assert torch.equal(given(large, None, known).id_row, given(GRAPH, None, known).id_row)
