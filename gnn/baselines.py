"""Past events → the plain rankings every model is judged beside."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from gnn.graph import UNDATED, Events

DAY = 86_400


def age_days(at: NDArray[np.int64], now: int | None) -> NDArray[np.float32]:
    """[E] days before `now`; 0 where either is unknown."""
    if now is None:
        return np.zeros(len(at), np.float32)
    return np.where(at == UNDATED, 0, np.maximum(now - at, 0) / DAY).astype(np.float32)


def popularity(
    before: Events, now: int | None = None, half_life: float | None = None
) -> NDArray[np.float32]:
    """[I] users with a positive event; with `half_life` (days) each counts by its latest event's
    age."""
    e = before.where(before.positive)
    fade = np.ones(len(e), np.float32)
    if half_life is not None:
        fade = np.exp2(-age_days(e.at, now) / half_life).astype(np.float32)
    best = sp.csr_matrix((e.n_users, e.n_items), dtype=np.float32)
    if len(e):
        order = np.lexsort((fade, e.pair))
        pair = e.pair[order]
        last = order[np.append(pair[1:] != pair[:-1], True)]
        best = sp.csr_matrix((fade[last], (e.user[last], e.item[last])), best.shape)
    return np.asarray(best.sum(0), np.float32).ravel()


def own_history(before: Events) -> sp.csr_matrix:
    """[U, I] positive events of the pair: buy again what was bought most often."""
    return before.matrix(np.ones(len(before), np.float32))
