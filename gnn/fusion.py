"""The encoder's scores, a linear filter's and the user's own history → one score, with weights
fitted on validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from gnn.evaluate import Ints, Task, cells, is_target
from gnn.linear import LinearFilter

DEEP = 300
"""Items of each term's ranking among which a choice of weights is judged."""
AT = 20
CONSTANT = 1e-6
"""Share of a row's squares below which its variance is rounding error."""
ROUNDS = 2
SURE = 2.0
"""Standard errors by which a choice must win. Several are tried each time: with one, chance wins
often enough to cost more on the test than true gains bring."""


class Fusion(BaseModel):
    """score = encoder z(encoder) + two_hop z(two hops x users^-out) + band z(band)
    + own log(1 + events) + popular z(popularity)

    z is over a user's items. A weight of 0 leaves a term out.
    """

    model_config = ConfigDict(frozen=True)

    encoder: float = 1.0
    two_hop: float = 0.0
    band: float = 0.0
    own: float = 0.0
    popular: float = 0.0
    out: float = 0.5
    """Exponent of an item's users in the two-hop score: 0 favours popular items."""

    def apply(self, term: Callable[[str], Tensor]) -> Tensor:
        """[B, n] from the terms by name, asked for only where they count."""
        names = {
            "encoder": self.encoder,
            f"two_hop^{self.out}": self.two_hop,
            "band": self.band,
            "own": self.own,
            "popular": self.popular,
        }
        used = [(name, weight) for name, weight in names.items() if weight] or [("encoder", 0.0)]
        total = used[0][1] * term(used[0][0])
        for name, weight in used[1:]:
            total.add_(term(name), alpha=weight)
        return total


PRIOR = Fusion(two_hop=0.2, out=0.25, own=0.3)
"""What holds until validation says otherwise."""
FADING = PRIOR.model_copy(update={"popular": 0.2})
"""The same where popularity has a half-life, which several periods have borne out."""
OUT = (0.0, 0.25, 0.5)
NAMES = ("encoder", *(f"two_hop^{out}" for out in OUT), "band", "own", "popular")
_WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0, 2.0)
STEPS: tuple[list[dict[str, float]], ...] = (
    [{"two_hop": 0.0}, *({"two_hop": w, "out": o} for w in _WEIGHTS[1:] for o in OUT)],
    [{"band": w} for w in _WEIGHTS],
    [{"own": w} for w in (0.0, 0.3, 1.0, 3.0, 10.0)],
    [{"popular": w} for w in _WEIGHTS],
    [{"encoder": w} for w in (1.0, 0.3, 0.0)],
)
"""The settings tried, one group after the other."""
LINEAR: tuple[list[dict[str, float]], ...] = (
    [{"out": o} for o in OUT],
    [{"band": w} for w in (0.0, 0.35, 1.0)],
)


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

    def terms(self, users: Ints, encoder: Tensor) -> Callable[[str], Tensor]:
        """Terms [B, I] by name; `encoder` [B, I] is the encoder's raw score."""
        rows = self.interactions[users]

        def on(a: NDArray[np.float32]) -> Tensor:
            return torch.from_numpy(a).to(encoder.device)

        raw: dict[str, Tensor] = {}

        def term(name: str) -> Tensor:
            if name == "encoder":
                return standard(encoder)
            if name == "band":
                return standard(on(self.linear.band(rows)))
            if name == "popular":
                return standard(self.popular[None]).repeat(len(users), 1)
            if name == "own":
                return torch.log1p(on(self.own[users].toarray()))
            if not raw:
                raw["two_hop"] = on(self.linear.two_hop(rows))
            return standard(raw["two_hop"] * on(self.linear.fade(float(name.split("^")[1]))))

        return term


