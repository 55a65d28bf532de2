"""The head of a user's ranking → the same items in a better order.

The fusion is a weighted sum: it cannot say that an item many terms agree on is worth more than
their sum, that popularity tells more of a user of few events, or that one of the user's items is
very like it. A small network over the same terms and a few more can, and it needs to look at but
the items the fusion puts first (`gnn.heads`):

    logit = w x + MLP(x)        x [F] in standard deviations

It learns from what validation users took up, has no parameter of any user or item, and is used as
far as it ranks better for users it did not learn from (`gnn.ranker_fit`): the logit is a mean of
this one and the fusion's score.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from gnn.fusion import Terms
from gnn.heads import NAMES, Heads

FUSED = NAMES.index("fused")
FAR = 10.0
"""Standard deviations at which a feature is cut off."""

AT_ONCE = 512
"""Users whose heads are held: of few items there may be many users in a block."""

Layer = tuple[tuple[float, ...], ...]
"""[out][in + 1], the last column its bias"""


class Ranker(BaseModel):
    """Weights as lists, so that they are JSON."""

    model_config = ConfigDict(frozen=True)

    mean: tuple[float, ...]
    """[F]"""
    spread: tuple[float, ...]
    """[F]"""
    nets: tuple[tuple[Layer, ...], ...]
    """Several networks, whose logits' mean counts; the first layer of each is the linear part."""
    share: float
    """Of the networks in the logit; the rest is the fusion's."""
    repeats: bool
    """Own items are ranked with the others."""
    fewest: int
    """Items of a user below which the order stays: it learned from nobody like that."""

    def logits(self, x: Tensor) -> Tensor:
        """[...] of features [..., F]"""
        mean, spread = (torch.tensor(v, device=x.device) for v in (self.mean, self.spread))
        fused = x[..., FUSED]
        x = ((x - mean) / spread).clamp(-FAR, FAR)
        found = torch.stack([forward(net, x) for net in self._on(x.device)]).mean(0)
        return torch.lerp(fused, found, self.share)

    def _on(self, device: torch.device) -> list[list[Tensor]]:
        return [[layer.to(device) for layer in net] for net in self._tensors]

    @cached_property
    def _tensors(self) -> list[list[Tensor]]:
        return [[torch.tensor(layer) for layer in net] for net in self.nets]


def forward(net: list[Tensor], x: Tensor) -> Tensor:
    """[...] logits of standardised features [..., F]"""
    linear, *hidden, last = net
    out = x
    for layer in hidden:
        out = F.gelu(F.linear(out, layer[:, :-1], layer[:, -1]))
    out = F.linear(out, last[:, :-1], last[:, -1])
    return (out + F.linear(x, linear[:, :-1])).squeeze(-1)


def reordered(ranker: Ranker, heads: Heads, terms: Terms, scores: Tensor) -> Tensor:
    """[B, I] the same scores, but of the head, whose items stay before all others (own ones that
    may not be recommended aside) and have the ranker's logits above the last score among them."""
    known = np.flatnonzero(np.diff(terms.rows.indptr) >= ranker.fewest)
    for start in range(0, len(known), AT_ONCE):
        some = known[start : start + AT_ONCE]
        rows = torch.as_tensor(some, device=scores.device)
        before = scores[rows]
        head = heads.items(terms.users[some], before, repeats=ranker.repeats)
        logits = ranker.logits(heads.features(terms, rows, before, head))
        floor = before.gather(1, head).amin(1, keepdim=True)
        risen = floor + logits - logits.amin(1, keepdim=True)
        scores[rows] = before.scatter(1, head, risen)
    return scores
