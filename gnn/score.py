"""A trained encoder, its fusion weights and a graph at one moment → scores of all items."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gnn.baselines import own_history
from gnn.encode import Snapshot, Vectors, encoded, vectors
from gnn.encoded import Encoded
from gnn.evaluate import Ints
from gnn.fusion import Blend, Fusion, Terms
from gnn.heads import Heads
from gnn.inputs import Inputs
from gnn.linear import LinearFilter, linear_filter
from gnn.model import Encoder
from gnn.ranker import Ranker, reordered


@dataclass(frozen=True)
class Scorer:
    """A model looking at one graph at one moment. Call for blocks of users: answers are [B, I]."""

    model: Encoder
    inputs: Inputs
    moment: Snapshot
    fusion: Fusion
    rank: int
    """Of the linear filter's band; 0 where it has no weight"""
    seed: int
    linear: LinearFilter | None = None
    """Where it stands already; else it is made from the inputs' events"""
    ranker: Ranker | None = None
    """Orders the head of a ranking anew, where it proved better"""
    beside: float = 0.0
    """Weight of the band in one inner product with the encoder"""

    @cached_property
    def encoded(self) -> Encoded:
        """User and item vectors, and each edge's part of them."""
        return encoded(self.model, self.inputs, self.moment)

    @cached_property
    def vectors(self) -> Vectors:
        return vectors(self.model, self.inputs, self.moment)

    @cached_property
    def blend(self) -> Blend:
        flat = self.inputs.flat
        interactions = flat.matrix()
        linear = self.linear or linear_filter(interactions, self.rank, seed=self.seed)
        return Blend(linear, interactions, own_history(flat), self.moment.prior)

    @cached_property
    def heads(self) -> Heads:
        """What a ranker looks at."""
        return Heads(self.inputs, self.blend)

    def encoder_scores(self, users: Ints) -> Tensor:
        """[B, I] on the device: user · item + bias."""
        v = self.vectors
        rows = torch.as_tensor(users, device=v.user.device)
        return torch.addmm(v.bias, v.user[rows], v.item.T)

    def terms(self, users: Ints) -> Terms:
        """Of the fusion, each [B, I] on the device."""
        return self.blend.terms(users, self.encoder_scores(users))

    def fuse(self, users: Ints, term: Terms) -> Tensor:
        """[B, I] from their terms. Users without events have the encoder's alone: what is popular,
        and their friends."""
        scores = self.fusion.apply(term)
        if self.ranker is not None:
            scores = reordered(self.ranker, self.heads, term, scores)
        rows = torch.as_tensor(users, device=scores.device)
        told = self.inputs.indptr[rows + 1] - self.inputs.indptr[rows]
        scores = self.fusion.drawn(scores, told, term)
        new = told == 0
        if new.any():
            scores[new] = term("encoder")[new]
        return scores

    def encoder(self, users: Ints) -> NDArray[np.float32]:
        """[B, I] user · item + bias."""
        return np.asarray(self.encoder_scores(users).cpu().numpy(), np.float32)

    def fused(self, users: Ints) -> NDArray[np.float32]:
        """[B, I] encoder, linear item-item filter, own history and popularity, with the weights
        fitted on validation. Comparable within a user, not between users."""
        return np.asarray(self.fuse(users, self.terms(users)).cpu().numpy(), np.float32)
