"""How alike items are to a user's own, by who took both up: beside the definition, cell by cell."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

import gnn.alike
from gnn.alike import NAMES, alike, own_items
from gnn.linear import LinearFilter

U, N = 40, 30
RNG = np.random.default_rng(3)
R = sp.csr_matrix((RNG.random((U, N)) < 0.2).astype(np.float32))
LINEAR = LinearFilter.of(R, None, None)
OWN = [np.array([3, 8, 2, 11]), np.array([5]), np.array([], np.int64)]
LISTED = torch.tensor([[1, 3, 7, 20], [5, 6, 0, 29], [4, 9, 2, 1]])


def of_own():
    owner = np.repeat(np.arange(len(OWN)), [len(o) for o in OWN])
    return torch.from_numpy(owner), torch.from_numpy(np.concatenate(OWN))


def likeness(i, j):
    both = R[:, [i]].multiply(R[:, [j]]).sum()
    return both / np.sqrt(max(R[:, [i]].sum(), 1) * max(R[:, [j]].sum(), 1))


def test_it_is_what_it_says():
    """Likest, three likest, sum of squares, share, last three; nothing where nothing is owned."""
    got = alike(LINEAR, *of_own(), LISTED).numpy()
    for user, own in enumerate(OWN):
        for place, item in enumerate(LISTED[user].tolist()):
            all_ = np.array([likeness(j, item) for j in own] or [0.0])
            best = np.sort(np.pad(all_, (0, 3)))[::-1][:3]
            last = all_[-3:]
            want = [best[0], best.mean(), (all_**2).sum(), (all_ > 0).mean(), last.mean()]
            assert got[user, place] == pytest.approx(want, abs=1e-6), NAMES


def test_a_users_figures_do_not_hang_on_who_else_is_asked_about():
    """To the last digit: a refresh must say what a publish says."""
    together = alike(LINEAR, *of_own(), LISTED)
    owner, own = of_own()
    alone = alike(LINEAR, owner[owner == 0], own[owner == 0], LISTED[:1])
    assert torch.equal(together[:1], alone)


def test_popular_items_are_compared_by_some_of_their_users(monkeypatch):
    """Who stand for the others: no more than that many, and near what all say."""
    r = sp.csr_matrix((np.random.default_rng(0).random((4_000, 4)) < 0.5).astype(np.float32))
    linear = LinearFilter.of(r, None, None)
    owner, own, listed = torch.tensor([0]), torch.tensor([0]), torch.tensor([[1, 2, 3]])
    exact = alike(linear, owner, own, listed)[0, :, 0]
    monkeypatch.setattr(gnn.alike, "USERS", 400)
    thin = gnn.alike._thinned(linear.users_of_items[[0]])
    assert thin.nnz <= 401
    assert thin.data.sum() == pytest.approx(linear.users_of_item[0])
    some = alike(linear, owner, own, listed)[0, :, 0]
    assert some.numpy() == pytest.approx(exact.numpy(), abs=0.06)
    assert not torch.equal(some, exact)


def test_own_items_are_the_last_distinct_ones(monkeypatch):
    """Each once, at its latest event, the latest last; events that speak against an item are not
    asked."""
    monkeypatch.setattr(gnn.alike, "OWN", 2)
    item = torch.tensor([4, 7, 4, 9, 5, 1])
    positive = torch.tensor([True, True, True, True, False, True])
    indptr = torch.tensor([0, 5, 5, 6])
    owner, own = own_items(indptr, item, positive, torch.tensor([2, 0, 1]))
    assert (owner.tolist(), own.tolist()) == ([0, 1, 1], [1, 4, 9])
