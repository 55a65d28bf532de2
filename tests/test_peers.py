"""Methods of others that the model is judged beside: each learns what is planted."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from benchmarks.peers import Scores, als, bpr, ease, lightgcn

RNG = np.random.default_rng(0)
USERS, ITEMS, GROUPS = 120, 40, 4
LIKES = (np.arange(USERS)[:, None] % GROUPS) == (np.arange(ITEMS)[None] % GROUPS)
TAKEN = LIKES & (RNG.random(LIKES.shape) < 0.5)
TAKEN[0] = False
METHODS = {
    "EASE^R": ease,
    "ALS": lambda r: als(r, seed=0, dim=8),
    "BPR": lambda r: bpr(r, seed=0, dim=8),
    "LightGCN": lambda r: lightgcn(r, seed=0, dim=8, epochs=80, batch=512),
}


@pytest.fixture(scope="module", params=METHODS)
def scores(request: pytest.FixtureRequest) -> Scores:
    scores: Scores = METHODS[request.param](sp.csr_matrix(TAKEN.astype(np.float32)))
    return scores


def test_what_ones_group_likes_is_ahead_of_the_rest(scores: Scores) -> None:
    """Of the items a user has not taken."""
    of_all = scores(np.arange(1, USERS)).detach().numpy()
    ahead = [
        (mine[likes & ~taken][:, None] > mine[~likes][None]).mean()
        for mine, likes, taken in zip(of_all, LIKES[1:], TAKEN[1:], strict=True)
    ]
    assert np.mean(ahead) > 0.9


def test_whoever_has_no_events_scores_nothing(scores: Scores) -> None:
    """No taste is made up of a starting value."""
    assert not scores(np.array([0])).any()
