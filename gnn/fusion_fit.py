"""Terms of the fusion and what users took up → its weights.

First the weights under which what users took up is likeliest (a softmax over each user's
shortlist), held to a first guess as by the word of PULL users: few users change little, many all.
Then they are moved where that certainly brings more into the top twenty, which is another aim than
likelihood: once to the best of a grid, then one by one. Moves alone would hardly start from few
users: one weight lifts few items across the twentieth place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from gnn.evaluate import Ints, Task, cells, is_target
from gnn.fusion import Fusion, two_hop

DEEP = 300
"""Items of each term's ranking among which weights are judged."""
AT = 20
PULL = 30.0
PRECISION = 1e-6
"""Of the loss: what float32 resolves."""
PRIOR = Fusion(encoder=1.5, two_hop=0.3, out=0.25, own=0.45)
"""What holds until validation says otherwise."""
FADING = PRIOR.model_copy(update={"popular": 0.3})
"""The same where popularity has a half-life, which several periods have borne out."""
INTO = (0.5, 0.75)
OUT = (0.0, 0.25, 0.5)
HOPS = tuple(product(INTO, OUT))
NAMES = ("encoder", *(two_hop(*hop) for hop in HOPS), "band", "own", "popular")
WEIGHTS = ("encoder", "two_hop", "band", "own", "popular")
BOUNDS = tuple((None, None) if name == "popular" else (0.0, None) for name in WEIGHTS)
BANDS = (0.0, 0.2, 0.35, 0.5, 1.0, 2.0)
FACTORS = (0.0, 0.3, 0.6, 1.6, 3.0)
SHARES = {"two_hop": (0.1, 0.3), "band": (0.1, 0.3), "popular": (-0.3, -0.15, 0.15, 0.3)}
"""Of the encoder's weight, added: a weight of 0 has no multiple."""
ENCODERS = (0.0, 0.5, 1.0, 2.0)
ROUNDS = 2
SURE = 2.0
"""Standard errors by which a choice must win. Several are tried each time: with one, chance wins
often enough to cost more on the test than true gains bring."""
SURE_OF_MANY = 3.0
"""The same where hundreds are tried."""


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
        s = weights.apply(self.terms.__getitem__).masked_fill(~self.allowed, float("-inf"))
        return worth_of(s, self.is_target, self.count)

    @property
    def allowed(self) -> Tensor:
        """[N, M]"""
        return self.terms["encoder"] > float("-inf")


def worth_of(scores: Tensor, target: Tensor, count: Tensor) -> Tensor:
    """[N] Recall@20 + NDCG@20 of users with so many targets [N], by scores [N, M] of items that are
    `target` [N, M] or not."""
    k = min(AT, scores.shape[1])
    hit = target.gather(1, scores.topk(k, dim=1).indices).float()
    discount = 1 / torch.log2(torch.arange(k, device=scores.device).float() + 2)
    ideal = torch.cat([torch.zeros(1, device=scores.device), discount.cumsum(0)])
    return hit.sum(1) / count + (hit * discount).sum(1) / ideal[count.clamp(max=k)]


def shortlist(
    task: Task,
    terms: Callable[[Ints], Callable[[str], Tensor]],
    names: tuple[str, ...] = NAMES,
) -> Shortlist:
    """`terms` gives a block of users' terms over all items, the encoder's among them."""
    parts = list(_shortlists(task, terms, names))
    width = max(p.is_target.shape[1] for p in parts)

    def joined(pieces: list[Tensor], fill: float) -> Tensor:
        pad = [torch.nn.functional.pad(p, (0, width - p.shape[1]), value=fill) for p in pieces]
        return torch.cat(pad)

    return Shortlist(
        {name: joined([p.terms[name] for p in parts], float("-inf")) for name in names},
        joined([p.is_target.float() for p in parts], 0) > 0,
        torch.cat([p.count for p in parts]),
    )


def _shortlists(
    task: Task, terms: Callable[[Ints], Callable[[str], Tensor]], names: tuple[str, ...]
) -> Iterator[Shortlist]:
    for block in task.blocks():
        term = terms(block.users)
        full = {name: term(name) for name in names}
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


