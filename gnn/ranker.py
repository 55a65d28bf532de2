"""The head of a user's ranking → the same items in a better order.

The fusion is a weighted sum: it cannot say that an item many terms agree on is worth more than
their sum, that popularity tells more of a user of few events, or that one of the user's items is
very like it. A small network over the same terms and a few more can, and it needs to look at but
the DEEP items the fusion puts first:

    logit = w x + MLP(x)        x [F]: see `features`, in standard deviations

It learns from what validation users took up, has no parameter of any user or item, and is used only
where it ranks better for users it did not learn from (`gnn.ranker_fit`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from gnn.alike import NAMES as ALIKE
from gnn.alike import alike, own_items
from gnn.evaluate import Ints
from gnn.fusion import Blend, band, two_hop
from gnn.inputs import Inputs

DEEP = 300
"""Items of a user that are put in another order."""
EXPONENTS = ((0.5, 0.25), (0.75, 0.0), (0.75, 0.25), (0.75, 0.5), (1.0, 0.25))
TERMS = (
    "encoder", *(two_hop(into, out) for into, out in EXPONENTS), band(64), band(256), "band", "own",
    "popular",
)  # fmt: skip
USER = ("events", "own popular")
NAMES = (*TERMS, *ALIKE, "fused", *USER)
AT_ONCE = 64
"""Users whose lists are read together."""


class Ranker(BaseModel):
    """Weights as lists, by layer, so that they are JSON."""

    model_config = ConfigDict(frozen=True)

    mean: tuple[float, ...]
    """[F]"""
    spread: tuple[float, ...]
    """[F]"""
    nets: tuple[tuple[tuple[tuple[float, ...], ...], ...], ...]
    """Of each of several networks: by layer [out][in + 1], the last column its bias; the first is
    the linear part. Their logits' mean counts."""
    repeats: bool
    """Own items are ranked with the others."""
    fewest: int
    """Events below which a user is left in the fusion's order: it learned from nobody like that."""

    @cached_property
    def layers(self) -> list[list[Tensor]]:
        return [[torch.tensor(layer) for layer in net] for net in self.nets]

    def logits(self, x: Tensor) -> Tensor:
        """[...] of features [..., F]"""
        mean, spread = (torch.tensor(v, device=x.device) for v in (self.mean, self.spread))
        x = ((x - mean) / spread).clamp(-FAR, FAR)
        parts = [forward([w.to(x.device) for w in net], x) for net in self.layers]
        return torch.stack(parts).mean(0)


FAR = 10.0
"""Standard deviations at which a feature is cut off."""


def forward(net: list[Tensor], x: Tensor) -> Tensor:
    """[...] logits of standardised features [..., F]"""
    linear, *layers = net
    out = x
    for layer in layers[:-1]:
        out = F.gelu(F.linear(out, layer[:, :-1], layer[:, -1]))
    last = layers[-1]
    return (F.linear(out, last[:, :-1], last[:, -1]) + F.linear(x, linear[:, :-1])).squeeze(-1)


@dataclass(frozen=True)
class Lists:
    """Makes the heads of users' rankings ready for a ranker."""

    inputs: Inputs
    blend: Blend
    repeats: bool
    """Own items are ranked with the others."""

    def head(self, users: Ints, scores: Tensor) -> Tensor:
        """[B, M] items the scores [B, I] put first, own ones left out where they may not be
        recommended."""
        s = scores
        if not self.repeats:
            s = scores.clone()
            own = self.blend.interactions[users].tocoo()
            at = tuple(torch.as_tensor(c, device=s.device).long() for c in (own.row, own.col))
            s[at] = float("-inf")
        return s.topk(min(DEEP, s.shape[1]), dim=1).indices

    def features(
        self, users: Ints, term: Callable[[str], Tensor], scores: Tensor, head: Tensor
    ) -> Tensor:
        """[B, M, F] by NAMES."""
        of_item = {name: term(name).gather(1, head) for name in TERMS}
        of_item["fused"] = scores.gather(1, head)
        parts = [of_item[name] for name in TERMS]
        near = self._alike(users, head)
        parts += [near[..., k] for k in range(len(ALIKE))]
        events, popular = self._of_users(users, scores.device)
        parts += [of_item["fused"], events.expand_as(parts[0]), popular.expand_as(parts[0])]
        return torch.stack(parts, dim=-1)

    def _alike(self, users: Ints, head: Tensor) -> Tensor:
        rows = torch.as_tensor(users, device=self.inputs.device)
        parts = []
        for start, end in pairwise([*range(0, len(users), AT_ONCE), len(users)]):
            owner, own = own_items(
                self.inputs.indptr, self.inputs.item, self.inputs.positive, rows[start:end]
            )
            near = alike(self.blend.linear, owner, own, head[start:end])
            if self.inputs.now is None:
                near[..., ALIKE.index("last three")] = 0  # no order
            parts.append(near)
        return torch.cat(parts)

    def _of_users(self, users: Ints, device: torch.device) -> tuple[Tensor, Tensor]:
        """[B, 1] log of the events, and mean log popularity of the user's items"""
        rows = self.blend.interactions[users]
        count = np.asarray(rows.sum(1), np.float32).ravel()
        said = np.asarray(rows @ self.blend.popular.cpu().numpy(), np.float32).ravel()
        columns = np.log1p(count), said / np.maximum(count, 1)
        events, popular = (torch.from_numpy(c).to(device)[:, None] for c in columns)
        return events, popular


def reordered(
    ranker: Ranker, lists: Lists, users: Ints, term: Callable[[str], Tensor], scores: Tensor
) -> Tensor:
    """[B, I] the same scores, but of the head, whose items stay before all others (own ones that
    may not be recommended aside) and have the ranker's logits above the first score behind it."""
    count = np.diff(lists.blend.interactions.indptr)[users]
    known = np.flatnonzero(count >= ranker.fewest)
    if not len(known):
        return scores
    rows = torch.as_tensor(known, device=scores.device)
    of, some = users[known], scores[rows]

    def of_known(name: str) -> Tensor:
        return term(name)[rows]

    head = lists.head(of, some)
    logits = ranker.logits(lists.features(of, of_known, some, head))
    floor = some.gather(1, head).amin(1, keepdim=True)
    risen = floor + logits - logits.amin(1, keepdim=True)
    scores[rows] = some.scatter(1, head, risen)
    return scores
