"""Taking cited edges away costs more score than taking others."""

import numpy as np
import pytest

from gnn.faithful import _draw, _without
from gnn.features import past_of
from gnn.fitted import final_window
from gnn.graph import events, ties
from gnn.portrait import look_at
from gnn.profile_tables import Claim
from tests.gnn.test_profile import FITTED, GRAPH, MODEL, PROFILES, SHOP

WINDOW = final_window(events(GRAPH), SHOP.end, FITTED.horizon_days)
LOOK = look_at(
    GRAPH, None, WINDOW, MODEL.scorer(GRAPH, None, WINDOW.seen), FITTED,
    Claim("v1", SHOP.end, FITTED.horizon_days), sensitive=frozenset(),
)  # fmt: skip


def test_cited_edges_carry_the_score():
    """On the planted shop: the fall is much deeper than without as many others, for nearly all."""
    rows = {row["removed"]: row for row in PROFILES.metrics["faithfulness"]}
    assert rows["cited"]["fall"] > 1.5 * rows["random"]["fall"] > 0
    assert rows["cited"]["deeper"] > 0.9


def test_only_the_user_s_own_edges_go():
    """Two events of user 3 and a friend: just these rows are hidden."""
    sources = LOOK.sources
    own = np.unique(sources.source[sources.indptr[3] : sources.indptr[4]])
    kind = sources.kind_of(own)
    events_, friend = own[kind == 0][:2], own[kind == 1][:1]
    gone = _without(LOOK, np.array([3]), [np.concatenate([events_, friend])])
    hidden = np.flatnonzero(gone.exclude["PURCHASED"])
    assert hidden.tolist() == sorted(events_)
    assert (GRAPH.behaviour["PURCHASED"]["src"].to_numpy()[hidden] == 3).all()
    before, after = (len(ties(GRAPH, s)[0].user) for s in (LOOK.window.seen, gone))
    assert before - after == 1


def test_random_edges_are_the_user_s_and_distinct():
    """Drawn from all of them."""
    sources = LOOK.sources
    drawn = _draw(sources, 3, 4, np.random.default_rng(0))
    own = sources.source[sources.indptr[3] : sources.indptr[4]]
    assert len(set(drawn.tolist())) == 4
    assert set(drawn.tolist()) <= set(own.tolist())


@pytest.mark.parametrize("user", [3, 40])
def test_without_their_edges_a_user_is_unknown(user):
    """All sources of one user gone: no events, and no vector."""
    sources = LOOK.sources
    own = np.unique(sources.source[sources.indptr[user] : sources.indptr[user + 1]])
    gone = _without(LOOK, np.array([user]), [own])
    window = type(WINDOW)(gone, WINDOW.at, WINDOW.before.seen(gone), WINDOW.after)
    encoded = MODEL.scorer(GRAPH, None, gone).encoded
    past = past_of(GRAPH, window, encoded, LOOK.categories, half_life_days=90)
    assert not past.has_evidence[user]
    assert past.has_evidence[user + 1]
