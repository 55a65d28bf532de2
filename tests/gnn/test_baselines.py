"""The plain rankings every model is judged beside."""

import numpy as np
import pytest

from gnn.baselines import DAY, own_history, popularity
from gnn.graph import events
from tests.gnn.planted import acts, tables

NOW = 100 * DAY
GRAPH = tables(
    3,
    3,
    {
        "PURCHASED": acts([0, 0, 1, 2], [0, 0, 0, 1], np.array([70, 40, 100, 90]) * DAY),
        "RETURNED": acts([2], [2], [DAY]),
    },
)


def test_popularity_counts_users():
    """Who buys twice counts once; who sends back not at all."""
    assert popularity(events(GRAPH)).tolist() == [2, 1, 0]


def test_old_events_fade():
    """By half in each half-life, from each user's latest event with the item."""
    got = popularity(events(GRAPH), NOW, 30)
    assert got == pytest.approx([0.5 + 1, 2 ** (-10 / 30), 0], rel=1e-5)


def test_events_without_a_time_do_not_fade():
    """Their age is not known."""
    undated = tables(1, 1, {"VIEWED": acts([0], [0])})
    assert popularity(events(undated), NOW, 1).tolist() == [1]


def test_nothing_is_popular_without_events():
    """Zeros, one an item."""
    assert popularity(events(tables(2, 3, {}))).tolist() == [0, 0, 0]


def test_own_history_counts_events():
    """Bought twice ranks above bought once."""
    assert own_history(events(GRAPH)).toarray().tolist() == [[2, 0, 0], [1, 0, 0], [0, 1, 0]]
