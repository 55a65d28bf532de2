"""One inner product: its vectors say what its scores say, and the band is there where it helps."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from gnn.graph import events
from gnn.linear import linear_filter
from gnn.quality import Trial
from gnn.retrieval import choose_weight, item_vectors, product_scores, user_vectors
from gnn.split import Part
from gnn.train import Trained, train
from tests.gnn.boards import QUICK, communities
from tests.gnn.planted import DAY, acts, tables

SHORT = QUICK.model_copy(update={"batch": 64})
USERS, ITEMS, OWN = 600, 120, 12


def neighbours():
    """Everyone takes what lies around a place of their own on a ring of items; nobody's taste is
    one of a few kinds."""
    rng = np.random.default_rng(0)
    centre = rng.integers(0, ITEMS, USERS)
    user = np.repeat(np.arange(USERS), OWN)
    step = np.argsort(rng.random((USERS, 16)), axis=1)[:, :OWN].ravel() - 8
    at = rng.integers(0, 300, len(user)) * DAY
    return tables(USERS, ITEMS, {"VIEWED": acts(user, (centre[user] + step) % ITEMS, at)})


@pytest.fixture(scope="module")
def untaught():
    """A model that learned next to nothing, beside a band that knows the ring."""
    graph = neighbours()
    settings = {"epochs": 1, "learning_rate": 1e-5, "rank": 24, "dim": 8}
    return graph, train(graph, None, SHORT.model_copy(update=settings), seed=0)


def on_validation(graph, trained: Trained, rank: int):
    trial = Trial.of(events(graph), trained.split, Part.VALIDATION)
    before = trained.split.before(Part.VALIDATION)
    return trained._scorer(graph, None, before, rank), trial.task("new items", 500, 0)


def test_the_product_of_the_vectors_is_the_score(untaught):
    """Of every user and item, to rounding."""
    graph, trained = untaught
    scorer = trained.scorer(graph)
    users = np.arange(USERS)
    rows = scorer.blend.interactions
    linear, encoded = scorer.blend.linear, scorer.encoded
    user = user_vectors(encoded.user, rows, linear)
    item = item_vectors(encoded.item, encoded.bias, linear.band_of_items, 3.0)
    assert user.shape == (USERS, 8 + 1 + 24)
    said = product_scores(scorer, users, scorer.encoder_scores(users), 3.0)
    assert user @ item.T == pytest.approx(said.cpu().numpy(), abs=1e-4)


def test_the_band_is_the_filters_over_the_root_of_the_users_items(untaught):
    """A user of many items is not drawn to it more."""
    graph, trained = untaught
    linear, rows = trained.scorer(graph).blend.linear, events(graph).matrix()
    part = linear.user_band(rows) @ linear.band_of_items.T
    n = np.asarray(rows.sum(1))
    assert part == pytest.approx(linear.band(rows) / np.sqrt(n), abs=1e-5)


def test_where_the_band_knows_more_it_stands_beside(untaught):
    """And ranks better on the test, too, in the release's own table."""
    _, trained = untaught
    figures = trained.metrics["retrieval"]
    assert trained.beside == figures["weight"] > 0
    assert figures["worth"][str(trained.beside)] == max(figures["worth"].values())
    found = {r["model"]: r for r in trained.metrics["quality"] if r["users"] == "all"}
    assert found["encoder + band, one product"]["recall@20"] > found["encoder"]["recall@20"] + 0.1


def test_where_it_proves_nothing_it_is_left_out():
    """Taste of two kinds, which the encoder has learned whole."""
    graph = communities(n_users=400, at=True)
    trained = train(graph, None, SHORT, seed=0)
    assert trained.beside == 0
    found = {r["model"]: r for r in trained.metrics["quality"] if r["users"] == "all"}
    one, other = found["encoder + band, one product"], found["encoder"]
    assert {**one, "model": ""} == {**other, "model": ""}


def test_without_a_band_there_is_nothing_to_choose(untaught):
    """Nor with nobody to ask."""
    graph, trained = untaught
    scorer, on = on_validation(graph, trained, 0)
    assert choose_weight(scorer, on) == (0.0, {"users": 0})
    scorer, on = on_validation(graph, trained, 24)
    nobody = on.of_users(np.empty(0, np.int64))
    assert choose_weight(scorer, nobody) == (0.0, {"users": 0})


def test_a_user_without_items_has_what_is_popular():
    """No band, no taste: the bias of the items."""
    linear = linear_filter(events(neighbours()).matrix(), 24, seed=0)
    nobody = user_vectors(np.zeros((1, 8), np.float32), sp.csr_matrix((1, ITEMS)), linear)
    bias = np.arange(ITEMS, dtype=np.float32)
    item = item_vectors(np.ones((ITEMS, 8), np.float32), bias, linear.band_of_items, 3.0)
    assert (nobody @ item.T)[0] == pytest.approx(bias)


def test_scores_without_weight_are_the_encoders(untaught):
    """And the band is not asked for."""
    graph, trained = untaught
    scorer = replace(trained.scorer(graph), rank=0)
    users = np.arange(5)
    encoder = scorer.encoder_scores(users)
    assert product_scores(scorer, users, encoder, 0.0) is encoder
    assert "blend" not in vars(scorer)


def test_a_new_user_has_a_vector_at_once():
    """It comes from the user's own items alone."""
    rows = events(neighbours()).matrix()
    linear = linear_filter(rows, 24, seed=0)
    assert linear.user_band(rows[7]) == pytest.approx(linear.user_band(rows)[7:8], abs=1e-6)
