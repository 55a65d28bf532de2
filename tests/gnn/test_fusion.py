"""Scores of several kinds → one, with weights that validation bears out."""

import numpy as np
import pytest
import torch

from gnn.evaluate import Task
from gnn.fusion import Fusion, standard, two_hop
from gnn.fusion_fit import NAMES, PRIOR, better, fit_fusion, fit_linear, shortlist

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


def fitted(fit=fit_fusion, **terms):
    """Weights fitted where these terms know something and the others are noise."""
    of = {name: standard(noise(k)) for k, name in enumerate(NAMES)} | terms

    def look(users):
        return lambda name: of[name][users].clone()

    short = shortlist(TASK, look)
    return short, fit(short)


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
    terms = {"encoder": torch.tensor([[1.0, 2]]), two_hop(0.75, 0.5): torch.tensor([[10.0, 20]])}
    got = Fusion(encoder=1, two_hop=0.5, into=0.75, out=0.5).apply(terms.__getitem__)
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
    _, weights = fitted(**{two_hop(0.75, 0.5): knows(4, 99)})
    assert weights.two_hop > 1.5 * weights.encoder
    assert (weights.into, weights.out) == (0.75, 0.5)


def test_terms_that_know_nothing_get_nothing():
    """The encoder knows; noise stays out."""
    _, weights = fitted(encoder=knows(4, 99))
    assert weights.band < 0.1 * weights.encoder
    assert weights.own < 0.2 * weights.encoder


@pytest.mark.parametrize("name", NAMES)
def test_the_fusion_is_as_good_as_its_best_part(name):
    """On the users it was fitted on, but for the standard error that guards against chance."""
    short, weights = fitted(**{name: knows(3, 99)})
    field, *exponents = name.split("^")
    into, out = (float(e) for e in exponents or (0.5, 0.5))
    alone = Fusion(**{"encoder": 0, field: 1, "into": into, "out": out})
    assert short.worth(weights).mean() > 0.95 * short.worth(alone).mean()


def test_with_hardly_any_user_the_first_guess_nearly_stays():
    """Two users prove next to nothing."""
    of = {name: standard(noise(k)) for k, name in enumerate(NAMES)}
    few = shortlist(TASK.of_users(np.arange(2)), lambda users: lambda n: of[n][users].clone())
    weights = fit_fusion(few)
    for name in ("encoder", "two_hop", "band", "own", "popular"):
        assert getattr(weights, name) == pytest.approx(getattr(PRIOR, name), abs=0.15)


def test_two_terms_that_only_help_together_are_both_found():
    """The band says what is liked and rare or popular alike, popularity which of them it is not."""
    fame = noise(98)
    _, weights = fitted(band=standard(knows(3, 99) + 3 * fame), popular=standard(fame))
    assert weights.band > 0.5
    assert weights.popular < -0.5


def test_likelihood_gives_way_to_hits():
    """A filter that knows the targets of most users and is far off for some is unlikely, yet it
    brings more into the top than an encoder that knows a little of all."""
    sure = knows(5, 99)
    sure[::5] = -sure[::5] * 4
    _, weights = fitted(encoder=knows(1.2, 98), **{two_hop(0.5, 0.25): sure})
    assert weights.two_hop > weights.encoder


def test_nothing_to_learn_from_leaves_the_first_guess():
    """No target is among what may be recommended."""
    known = Task(
        USERS, np.arange(U + 1), TARGET, np.arange(U + 1), TARGET, np.ones(U, np.int64),
        "new items", N,
    )  # fmt: skip
    short = shortlist(known, lambda users: lambda name: noise(1)[users].clone())
    assert fit_fusion(short) == PRIOR


def test_the_linear_filter_has_its_own_weights():
    """Fitted without the encoder, to be judged beside it."""
    _, weights = fitted(fit_linear, **{two_hop(0.5, 0.0): knows(3, 99)})
    assert (weights.encoder, weights.into, weights.out) == (0, 0.5, 0)


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
