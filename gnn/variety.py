"""What users took up, by category → how varied it is, and how it changed."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from gnn.features import counts
from gnn.graph import Events

Doubles = NDArray[np.float64]

FEWEST_FOR_DRIFT = 8
"""Positive events in categories, half of them older and half newer"""


def explorer(liked: Events, share: sp.csr_array) -> Doubles:
    """[U] effective number of categories: exp of the entropy of the user's positive events over
    categories (Hill 1973, order 1); NaN without any. `share` [I, C]."""
    mix = (counts(liked) @ share).tocsr()
    total = np.asarray(mix.sum(axis=1)).ravel()
    part = mix.data / np.repeat(total, np.diff(mix.indptr))
    row = np.repeat(np.arange(liked.n_users), np.diff(mix.indptr))
    entropy = np.bincount(row, -part * np.log(part), liked.n_users)
    return np.where(total > 0, np.exp(entropy), np.nan)


def interest_drift(liked: Events, share: sp.csr_array) -> Doubles:
    """[U] 1 − Morisita's (1959) overlap of the categories of the user's older and newer half of
    events: 0 is the same mix, 1 has nothing in common. The overlap compares pairs of events, so
    that few of them do not look like a change. NaN below FEWEST_FOR_DRIFT events in categories.
    """
    known = np.diff(share.indptr) > 0
    placed = liked.where(liked.dated & known[liked.item])
    number = np.bincount(placed.user, minlength=placed.n_users)
    turn = np.arange(len(placed)) - np.searchsorted(placed.user, placed.user)
    older = turn < number[placed.user] // 2
    halves = []
    for half in (placed.where(older), placed.where(~older)):
        mix = (counts(half) @ share).tocsr()
        n = np.bincount(half.user, minlength=half.n_users).astype(np.float64)
        alike = np.asarray(mix.multiply(mix).sum(axis=1)).ravel()
        of_event = share[half.item]
        with_itself = np.asarray(of_event.multiply(of_event).sum(axis=1)).ravel()
        alike -= np.bincount(half.user, with_itself, half.n_users)
        halves.append((mix, n, alike / np.maximum(n * (n - 1), 1)))
    (old, n_old, within_old), (new, n_new, within_new) = halves
    across = np.asarray(old.multiply(new).sum(axis=1)).ravel() / np.maximum(n_old * n_new, 1)
    within = within_old + within_new
    told = (number >= FEWEST_FOR_DRIFT) & (within > 0)
    overlap = np.divide(2 * across, within, out=np.full(len(within), np.nan), where=told)
    return np.asarray(1 - np.minimum(overlap, 1), np.float64)


def last_categories(liked: Events, share: sp.csr_array, most: int) -> NDArray[np.int64]:
    """[U, most] the categories of each user's latest positive events, the latest first, each once;
    -1 where there are no more. Of an item in several, the first."""
    known = np.diff(share.indptr) > 0
    placed = liked.where(liked.positive & known[liked.item])
    category = share.indices[share.indptr[placed.item]].astype(np.int64)
    user, wide = placed.user[::-1], np.int64(share.shape[1])
    _, latest = np.unique(user * wide + category[::-1], return_index=True)
    latest = np.sort(latest)  # events are sorted by user and time
    user, category = user[latest], category[::-1][latest]
    order = np.argsort(user, kind="stable")
    user, category = user[order], category[order]
    turn = np.arange(len(user)) - np.searchsorted(user, user)
    found = np.full((liked.n_users, most), -1)
    found[user[turn < most], turn[turn < most]] = category[turn < most]
    return found
