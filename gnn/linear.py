"""Who bought what → a linear item-item filter: no training, and hard to beat.

    two hops   r_u D_i^-into · R^T D_u^-1 R · D_i^-out     exact, by two sparse products
    band       r_u D_i^-1/2 · V V^T · D_i^1/2

R [U, I] is 0/1, D_u and D_i its degrees, V [I, k] the leading right singular vectors of
D_u^-1/2 R D_i^-1/2. The band is that of GF-CF (Shen et al., "How Powerful is Graph Convolution for
Recommendation?", CIKM 2021), where both exponents are 1/2; `into` says how little a user's popular
items tell, `out` how little popular items are favoured.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

Scores = NDArray[np.float32]

INTO = 0.5
"""Exponent that is part of the first hop."""
CROWDED = 0.2
"""Share of all users that a user's items lead to, counted with repetition. A product with zeros in
it runs along rows, several times as fast a cell as one without."""
NARROW = (64, 256)
"""Directions of the band that a ranker is told of by themselves."""
CELLS_A_BLOCK = 16_000_000
RESOLVED = 1e-6
"""Share of the largest squared singular value below which a direction is rounding error."""


@dataclass(frozen=True)
class LinearFilter:
    """Scores for any user with a row of items."""

    first_hop: sp.csr_matrix
    """[I, U] D_i^-1/2 R^T D_u^-1"""
    second_hop: sp.csr_matrix
    """[U, I] R"""
    users_of_item: NDArray[np.float32]
    """[I]"""
    into_band: Scores | None
    """[I, k] D_i^-1/2 V"""
    out_of_band: Scores | None
    """[k, I] V^T D_i^1/2"""

    @classmethod
    def of(cls, r: sp.csr_matrix, into: Scores | None, out: Scores | None) -> LinearFilter:
        """From the 0/1 matrix [U, I] and a band that was found before."""
        by_user = np.asarray(r.sum(1)).ravel().astype(np.float32)
        by_item = np.asarray(r.sum(0)).ravel().astype(np.float32)
        in_item = sp.diags(_power(by_item, -0.5), dtype=np.float32)
        first = (in_item @ r.T @ sp.diags(_power(by_user, -1), dtype=np.float32)).tocsr()
        return cls(first, r, by_item, into, out)

    def two_hop(self, rows: sp.csr_matrix, into: float = INTO) -> Scores:
        """[B, I] from users' item rows [B, I], without D_i^-out."""
        if into != INTO:
            rows = rows.copy()
            rows.data *= self.fade(into - INTO)[rows.indices]
        near = rows @ self.first_hop
        if not self.is_crowded:
            return np.asarray((near @ self.second_hop).toarray(), np.float32)
        out = np.empty(rows.shape, np.float32)
        size = max(1, CELLS_A_BLOCK // max(1, near.shape[1]))
        for start in range(0, rows.shape[0], size):
            part = near[start : start + size].T.toarray(order="C")
            out[start : start + size] = (self.users_of_items @ part).T
        return out

    @cached_property
    def is_crowded(self) -> bool:
        """Whether a user shares items with so many others (CROWDED) that a row of all of them,
        zeros too, is the faster way through the second hop. By the whole matrix, so that a user's
        scores are the same to the last digit whoever else is asked about."""
        users = len(self.second_hop.indptr) - 1
        meetings = float(np.square(self.users_of_item, dtype=np.float64).sum())
        return meetings > CROWDED * users**2

    @cached_property
    def users_of_items(self) -> sp.csr_matrix:
        """[I, U] R^T"""
        return self.second_hop.T.tocsr()

    def fade(self, out: float) -> Scores:
        """[I] D_i^-out, not to be changed"""
        if out not in self._faded:
            self._faded[out] = _power(self.users_of_item, -out)
        return self._faded[out]

    @cached_property
    def _faded(self) -> dict[float, Scores]:
        return {}

    def user_band(self, rows: sp.csr_matrix) -> Scores:
        """[B, k] users' part of the band, over the root of how many items they have; zeros of
        users without items. k is 0 without a band."""
        if self.into_band is None:
            return np.zeros((rows.shape[0], 0), np.float32)
        into = np.asarray(rows @ self.into_band, np.float32)
        n = np.asarray(rows.sum(1), np.float32).reshape(-1, 1)
        return np.asarray(into / np.sqrt(np.maximum(n, 1)), np.float32)

    def band(self, rows: sp.csr_matrix) -> Scores:
        """[B, I]; zeros without a band"""
        if self.into_band is None or self.out_of_band is None:
            return np.zeros(rows.shape, np.float32)
        return np.asarray((rows @ self.into_band) @ self.out_of_band, np.float32)

    def bands(self, rows: sp.csr_matrix, items: NDArray[np.int64]) -> Scores:
        """[B, M, 1 + len(NARROW)] the band, and its first directions alone, at `items` [B, M]."""
        shape = (*items.shape, 1 + len(NARROW))
        if self.into_band is None:
            return np.zeros(shape, np.float32)
        into = np.asarray(rows @ self.into_band, np.float32)
        parts, start = [], 0
        for end in (*NARROW, into.shape[1]):
            of_item = self.band_of_items[items, start:end]
            parts.append(np.einsum("bmk,bk->bm", of_item, into[:, start:end], optimize=True))
            start = min(end, into.shape[1])
        sums = np.cumsum(np.stack(parts, axis=-1), axis=-1, dtype=np.float32)
        return np.concatenate([sums[..., -1:], sums[..., :-1]], axis=-1)

    @cached_property
    def band_of_items(self) -> Scores:
        """[I, k] D_i^1/2 V; k is 0 without a band"""
        if self.out_of_band is None:
            return np.zeros((len(self.users_of_item), 0), np.float32)
        return np.ascontiguousarray(self.out_of_band.T)


def linear_filter(interactions: sp.csr_matrix, rank: int, *, seed: int) -> LinearFilter:
    """From the 0/1 matrix [U, I]; `rank` 0 leaves the band out."""
    r = interactions.astype(np.float32)
    by_user = np.asarray(r.sum(1)).ravel().astype(np.float32)
    by_item = np.asarray(r.sum(0)).ravel().astype(np.float32)
    into = out = None
    rank = min(rank, min(r.shape) // 4)
    if rank and r.nnz:
        in_item = sp.diags(_power(by_item, -0.5), dtype=np.float32)
        normalised = sp.diags(_power(by_user, -0.5), dtype=np.float32) @ r @ in_item
        v = right_singular(normalised.tocsr(), rank, seed=seed)
        into = _power(by_item, -0.5)[:, None] * v
        out = v.T * _power(by_item, 0.5)[None, :]
    return LinearFilter.of(r, into, out)


def _power(degree: Scores, exponent: float) -> Scores:
    out = np.zeros_like(degree)
    np.power(degree, exponent, out=out, where=degree > 0)
    return out


def right_singular(m: sp.csr_matrix, rank: int, *, seed: int, passes: int = 4) -> Scores:
    """[I, rank] leading right singular vectors by randomised subspace iteration (Halko, Martinsson
    and Tropp, 2011), on the shorter of the two sides."""
    rng = np.random.default_rng(seed)
    wide = min(rank + 16, min(m.shape))
    t = m.T.tocsr()
    there, back = (t, m) if m.shape[0] < m.shape[1] else (m, t)
    q = rng.standard_normal((there.shape[1], wide)).astype(np.float32)
    for _ in range(passes):
        q = _orthonormal(back @ (there @ q))
    image = there @ q
    values, vectors = torch.linalg.eigh(torch.from_numpy(image.T @ image).double())
    leading = vectors.flip(1)[:, :rank].float().numpy()
    if there is m:
        return np.ascontiguousarray(q @ leading)
    energy = values.flip(0)[:rank]
    there_is = energy > RESOLVED * energy[0]
    length = torch.where(there_is, energy, 1).rsqrt() * there_is
    return np.ascontiguousarray(image @ leading * length.float().numpy())


def _orthonormal(a: NDArray[np.float32]) -> NDArray[np.float32]:
    q: NDArray[np.float32] = torch.linalg.qr(torch.from_numpy(a)).Q.numpy()
    return q
