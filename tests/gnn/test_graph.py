"""Graph tables → flat arrays of events and ties."""

import numpy as np
import pyarrow as pa
import pytest

from gnn.errors import GraphError
from gnn.graph import UNDATED, Seen, events, ties
from tests.gnn.planted import acts, tables

RATED = acts([1, 0, 0], [0, 1, 0], [30, 20, 10], rating=[5, 1, 4], weight=[1.0, 0.0, 0.75])
RETURNED = acts([0], [1], [25])
GRAPH = tables(2, 2, {"RATED": RATED, "RETURNED": RETURNED})


def test_events_are_sorted_by_user_and_time():
    """All types in one set of columns."""
    e = events(GRAPH)
    assert e.user.tolist() == [0, 0, 0, 1]
    assert e.at.tolist() == [10, 20, 25, 30]


def test_an_event_knows_its_row():
    """`edge` is the row of its own type's table."""
    e = events(GRAPH)
    rated = np.array([kind == "RATED" for kind, _ in e.relations])[e.relation]
    assert e.edge[rated].tolist() == [2, 1, 0]
    assert e.edge[~rated].tolist() == [0]


def test_low_opinions_are_a_relation_of_their_own():
    """Three stars and less speak against the item and are no target."""
    e = events(GRAPH)
    assert e.relations == (("RATED", True), ("RATED", False), ("RETURNED", False))
    assert e.relation.tolist() == [0, 1, 2, 0]
    assert e.positive.tolist() == [True, False, False, True]


def test_counts_weigh_by_their_logarithm():
    """A hundred listens are not a hundred times one; an opinion is one whatever its stars."""
    listens = tables(1, 2, {"VIEWED": acts([0, 0], [0, 1], weight=[1.0, 127.0])})
    assert events(listens).value.tolist() == [1, 7]
    assert events(GRAPH).value.tolist() == [1, 1, 1, 1]


def test_a_missing_weight_is_one():
    """Null or no column at all."""
    graph = tables(1, 1, {"VIEWED": acts([0, 0], [0, 0], weight=pa.array([None, 1.0]))})
    assert events(graph).value.tolist() == [1, 1]


def test_a_row_that_is_no_node_is_named():
    """The error says the type, the column, the row and the value."""
    with pytest.raises(GraphError, match=r"VIEWED\.dst: row 1 points at 7, of 2 nodes"):
        events(tables(2, 2, {"VIEWED": acts([0, 1], [0, 7])}))


def test_a_null_endpoint_is_refused():
    """It would become some user's event."""
    with pytest.raises(GraphError, match=r"VIEWED\.src: 1 rows are null"):
        events(tables(2, 2, {"VIEWED": acts([0, None], [0, 1])}))


@pytest.mark.parametrize("weight", [-1.0, float("nan")])
def test_an_impossible_weight_is_refused(weight):
    """Negative or not a number."""
    with pytest.raises(GraphError, match=r"VIEWED\.weight: row 1"):
        events(tables(1, 1, {"VIEWED": acts([0, 0], [0, 0], weight=[1.0, weight])}))


def test_a_missing_column_is_named_with_those_there_are():
    """Of an edge table."""
    with pytest.raises(GraphError, match="VIEWED: no column 'dst'; it has src"):
        events(tables(1, 1, {"VIEWED": pa.table({"src": [0]})}))


def test_without_behaviour_there_are_no_events():
    """Not even columns to fail on."""
    assert len(events(tables(3, 2, {}))) == 0


def test_a_moment_hides_what_came_at_or_after_it():
    """And what has no time: nothing proves that it came before."""
    undated = tables(1, 4, {"VIEWED": acts([0] * 4, range(4), [9, 10, 11, None])})
    assert events(undated).seen(Seen(until=10)).item.tolist() == [0]


def test_rows_can_be_hidden_by_table():
    """The mask is in the order of the type's table, not of the events."""
    hidden = {"RATED": np.array([True, False, False])}
    assert events(GRAPH).seen(Seen(exclude=hidden)).at.tolist() == [10, 20, 25]


def test_the_matrix_holds_positives_once():
    """A pair bought twice is one; what was returned is none."""
    graph = tables(2, 2, {"PURCHASED": acts([0, 0, 1], [1, 1, 0]), "RETURNED": acts([1], [1])})
    assert events(graph).matrix().toarray().tolist() == [[0, 1], [1, 0]]


def social(kind, src, dst, since=None):
    columns = {"src": pa.array(src, pa.int64()), "dst": pa.array(dst, pa.int64())}
    if since is not None:
        columns["since"] = pa.array(since, pa.int64())
    return tables(3, 1, {}, social={kind: pa.table(columns)})


def pairs(graph, seen=None):
    return [
        (u, o) for t in ties(graph, seen or Seen()) for u, o in zip(t.user, t.other, strict=True)
    ]


def test_who_follows_listens():
    """And is not listened to for it."""
    assert pairs(social("FOLLOWS", [0], [1])) == [(0, 1)]


def test_friends_listen_to_each_other():
    """A friendship is stored once and read both ways, as one edge."""
    graph = social("FRIEND_OF", [0], [1])
    assert pairs(graph) == [(0, 1), (1, 0)]
    assert ties(graph, Seen())[0].edge.tolist() == [0, 0]


def test_nobody_is_their_own_friend():
    """Loops are left out."""
    assert pairs(social("FOLLOWS", [0, 2], [0, 1])) == [(2, 1)]


def test_a_tie_of_the_future_is_hidden():
    """One without a time counts as always there."""
    graph = social("FOLLOWS", [0, 1, 2], [1, 2, 0], [5, 10, None])
    assert pairs(graph, Seen(until=10)) == [(0, 1), (2, 0)]


def test_ties_can_be_hidden_by_row():
    """For erased users."""
    graph = social("FOLLOWS", [0, 1], [1, 2])
    assert pairs(graph, Seen(exclude={"FOLLOWS": np.array([True, False])})) == [(1, 2)]


def test_missing_times_are_below_every_time():
    """So that no comparison takes one for the future."""
    assert events(tables(1, 1, {"VIEWED": acts([0], [0])})).at.tolist() == [UNDATED]