def standard(x: Tensor) -> Tensor:
    """z within each row; 0 where all are equal. Two sums and one pass: torch's own deviation takes
    as long as all the rest of a ranking."""
    mean = x.mean(1, keepdim=True).double()
    square = torch.linalg.vector_norm(x, dim=1, keepdim=True).double().square() / x.shape[1]
    variance = square - mean.square()
    varies = variance > CONSTANT * square
    scale = torch.where(varies, variance, 1).rsqrt() * varies
    return torch.addcmul((-mean * scale).to(x.dtype), x, scale.to(x.dtype))


@dataclass(frozen=True)
class Shortlist:
    """The items that may reach a user's top by any term, and their terms, to try weights on."""

    terms: dict[str, Tensor]
    """By name [N, M]; -inf marks what may not be recommended"""
    is_target: Tensor
    """[N, M]"""
    count: Tensor
    """[N] targets of the user, also outside the list"""

    def worth(self, weights: Fusion) -> Tensor:
        """[N] Recall@20 + NDCG@20."""
        s = weights.apply(self.terms.__getitem__)
        k = min(AT, s.shape[1])
        hit = self.is_target.gather(1, s.topk(k, dim=1).indices).float()
        discount = 1 / torch.log2(torch.arange(k, device=s.device).float() + 2)
        ideal = torch.cat([torch.zeros(1, device=s.device), discount.cumsum(0)])
        ndcg = (hit * discount).sum(1) / ideal[self.count.clamp(max=k)]
        return hit.sum(1) / self.count + ndcg


def shortlist(task: Task, terms: Callable[[Ints], Callable[[str], Tensor]]) -> Shortlist:
    """`terms` gives a block of users' terms over all items."""
    parts = list(_shortlists(task, terms))
    width = max(p.is_target.shape[1] for p in parts)

    def joined(pieces: list[Tensor], fill: float) -> Tensor:
        pad = [torch.nn.functional.pad(p, (0, width - p.shape[1]), value=fill) for p in pieces]
        return torch.cat(pad)

    return Shortlist(
        {name: joined([p.terms[name] for p in parts], float("-inf")) for name in NAMES},
        joined([p.is_target.float() for p in parts], 0) > 0,
        torch.cat([p.count for p in parts]),
    )


def _shortlists(
    task: Task, terms: Callable[[Ints], Callable[[str], Tensor]]
) -> Iterator[Shortlist]:
    for block in task.blocks():
        term = terms(block.users)
        full = {name: term(name) for name in NAMES}
        device = full["encoder"].device
        seen = cells(block.seen_indptr, block.seen, device)
        for scores in full.values():
            scores[seen] = float("-inf")
        deep = min(DEEP, block.n_items)
        items = torch.cat([s.topk(deep, dim=1).indices for s in full.values()], 1).sort(1).values
        again = torch.zeros_like(items, dtype=torch.bool)
        again[:, 1:] = items[:, 1:] == items[:, :-1]
        row, target = cells(block.indptr, block.target, device)
        yield Shortlist(
            {n: s.gather(1, items).masked_fill(again, float("-inf")) for n, s in full.items()},
            is_target(items, row * block.n_items + target, block.n_items) & ~again,
            torch.as_tensor(np.diff(block.indptr), device=device),
        )


def fit_fusion(
    short: Shortlist,
    start: Fusion | None = None,
    steps: tuple[list[dict[str, float]], ...] = STEPS,
) -> Fusion:
    """Weights by coordinate search. A setting replaces another only where it is better by more than
    the standard error of the difference between users, so that few users change little."""
    best = start or PRIOR
    worth = short.worth(best)
    for _ in range(ROUNDS):
        for group in steps:
            tried = [best.model_copy(update=change) for change in group]
            results = [short.worth(weights) for weights in tried]
            top = int(torch.stack([r.mean() for r in results]).argmax())
            if better(results[top], worth):
                best, worth = tried[top], results[top]
    return best


def better(a: Tensor, b: Tensor, sure: float = SURE) -> bool:
    """Whether figures of the same users [N] are better by more than `sure` standard errors."""
    d = (a - b).double()
    return len(d) > 1 and float(d.mean()) > sure * float(d.std()) / len(d) ** 0.5
