"""The encoder's scores, a linear filter's, the user's own history and popularity → one score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from gnn.evaluate import Ints
from gnn.linear import LinearFilter

CONSTANT = 1e-6
"""Share of a row's squares below which its variance is rounding error."""


class Fusion(BaseModel):
    """score = encoder z(encoder) + two_hop z(users^-into x two hops x users^-out) + band z(band)
    + own log(1 + events) + popular z(popularity)

    z is over a user's items. A weight of 0 leaves a term out. That of popularity may be negative:
    the other terms may favour it more than the future does. Of a user known by n events

        n / (n + half) z(score) + half / (n + half) z(popularity)
    """

    model_config = ConfigDict(frozen=True)

    encoder: float = 1.0
    two_hop: float = 0.0
    band: float = 0.0
    own: float = 0.0
    popular: float = 0.0
    into: float = 0.5
    """Exponent of an item's users where a user's own items are read: 0 lets popular ones say as
    much as rare ones."""
    out: float = 0.5
    """Exponent of an item's users in the two-hop score: 0 favours popular items."""
    half: float = 0.0
    """Events of a user at which all this counts as much as plain popularity."""

    def apply(self, term: Callable[[str], Tensor]) -> Tensor:
        """[B, n] from the terms by name, asked for only where they count."""
        names = {
            "encoder": self.encoder,
            two_hop(self.into, self.out): self.two_hop,
            "band": self.band,
            "own": self.own,
            "popular": self.popular,
        }
        used = [(name, weight) for name, weight in names.items() if weight] or [("encoder", 0.0)]
        total = used[0][1] * term(used[0][0])
        for name, weight in used[1:]:
            total.add_(term(name), alpha=weight)
        return total

    def drawn(self, score: Tensor, n: Tensor, term: Callable[[str], Tensor]) -> Tensor:
        """[B, I] scores of users with so many events [B], drawn to popularity."""
        if not self.half:
            return score
        taste = (n / (n + self.half))[:, None].to(score.dtype)
        return taste * standard(score) + (1 - taste) * term("popular")


def two_hop(into: float, out: float) -> str:
    """Name of the term."""
    return f"two_hop^{into}^{out}"


@dataclass(frozen=True)
class Blend:
    """What the terms beside the encoder are made of, as of one moment."""

    linear: LinearFilter
    interactions: sp.csr_matrix
    """[U, I] 0/1"""
    own: sp.csr_matrix
    """[U, I] positive events"""
    popular: Tensor
    """[I] the part of the encoder's score that is no taste"""

    def terms(self, users: Ints, encoder: Tensor) -> Terms:
        """`encoder` [B, I] is the encoder's raw score."""
        return Terms(self, users, self.interactions[users], encoder, {})


@dataclass(frozen=True)
class Terms:
    """Of a block of users: a term by its name, over all items or raw at some."""

    blend: Blend
    users: Ints
    rows: sp.csr_matrix
    """[B, I] 0/1"""
    encoder: Tensor
    """[B, I]"""
    hops: dict[float, Tensor]
    """[B, I] by exponent, once asked for"""

    def __call__(self, name: str) -> Tensor:
        """[B, I]"""
        linear = self.blend.linear
        if name == "encoder":
            return standard(self.encoder)
        if name == "band":
            return standard(self._on(linear.band(self.rows)))
        if name == "popular":
            return standard(self.blend.popular[None]).repeat(len(self.users), 1)
        if name == "own":
            return torch.log1p(self._on(self.blend.own[self.users].toarray()))
        into, out = (float(part) for part in name.split("^")[1:])
        return standard(self.two_hop(into) * self._on(linear.fade(out)))

    def two_hop(self, into: float) -> Tensor:
        """[B, I] raw, whatever the exponent of the items it leads to."""
        if into not in self.hops:
            self.hops[into] = self._on(self.blend.linear.two_hop(self.rows, into))
        return self.hops[into]

    def _on(self, a: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(a).to(self.encoder.device)


def standard(x: Tensor) -> Tensor:
    """z within each row; 0 where all are equal. Two sums and one pass: torch's own deviation takes
    as long as all the rest of a ranking."""
    mean = x.mean(1, keepdim=True).double()
    square = torch.linalg.vector_norm(x, dim=1, keepdim=True).double().square() / x.shape[1]
    variance = square - mean.square()
    varies = variance > CONSTANT * square
    scale = torch.where(varies, variance, 1).rsqrt() * varies
    return torch.addcmul((-mean * scale).to(x.dtype), x, scale.to(x.dtype))
