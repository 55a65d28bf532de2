"""How varied choices are and how they change, worked out by hand."""

import numpy as np
import pytest

from gnn.categories import categories_of
from gnn.graph import events
from gnn.variety import explorer, interest_drift
from tests.gnn.planted import acts, tables

# eight items, two to each of categories 0 to 3; 0 and 1 are under 4
OF = np.repeat(np.arange(4), 2)


def looked_at(rows, sensitive=frozenset()):
    """Positive events of (user, item) in order of time, and the items' categories."""
    user, item = zip(*rows, strict=True)
    views = acts(user, item, list(range(len(user))))
    graph = tables(max(user) + 1, 8, {"VIEWED": views}, category_of=OF, parents=[(0, 4), (1, 4)])
    return events(graph), categories_of(graph, sensitive).share


def test_an_item_counts_for_its_narrowest_categories():
    """An item in a category and in its parent is of the category alone; one in two unrelated
    ones is half of each."""
    graph = tables(1, 2, {}, category_of=[0, 0], parents=[(0, 2)])
    more = graph.item_category.slice(0, 0).schema.empty_table()
    pairs = {"src": [0, 0, 1, 1], "dst": [0, 2, 0, 1]}
    graph.__dict__["item_category"] = more.from_pydict(pairs)
    share = categories_of(graph).share.toarray()
    assert share.tolist() == [[1, 0, 0], [0.5, 0.5, 0]]


def test_explorer_is_the_effective_number_of_categories():
    """All in one: 1. Evenly in four: 4. Nothing: unknown. 3 of 4 in one: exp(.562)."""
    rows = [(0, 0), (0, 1), (0, 1)] + [(1, 2 * k) for k in range(4)]
    rows += [(3, 0), (3, 0), (3, 1), (3, 7)]
    liked, share = looked_at(rows)
    assert explorer(liked, share) == pytest.approx([1, 4, np.nan, 1.7548], nan_ok=True, rel=1e-4)


def test_the_same_mix_has_not_drifted():
    """Older and newer half are half of category 0 and half of 1: pairs of events in a half are of
    one category in 1 of 3, across in 1 of 2: more alike than chance, so 0."""
    liked, share = looked_at([(0, 0), (0, 2)] * 4)
    assert interest_drift(liked, share).tolist() == [0]


def test_nothing_in_common_is_a_drift_of_one():
    """Category 0 first, then 3."""
    liked, share = looked_at([(0, 0)] * 4 + [(0, 6)] * 4)
    assert interest_drift(liked, share).tolist() == [1]


def test_half_a_drift():
    """Older all in 0; newer two in 0 and two in 3. Within: 1 and 1/3 (of 6 pairs, 2 agree); across
    1/2: 1 − 2 (1/2) / (4/3) = 1/4."""
    liked, share = looked_at([(0, 0)] * 4 + [(0, 0), (0, 6), (0, 0), (0, 6)])
    assert interest_drift(liked, share) == pytest.approx([0.25])


def test_few_events_say_nothing_of_drift():
    """Seven."""
    liked, share = looked_at([(0, 0)] * 4 + [(0, 6)] * 3)
    assert np.isnan(interest_drift(liked, share)).all()


def test_sensitive_items_are_in_no_category():
    """What lies in a sensitive category is not told by the number of categories either."""
    liked, share = looked_at([(0, 0), (0, 6)], frozenset({"c3"}))
    assert explorer(liked, share).tolist() == [1]
