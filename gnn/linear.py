"""Who bought what → a linear item-item filter: no training, and hard to beat.

    R~ = D_u^-1/2 R D_i^-1/2       (R [U, I] is 0/1)
    two hops   r_u · R~^T R~        exact, by two sparse products
    band       r_u · D_i^-1/2 V V^T D_i^1/2, V [I, k] the leading right singular vectors of R~

The sum is GF-CF (Shen et al., "How Powerful is Graph Convolution for Recommendation?", CIKM 2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]


def _power(degree: NDArray[np.float32], exponent: float) -> NDArray[np.float32]:
    out = np.zeros_like(degree)
    np.power(degree, exponent, out=out, where=degree > 0)
    return out


@dataclass(frozen=True)
class LinearFilter:
    """Scores for any user with a row of items, trained on or not."""

    normalised: sp.csr_matrix
    """[U, I] R~"""
    transposed: sp.csr_matrix
    """[I, U] R~^T"""
    into_band: NDArray[np.float32] | None
    """[I, k] D_i^-1/2 V"""
    out_of_band: NDArray[np.float32] | None
    """[k, I] V^T D_i^1/2"""

    def two_hop(self, rows: sp.csr_matrix) -> Scores:
        """[B, I] from users' item rows [B, I]."""
        return np.asarray(((rows @ self.transposed) @ self.normalised).toarray(), np.float32)

    def band(self, rows: sp.csr_matrix) -> Scores:
        """[B, I]"""
        if self.into_band is None or self.out_of_band is None:
            return np.zeros(rows.shape, np.float32)
        return np.asarray((rows @ self.into_band) @ self.out_of_band, np.float32)


def linear_filter(interactions: sp.csr_matrix, rank: int, *, seed: int) -> LinearFilter:
    """From the 0/1 matrix [U, I]; `rank` 0 leaves the band out."""
    r = interactions.astype(np.float32)
    by_user = np.asarray(r.sum(1)).ravel().astype(np.float32)
    by_item = np.asarray(r.sum(0)).ravel().astype(np.float32)
    left = sp.diags(_power(by_user, -0.5), dtype=np.float32)
    right = sp.diags(_power(by_item, -0.5), dtype=np.float32)
    normalised = (left @ r @ right).tocsr().astype(np.float32)
    into = out = None
    if rank and min(r.shape) and r.nnz:
        v = right_singular(normalised, min(rank, min(r.shape)), seed=seed)
        into = _power(by_item, -0.5)[:, None] * v
        out = v.T * _power(by_item, 0.5)[None, :]
    return LinearFilter(normalised, normalised.T.tocsr(), into, out)


def right_singular(m: sp.csr_matrix, rank: int, *, seed: int, passes: int = 4) -> Scores:
    """[I, rank] leading right singular vectors by randomised subspace iteration (Halko, Martinsson
    and Tropp, 2011)."""
    rng = np.random.default_rng(seed)
    wide = min(rank + 16, min(m.shape))
    t = m.T.tocsr()
    q = rng.standard_normal((m.shape[1], wide)).astype(np.float32)
    for _ in range(passes):
        q = _orthonormal(t @ (m @ q))
    small = m @ q
    _, _, vt = torch.linalg.svd(torch.from_numpy(small), full_matrices=False)
    return np.ascontiguousarray((q @ vt.numpy().T)[:, :rank], np.float32)


def _orthonormal(a: NDArray[np.float32]) -> NDArray[np.float32]:
    q: NDArray[np.float32] = torch.linalg.qr(torch.from_numpy(a)).Q.numpy()
    return q
