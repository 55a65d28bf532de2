"""What a calibrated score takes from own events and friends → parts of single edges."""

import numpy as np
import pyarrow as pa
import pytest

from gnn.calibration import Calibration
from gnn.categories import categories_of
from gnn.evidence import evidence_of, names_of, sources_of
from gnn.features import NAMES, decay, past_of
from gnn.fitted import final_window
from gnn.graph import events
from gnn.history import friend_parts, history_lift, own_events, own_parts
from tests.gnn.planted import DAY, Planted, acts, tables

NOW = 100 * DAY
# user 0 bought item 0 (category 0) on days 90 and 60 and item 1 (category 1); users 1 and 2, whom
# user 0 follows, bought item 1 and both
GRAPH = tables(
    3,
    2,
    {
        "PURCHASED": acts(
            [0, 0, 0, 1, 2, 2], [0, 0, 1, 1, 0, 1], np.array([90, 60, 80, 70, 70, 70]) * DAY
        )
    },
    category_of=[0, 1],
    social={"FOLLOWS": pa.table({"src": [0, 0], "dst": [1, 2]})},
)
WINDOW = final_window(events(GRAPH), NOW, 30)
ENCODED = Planted(np.eye(2, dtype=np.float32)).scorer(GRAPH, None, WINDOW.seen).encoded
CATEGORIES = categories_of(GRAPH)
PAST = past_of(GRAPH, WINDOW, ENCODED, CATEGORIES, half_life_days=30)
SOURCES = sources_of(ENCODED, GRAPH, CATEGORIES.private_items)
OWN = own_events(WINDOW.before, decay(WINDOW.before, NOW, 30), SOURCES)
WHO, WHAT = np.array([0]), np.array([0])


def calibration(**weights):
    n = len(NAMES)
    coefficient = tuple(weights.get(name, 0.0) for name in NAMES)
    return Calibration(
        features=NAMES, mean=(0,) * n, scale=(1,) * n, coefficient=coefficient, intercept=0
    )


def named(parts):
    return dict(zip(SOURCES.names(parts.source).to_pylist(), parts.part.tolist(), strict=True))


def test_the_lift_is_what_the_score_loses_without_the_events():
    """The calibration's logit with the user's two events in the category, less its logit without
    them, all else being equal."""
    fitted = calibration(own=0.7, own_recent=0.4, own_share=0.2)
    bought = GRAPH.behaviour["PURCHASED"]
    rest = type(GRAPH)(**{**vars(GRAPH), "behaviour": {"PURCHASED": bought.slice(2)}})
    without = final_window(events(rest), NOW, 30)
    bare = past_of(rest, without, ENCODED, CATEGORIES, half_life_days=30)
    bare = type(bare)(**{**vars(bare), "base": PAST.base})
    fall = fitted.logit(PAST.block(WHO) - bare.block(WHO))[0, 0]
    assert history_lift(PAST, WHO, WHAT, fitted)[0] == pytest.approx(fall, abs=1e-5)


def test_fresh_events_carry_more():
    """Ten days against forty with a half-life of thirty: twice as much."""
    parts = named(own_parts(OWN, WHO, WHAT, np.array([3], np.float32), CATEGORIES.has))
    assert parts == pytest.approx({"PURCHASED:e0": 2, "PURCHASED:e1": 1}, rel=1e-3)


def test_events_elsewhere_carry_nothing_of_it():
    """The purchase in category 1 is no evidence for category 0."""
    parts = named(own_parts(OWN, WHO, WHAT, np.array([3], np.float32), CATEGORIES.has))
    assert "PURCHASED:e2" not in parts


def test_without_a_lift_there_are_no_parts():
    """Where events in a category do not raise the score they are not cited for it."""
    nothing = own_parts(OWN, WHO, WHAT, np.array([0], np.float32), CATEGORIES.has)
    assert len(nothing.claim) == 0


def test_only_friends_with_a_share_in_the_category_carry_it():
    """User 1 never bought in category 0; user 2 did."""
    fitted = calibration(friends_share=1.0)
    parts = friend_parts(PAST, GRAPH, WINDOW.seen, SOURCES, WHO, WHAT, fitted)
    assert list(named(parts)) == ["FOLLOWS:u2"]


def test_friends_share_what_they_add_to_the_score():
    """Their parts sum to the logits the feature gives."""
    fitted = calibration(friends_share=1.0)
    parts = friend_parts(PAST, GRAPH, WINDOW.seen, SOURCES, WHO, np.array([1]), fitted)
    base, friends = PAST.base[1], (1 + 0.5) / 2
    assert parts.part.sum() == pytest.approx(np.log((friends + base) / base), rel=1e-5)


def test_vectors_and_history_are_added_up_by_event():
    """One event, one line of evidence: its exact part and its share of the lift."""
    lift = own_parts(OWN, WHO, WHAT, np.array([3], np.float32), CATEGORIES.has)
    plain = evidence_of(SOURCES, WHO, WHAT, PAST.centre)
    both = evidence_of(SOURCES, WHO, WHAT, PAST.centre, more=lift.in_order())
    assert names_of(both, SOURCES)[0].as_py()[:2] == ["PURCHASED:e0", "PURCHASED:e1"]
    exact = dict(zip(names_of(plain, SOURCES)[0].as_py(), plain.part.tolist(), strict=True))
    assert both.part[0] == pytest.approx(exact["PURCHASED:e0"] + 2, rel=1e-3)