def fit_fusion(short: Shortlist, prior: Fusion = PRIOR) -> Fusion:
    """Weights for the pair of exponents under which they are likeliest."""
    found = [_likeliest(short, prior.model_copy(update={"into": i, "out": o})) for i, o in HOPS]
    loss, weights = min(found, key=lambda f: f[0])
    return _moved(short, _leapt(short, weights)) if np.isfinite(loss) else prior


def fit_linear(short: Shortlist) -> Fusion:
    """The linear filter alone, as a baseline: the best of a grid on these users."""
    tried = [
        Fusion(encoder=0, two_hop=1, into=i, out=o, band=band) for i, o in HOPS for band in BANDS
    ]
    return tried[int(torch.stack([short.worth(w).mean() for w in tried]).argmax())]


def _likeliest(short: Shortlist, prior: Fusion) -> tuple[float, Fusion]:
    """Loss, and weights with the exponents of `prior`."""
    allowed = short.allowed
    target = short.is_target & allowed
    rows = torch.nonzero(target.any(1)).ravel()
    if not len(rows):
        return float("inf"), prior
    allowed, target = allowed[rows], target[rows].float()
    share = target / target.sum(1, keepdim=True)
    names = [two_hop(prior.into, prior.out) if w == "two_hop" else w for w in WEIGHTS]
    x = torch.stack([short.terms[n][rows].masked_fill(~allowed, 0) for n in names])
    before = np.array([getattr(prior, w) for w in WEIGHTS])
    pull = PULL / len(rows)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        w = torch.tensor(weights, dtype=x.dtype, device=x.device)
        logits = torch.einsum("k,knm->nm", w, x).masked_fill_(~allowed, float("-inf"))
        p = torch.log_softmax(logits, 1).masked_fill_(~allowed, 0)
        value = -(share * p).sum(1).mean()
        too_much = (p.exp() * allowed - share) / len(rows)
        slope = torch.einsum("nm,knm->k", too_much, x).double().cpu().numpy()
        away = weights - before
        return float(value) + pull * float(away @ away), slope + 2 * pull * away

    found = minimize(
        loss, before, jac=True, method="L-BFGS-B", bounds=BOUNDS, options={"ftol": PRECISION}
    )
    weights = {w: round(float(v), 4) for w, v in zip(WEIGHTS, found.x, strict=True)}
    return float(found.fun), prior.model_copy(update=weights)


def _leapt(short: Shortlist, weights: Fusion) -> Fusion:
    """To the linear filter with some encoder, where that is far better: what is likeliest of all
    items need not be what brings most into the top."""
    whole = weights.encoder + weights.two_hop + weights.band or 1
    tried = [
        weights.model_copy(
            update={
                "encoder": encoder, "two_hop": 1.0, "band": band, "into": into, "out": out,
                "own": round(weights.own * (encoder + 1 + band) / whole, 4),
                "popular": round(popular * (encoder + 1 + band), 4),
            }
        )
        for encoder in ENCODERS for band in (0.0, 0.5, 1.0) for into, out in HOPS
        for popular in dict.fromkeys((0.0, weights.popular / whole))
    ]  # fmt: skip
    worth = short.worth(weights)
    results = [short.worth(w) for w in tried]
    top = int(torch.stack([r.mean() for r in results]).argmax())
    return tried[top] if better(results[top], worth, SURE_OF_MANY) else weights


def _moved(short: Shortlist, weights: Fusion) -> Fusion:
    """Weight by weight to where it is better by more than chance."""
    worth = short.worth(weights)
    for _ in range(ROUNDS):
        for name in WEIGHTS:
            now = getattr(weights, name)
            values = [now * f for f in FACTORS] if now else []
            values += [now + (weights.encoder or 1) * s for s in SHARES.get(name, ())]
            tried = [weights.model_copy(update={name: round(v, 4)}) for v in values]
            if not tried:
                continue
            results = [short.worth(w) for w in tried]
            top = int(torch.stack([r.mean() for r in results]).argmax())
            if better(results[top], worth):
                weights, worth = tried[top], results[top]
    return weights


def better(a: Tensor, b: Tensor, sure: float = SURE) -> bool:
    """Whether figures of the same users [N] are better by more than `sure` standard errors."""
    d = (a - b).double()
    return len(d) > 1 and float(d.mean()) > sure * float(d.std()) / len(d) ** 0.5
