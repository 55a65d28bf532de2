"""Users' own items and a list of other items → how alike they are, by who took both up.

    alike(i, j) = |U_i and U_j| / sqrt(|U_i| |U_j|)        U_i: the users of item i

A sum over a user's items, as two hops make it, cannot tell one item that is very like from many
that are a little so. These can: the likest of the user's items, the mean of the three likest, the
sum of squares, and the share that is alike at all; where events have times also the user's last
items.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from gnn.evaluate import Ints
from gnn.linear import LinearFilter
from gnn.model import spans

NAMES = ("likest", "three likest", "squares", "share alike", "last three")
OWN = 100
"""Last items of a user that are looked at."""
USERS = 500
"""Users of an item, evenly spaced, by whom it is compared: popular items have no end of them."""
FEW, LAST = 3, 3


def own_items(
    indptr: Tensor, item: Tensor, positive: Tensor, users: Tensor
) -> tuple[Tensor, Tensor]:
    """Owner (row of `users`) and item [P] of each user's last OWN distinct items, the latest last.
    Event columns are sorted by user and time."""
    owner, event = spans(indptr[users], indptr[users + 1])
    good = positive[event]
    owner, event = owner[good], event[good]
    n = int(item.max()) + 1 if len(item) else 1
    key = owner * n + item[event]
    order = torch.argsort(key, stable=True)
    last = torch.ones_like(key, dtype=torch.bool)
    last[:-1] = key[order][1:] != key[order][:-1]
    kept = order[last].sort().values  # each item at its latest event, in order of user and time
    owner, event = owner[kept], event[kept]
    behind = torch.bincount(owner, minlength=len(users)).cumsum(0)[owner] - torch.arange(
        len(owner), device=owner.device
    )
    near = behind <= OWN
    return owner[near], item[event[near]]


def alike(linear: LinearFilter, owner: Tensor, own: Tensor, listed: Tensor) -> Tensor:
    """[B, M, len(NAMES)] of the items `listed` [B, M] for B users with items `own` [P], in order of
    `owner` [P], the latest last."""
    device, (rows, width) = listed.device, listed.shape
    place = torch.arange(len(owner), device=device)
    count = torch.bincount(owner, minlength=rows)
    place = place - (count.cumsum(0) - count)[owner]
    most = max(int(count.max()) if len(count) else 0, FEW)
    found = torch.zeros(rows, most, width, device=device)
    found[owner, place] = torch.from_numpy(
        _pairs(linear, own.cpu().numpy(), listed[owner].cpu().numpy())
    ).to(device)
    told = count.clamp(min=1)[:, None]
    top = found.topk(FEW, dim=1).values
    last = torch.zeros_like(found[:, 0])
    for k in range(1, LAST + 1):
        there = (count >= k)[:, None]
        last += found[torch.arange(rows, device=device), (count - k).clamp(min=0)] * there
    return torch.stack(
        [
            top[:, 0],
            top.mean(1),
            found.square().sum(1),
            (found > 0).sum(1) / told,
            last / told.clamp(max=LAST),
        ],
        dim=-1,
    )


def _pairs(linear: LinearFilter, own: Ints, listed: Ints) -> np.ndarray:
    """[P, M] how alike own item p is to each of its user's listed items."""
    unique, place = np.unique(own, return_inverse=True)
    takers = _thinned(linear.users_of_items[unique])
    together = (takers @ linear.second_hop).tocsr()
    together.sort_indices()
    row = np.repeat(place, listed.shape[1])
    both = np.asarray(together[row, listed.ravel()], np.float32).reshape(listed.shape)
    degree = np.maximum(linear.users_of_item, 1)
    scale: np.ndarray = both / np.sqrt(degree[own][:, None] * degree[listed])
    return scale


def _thinned(takers: sp.csr_matrix) -> sp.csr_matrix:
    """Rows of at most USERS entries, evenly spaced, which stand for the others, too."""
    count = np.diff(takers.indptr)
    if count.max(initial=0) <= USERS:
        return takers
    step = np.maximum(count / USERS, 1)
    row = np.repeat(np.arange(len(count)), count)
    at = np.arange(len(row)) - takers.indptr[row]
    keep = np.floor(at / step[row]) != np.floor((at - 1) / step[row])
    kept = np.bincount(row[keep], minlength=len(count))
    data = np.repeat((count / np.maximum(kept, 1)).astype(np.float32), kept)
    indptr = np.concatenate([[0], np.cumsum(kept)])
    return sp.csr_matrix((data, takers.indices[keep], indptr), takers.shape)
