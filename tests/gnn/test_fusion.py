"""Scores of several kinds → one, with weights that validation bears out."""

import numpy as np
import pytest
import torch

from gnn.evaluate import Task
from gnn.fusion import LINEAR, NAMES, PRIOR, Fusion, better, fit_fusion, shortlist, standard

U, N = 300, 60
RNG = np.random.default_rng(0)
TARGET = RNG.integers(0, N, U)
USERS = np.arange(U)
TASK = Task(
    USERS, np.arange(U + 1), TARGET, np.zeros(U + 1, np.int64), np.empty(0, np.int64),
    np.ones(U, np.int64), "new items", N,
)  # fmt: skip


def noise(seed):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(U, N)).astype(np.float32))


def knows(strength, seed):
    """[U, N] scores that favour the target by `strength` standard deviations."""
    scores = noise(seed)
    scores[USERS, TARGET] += strength
    return standard(scores)


def fitted(steps=None, start=None, **terms):
    """Weights fitted where these terms know something and the others are noise."""
    of = {name: standard(noise(k)) for k, name in enumerate(NAMES)} | terms

    def look(users):
        return lambda name: of[name][users].clone()

    short = shortlist(TASK, look)
    return short, fit_fusion(short, start, *([steps] if steps else []))


def test_z_scores_have_mean_zero_and_deviation_one():
    """Within each user; all equal gives zeros, not NaN."""
    z = standard(torch.tensor([[1.0, 2, 3], [5, 5, 5]]))
    assert z[0].mean() == pytest.approx(0, abs=1e-6)
    assert z[0].std(correction=0) == pytest.approx(1, abs=1e-6)
    assert z[1].tolist() == [0, 0, 0]


def test_a_term_without_a_weight_is_never_asked_for():
    """It would cost two products of matrices."""
    asked = []

    def term(name):
        asked.append(name)
        return torch.zeros(1, 3)

    Fusion(encoder=1).apply(term)
    assert asked == ["encoder"]


def test_the_score_is_the_weighted_sum():
    """Of the terms by name."""
    terms = {"encoder": torch.tensor([[1.0, 2]]), "two_hop^0.5": torch.tensor([[10.0, 20]])}
    got = Fusion(encoder=1, two_hop=0.5, out=0.5).apply(terms.__getitem__)
    assert got.tolist() == [[6, 12]]


def test_without_any_weight_nothing_is_preferred():
    """Zeros."""
    got = Fusion(encoder=0).apply(lambda _: torch.ones(1, 3))
    assert got.tolist() == [[0, 0, 0]]


def test_a_term_that_knows_is_found():
    """The band, here, of which the first guess leaves out all."""
    _, weights = fitted(band=knows(3, 99))
    assert weights.band > 0


def test_an_encoder_that_knows_nothing_is_left_behind():
    """Beside a linear filter that knows much, its weight falls."""
    _, weights = fitted(**{"two_hop^0.5": knows(4, 99)})
    assert weights.two_hop / max(weights.encoder, 1e-9) > 1


def test_terms_that_know_nothing_get_nothing():
    """The encoder knows; noise stays out."""
    _, weights = fitted(encoder=knows(4, 99))
    assert weights.band <= 0.1
    assert weights.own <= 0.3


@pytest.mark.parametrize("name", ["encoder", "two_hop^0", "two_hop^0.5", "band", "own", "popular"])
def test_the_fusion_is_as_good_as_its_best_part(name):
    """On the users it was fitted on, but for the standard error that guards against chance."""
    name = {"two_hop^0": "two_hop^0.0"}.get(name, name)
    short, weights = fitted(**{name: knows(3, 99)})
    out = float(name.split("^")[1]) if "^" in name else 0.5
    field = name.split("^")[0]
    alone = Fusion(**{"encoder": 0, field: 1, "out": out})
    assert short.worth(weights).mean() > 0.95 * short.worth(alone).mean()


def test_with_hardly_any_user_the_first_guess_stays():
    """Two users prove nothing."""
    of = {name: standard(noise(k)) for k, name in enumerate(NAMES)}
    few = shortlist(TASK.of_users(np.arange(2)), lambda users: lambda n: of[n][users].clone())
    assert fit_fusion(few) == PRIOR


def test_the_linear_filter_has_its_own_weights():
    """Fitted without the encoder, to be judged beside it."""
    _, weights = fitted(LINEAR, Fusion(encoder=0, two_hop=1), **{"two_hop^0.0": knows(3, 99)})
    assert (weights.encoder, weights.out) == (0, 0)


def test_worth_is_recall_plus_ndcg():
    """By hand: the target first is 1 + 1; not among twenty, 0."""
    short, _ = fitted(encoder=knows(50, 99))
    assert short.worth(Fusion(encoder=1)).mean() == pytest.approx(2)
    assert short.worth(Fusion(encoder=-1)).mean() == pytest.approx(0)


def test_what_may_not_be_recommended_is_in_no_list():
    """Known items, whatever their score."""
    known = Task(
        USERS, np.arange(U + 1), TARGET, np.arange(U + 1), TARGET, np.ones(U, np.int64),
        "new items", N,
    )  # fmt: skip
    all_know = knows(50, 99)
    short = shortlist(known, lambda users: lambda name: all_know[users].clone())
    assert short.worth(Fusion(encoder=1)).mean() == 0


def test_a_difference_within_the_standard_error_is_none():
    """Three users in a hundred did better and two worse; then five, and none."""
    a, b = torch.zeros(100), torch.zeros(100)
    a[:3], b[3:5] = 1, 1
    assert not better(a, b)
    a[:5], b[:] = 1, 0
    assert better(a, b)
