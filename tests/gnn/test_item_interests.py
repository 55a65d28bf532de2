"""Interests in items: unseen ones, and known ones in shops where people buy again."""

import numpy as np
import pytest

from gnn.categories import categories_of
from gnn.config import TrainConfig
from gnn.features import past_of
from gnn.fitted import final_window, fit_profiles
from gnn.graph import events
from gnn.item_interests import shelf_of, top_items
from gnn.split import split
from tests.gnn.planted import Planted, shop

SHOP = shop(n_users=600, days=300)
GRAPH = SHOP.graph
MODEL = Planted.of(GRAPH)
FITTED = fit_profiles(
    MODEL, GRAPH, None, split(GRAPH, TrainConfig(), seed=0), sensitive=frozenset(), seed=0
)
USERS = np.arange(GRAPH.users.num_rows)
OWN = events(GRAPH).matrix()


def top(*, repeats, sensitive=frozenset()):
    window = final_window(events(GRAPH), SHOP.end, FITTED.horizon_days)
    categories = categories_of(GRAPH, sensitive)
    scorer = MODEL.scorer(GRAPH, None, window.seen)
    known = past_of(GRAPH, window, scorer.encoded, categories, half_life_days=57)
    shelf = shelf_of(window, categories.private_items, repeats=repeats, half_life_days=57)
    return top_items(scorer, shelf, known, USERS, FITTED.item)


AGAIN = top(repeats=True)


def owned(found):
    return np.asarray(OWN[found.user, found.target]).ravel() > 0


def test_people_who_buy_again_are_noticed():
    """Eight items a category, dozens of purchases: repeats are most of what happens here."""
    assert FITTED.repeats


def test_where_nobody_buys_again_only_unseen_items_are_offered():
    """None of the twenty was taken up before."""
    found = top(repeats=False)
    assert not owned(found).any()
    assert np.bincount(found.user).max() == 20


def test_where_people_buy_again_known_items_stand_beside_new_ones():
    """`observed` exactly for those the user has bought; the twenty new ones stay."""
    assert (AGAIN.observed == owned(AGAIN)).all()
    assert np.bincount(AGAIN.user[~AGAIN.observed]).max() == 20
    assert np.bincount(AGAIN.user[AGAIN.observed]).max() == 10


def test_a_known_favourite_has_the_higher_chance():
    """On average what was bought before is likelier than what was not."""
    assert AGAIN.score[AGAIN.observed].mean() > 1.5 * AGAIN.score[~AGAIN.observed].mean()


def test_scores_are_calibrated_on_the_test_period():
    """The offers made before the test period came true about as often as stated."""
    rows = {row["model"]: row for row in FITTED.metrics["item_interests"]}
    assert rows["profile"]["ece"] < rows["profile"]["ece_by_chance"] + 0.01
    assert rows["profile"]["auc"] > rows["popularity"]["auc"] + 0.02


def test_ranks_run_from_one_down_the_scores():
    """Each user's ranks are 1, 2, 3 … with falling scores."""
    first = AGAIN.user == AGAIN.user[0]
    assert AGAIN.rank[first].tolist() == list(range(1, first.sum() + 1))
    assert (np.diff(AGAIN.score[first]) <= 0).all()


def test_items_of_a_sensitive_category_are_not_offered():
    """Neither new nor known."""
    found = top(repeats=True, sensitive=frozenset({"c0"}))
    assert found.target.min() == 8


def test_blocks_do_not_change_the_offers(monkeypatch):
    """One user at a time gives what all at once give."""
    monkeypatch.setattr("gnn.item_interests.BLOCK_CELLS", 1)
    found = top(repeats=True)
    assert found.score == pytest.approx(AGAIN.score, abs=1e-6)
    assert (np.sort(found.target) == np.sort(AGAIN.target)).all()
