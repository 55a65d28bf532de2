"""The linear item-item filter against its formula in dense matrices."""

import numpy as np
import pytest
import scipy.sparse as sp

import gnn.linear as linear_module
from gnn.linear import linear_filter, right_singular

RNG = np.random.default_rng(0)
R = (RNG.random((40, 24)) < 0.2).astype(np.float32)
R[0], R[:, 5] = 0, 0  # a user and an item with nothing
SPARSE = sp.csr_matrix(R)


def over(degree, exponent):
    return np.where(degree > 0, np.maximum(degree, 1) ** exponent, 0)


BY_USER, BY_ITEM = R.sum(1), R.sum(0)


@pytest.mark.parametrize("crowded", [0.0, 1e9], ids=["rows of all users", "rows of some"])
def test_two_hops_are_their_formula(monkeypatch, crowded):
    """r D_i^-1/2 R^T D_u^-1 R D_i^-out, whichever way they are taken"""
    monkeypatch.setattr(linear_module, "CROWDED", crowded)
    monkeypatch.setattr(linear_module, "CELLS_A_BLOCK", 100)  # two users at a time
    linear = linear_filter(SPARSE, 0, seed=0)
    hops = (R * over(BY_ITEM, -0.5)) @ (R.T * over(BY_USER, -1)) @ R
    assert linear.two_hop(SPARSE) == pytest.approx(hops, abs=1e-5)
    assert linear.two_hop(SPARSE) * linear.fade(0.5) == pytest.approx(
        hops * over(BY_ITEM, -0.5), abs=1e-5
    )


def test_popular_items_of_a_users_own_may_tell_less():
    """r D_i^-into: another exponent than the one kept in the first hop."""
    linear = linear_filter(SPARSE, 0, seed=0)
    hops = (R * over(BY_ITEM, -0.75)) @ (R.T * over(BY_USER, -1)) @ R
    assert linear.two_hop(SPARSE, 0.75) == pytest.approx(hops, abs=1e-5)


@pytest.mark.parametrize("crowded", [0.0, 1e9], ids=["rows of all users", "rows of some"])
def test_scores_do_not_depend_on_who_else_is_asked_about(monkeypatch, crowded):
    """To the last digit: a refresh of one user says what a training of all said."""
    monkeypatch.setattr(linear_module, "CROWDED", crowded)
    linear = linear_filter(SPARSE, 0, seed=0)
    together = linear.two_hop(SPARSE)
    assert (np.concatenate([linear.two_hop(SPARSE[k]) for k in range(40)]) == together).all()


def test_the_band_projects_on_the_leading_directions():
    """r D_i^-1/2 V V^T D_i^1/2"""
    linear = linear_filter(SPARSE, 6, seed=0)
    normalised = R * over(BY_USER, -0.5)[:, None] * over(BY_ITEM, -0.5)
    v = np.linalg.svd(normalised)[2][:6].T
    band = (R * over(BY_ITEM, -0.5)) @ v @ v.T * over(BY_ITEM, 0.5)
    assert linear.band(SPARSE) == pytest.approx(band, abs=2e-2)


def test_without_a_rank_there_is_no_band():
    """Zeros, as large as the scores."""
    assert not linear_filter(SPARSE, 0, seed=0).band(SPARSE).any()


def test_a_set_too_small_for_the_rank_takes_less():
    """A quarter of the shorter side."""
    into = linear_filter(SPARSE, 256, seed=0).into_band
    assert into is not None
    assert into.shape == (24, 6)


def test_a_user_with_nothing_scores_zero_everywhere():
    """Not NaN, which a division by an empty row would give."""
    linear = linear_filter(SPARSE, 6, seed=0)
    assert not linear.two_hop(SPARSE[0]).any()
    assert not linear.band(SPARSE[0]).any()


def test_no_interactions_at_all():
    """Zeros too."""
    empty = sp.csr_matrix((3, 5), dtype=np.float32)
    assert not linear_filter(empty, 4, seed=0).two_hop(empty).any()


def test_the_directions_are_those_of_an_exact_decomposition():
    """Of a matrix whose leading part stands out."""
    low = RNG.normal(size=(60, 4)) * [40, 30, 20, 10] @ RNG.normal(size=(4, 50))
    m = sp.csr_matrix((low + 0.1 * RNG.normal(size=(60, 50))).astype(np.float32))
    exact = np.linalg.svd(m.toarray())[2][:4].T
    found = right_singular(m, 4, seed=1)
    assert np.abs(exact.T @ found).max(axis=1) == pytest.approx(np.ones(4), abs=1e-3)


def test_the_same_seed_gives_the_same_band():
    """Bit for bit."""
    a, b = (linear_filter(SPARSE, 6, seed=3).band(SPARSE) for _ in range(2))
    assert np.array_equal(a, b)
