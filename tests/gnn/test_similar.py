"""User vectors → nearest users, and how spread out they are."""

import numpy as np
import pytest
import torch

from gnn.similar import best_columns, effective_rank, mean_cosine, nearest_users

RNG = np.random.default_rng(0)
USERS = RNG.normal(size=(200, 8)).astype(np.float32)


def brute_force(user):
    unit = user / np.linalg.norm(user, axis=1, keepdims=True)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -2)
    return np.argsort(-cosine, axis=1)[:, :10]


def test_neighbours_are_exact():
    """The ten nearest are those of the full table of cosines."""
    found = nearest_users(USERS)
    assert (found.other.reshape(200, 10) == brute_force(USERS)).all()


def test_blocks_do_not_change_them(monkeypatch):
    """Three users at a time give the same neighbours."""
    whole = nearest_users(USERS)
    monkeypatch.setattr("gnn.similar.CELLS_A_BLOCK", 600)
    assert (nearest_users(USERS).other == whole.other).all()


def test_the_best_of_long_rows_are_exact():
    """By groups of columns or at once: the same values from the same places."""
    scores = torch.as_tensor(RNG.normal(size=(5, 4321)).astype(np.float32))
    values, columns = best_columns(scores, 7)
    assert values.equal(scores.topk(7, dim=1).values)
    assert scores.gather(1, columns).equal(values)


def test_a_zero_vector_is_nobodys_neighbour():
    """A user nothing is known of has no similar users and is none."""
    user = USERS.copy()
    user[7] = 0
    found = nearest_users(user)
    assert 7 not in found.user
    assert 7 not in found.other


def test_ranks_run_from_the_nearest():
    """Cosines fall with the rank."""
    found = nearest_users(USERS, top=3)
    assert found.rank[:3].tolist() == [1, 2, 3]
    assert (np.diff(found.cosine.reshape(-1, 3), axis=1) <= 0).all()


def test_the_opposite_is_not_similar():
    """A neighbour with a negative cosine is left out."""
    found = nearest_users(np.array([[1, 0], [-1, 0.1]], np.float32))
    assert len(found.user) == 0


@pytest.mark.parametrize("n", [0, 1])
def test_alone_there_is_nobody_similar(n):
    """No users, or one: no pairs."""
    assert len(nearest_users(USERS[:n]).user) == 0


def test_effective_rank_counts_directions():
    """Users on three of eight axes in equal parts use three dimensions."""
    assert effective_rank(np.eye(8, dtype=np.float32)[np.arange(90) % 3]) == pytest.approx(3)


def test_mean_cosine_is_that_of_all_pairs():
    """Two alike and one at a right angle: one pair of three has 1."""
    user = np.array([[1, 0], [2, 0], [0, 1]], np.float32)
    assert mean_cosine(user) == pytest.approx(1 / 3)


def test_collapsed_vectors_show():
    """All users in one place: rank 1, cosine 1."""
    same = np.ones((50, 4), np.float32)
    assert (effective_rank(same), mean_cosine(same)) == (pytest.approx(1), pytest.approx(1))
