"""Validation users' lists and what they took up → a ranker, or none where it does not prove better.

It is judged by users it did not learn from: two thirds of them learn, the others judge, thrice. The
share of it that brings most into their top twenty, where that is more than chance, is the share of
one that learns from all: few users teach what holds for others in part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnn.evaluate import Task, cells, is_target
from gnn.fusion_fit import better, worth_of
from gnn.heads import NAMES
from gnn.ranker import FAR, FUSED, Ranker, forward
from gnn.score import Scorer

FEWEST = 100
"""Users with something to learn from, below which nothing is tried."""
MOST_CELLS = 500_000_000
"""Scores of users and items computed to learn by; fewer users are drawn where there are many
items."""
NETS, TRIED, WIDTH = 5, 2, 32
EPOCHS, USERS_A_STEP = 20, 50
RATE, DECAY = 1e-2, 1e-3
FOLDS = 3
SHARES = (0.25, 0.5, 0.75, 1.0)
LEAST_KNOWN = 0.05
"""Share of the users it learned from, those of fewest items: who has fewer than they keeps the
fusion's order."""


@dataclass(frozen=True)
class Lessons:
    """Heads of N users' rankings, in the fusion's order."""

    x: Tensor
    """[N, M, F]"""
    is_target: Tensor
    """[N, M]"""
    count: Tensor
    """[N] targets of the user, also outside the list"""
    events: Tensor
    """[N] distinct items of the user before"""

    def of(self, rows: Tensor) -> Lessons:
        return Lessons(self.x[rows], self.is_target[rows], self.count[rows], self.events[rows])

    def worth(self, scores: Tensor) -> Tensor:
        """[N] Recall@20 + NDCG@20."""
        return worth_of(scores, self.is_target, self.count)


def fit_ranker(scorer: Scorer, on: Task, *, seed: int) -> tuple[Ranker | None, dict[str, Any]]:
    """And figures for the card."""
    on = on.of_users(np.flatnonzero(on.events_before > 0))
    on = on.sample(max(FEWEST, MOST_CELLS // on.n_items), np.random.default_rng(seed))
    if len(on) < FEWEST:
        return None, {"users": len(on)}
    return chosen(lessons_of(scorer, on), repeats=on.of == "all items", seed=seed)


def chosen(lessons: Lessons, *, repeats: bool, seed: int) -> tuple[Ranker | None, dict[str, Any]]:
    """Learned from all of them, where folds of them prove it; and figures for the card."""
    n = len(lessons.x)
    fused = lessons.x[..., FUSED]
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed)).to(fused.device)
    found = torch.empty_like(fused)
    for k in range(FOLDS):
        judges = order[k::FOLDS]
        learners = torch.cat([order[other::FOLDS] for other in range(FOLDS) if other != k])
        tried = learned(lessons.of(learners), repeats, seed, TRIED)
        found[judges] = tried.logits(lessons.x[judges])
    before = lessons.worth(fused)
    worth = {share: lessons.worth(torch.lerp(fused, found, share)) for share in SHARES}
    best = max(SHARES, key=lambda share: float(worth[share].mean()))
    share = best if better(worth[best], before) else 0.0
    figures = {
        "users": n,
        "share": share,
        "worth": {str(s): float(w.mean()) for s, w in ((0.0, before), *worth.items())},
    }
    if not share:
        return None, figures
    return learned(lessons, repeats, seed).model_copy(update={"share": share}), figures


def lessons_of(scorer: Scorer, on: Task) -> Lessons:
    parts = []
    repeats = on.of == "all items"
    count = np.diff(scorer.blend.interactions.indptr)
    for block in on.blocks():
        term = scorer.terms(block.users)
        scores = scorer.fusion.apply(term)
        head = scorer.heads.items(block.users, scores, repeats=repeats)
        row, target = cells(block.indptr, block.target, scores.device)
        everyone = torch.arange(len(block), device=scores.device)
        parts.append(
            Lessons(
                scorer.heads.features(term, everyone, scores, head),
                is_target(head, row * block.n_items + target, block.n_items),
                torch.as_tensor(np.diff(block.indptr), device=scores.device),
                torch.as_tensor(count[block.users], device=scores.device),
            )
        )
    return Lessons(
        *(torch.cat([getattr(p, n) for p in parts]) for n in Lessons.__dataclass_fields__)
    )


def learned(lessons: Lessons, repeats: bool, seed: int, nets: int = NETS) -> Ranker:
    """From all of them, with a share of 1."""
    flat = lessons.x.flatten(0, 1)
    mean, spread = flat.mean(0), flat.std(0).clamp(min=1e-6)
    x = ((lessons.x - mean) / spread).clamp(-FAR, FAR)
    like_fusion = torch.zeros(len(NAMES) + 1)
    like_fusion[FUSED] = spread[FUSED]
    made = [_net(x, lessons.is_target, like_fusion, seed + k) for k in range(nets)]
    known = lessons.events[lessons.is_target.any(1)].float()
    fewest = int(known.quantile(LEAST_KNOWN)) if len(known) else 0
    return Ranker(
        mean=tuple(mean.tolist()),
        spread=tuple(spread.tolist()),
        nets=tuple(tuple(tuple(map(tuple, w.tolist())) for w in net) for net in made),
        share=1.0,
        repeats=repeats,
        fewest=fewest,
    )


def _net(x: Tensor, is_target: Tensor, start: Tensor, seed: int) -> list[Tensor]:
    """From the linear weights `start` [F + 1] on. Each target is told from the user's other items
    by a softmax; users count alike."""
    dice = torch.Generator().manual_seed(seed)

    def layer(out: int, into: int) -> Tensor:
        bound = float(into) ** -0.5
        weights: Tensor = torch.rand(out, into + 1, generator=dice) * 2 * bound - bound
        return weights

    layers = [layer(WIDTH, x.shape[-1]), layer(WIDTH, WIDTH), torch.zeros(1, WIDTH + 1)]
    net = [w.to(x.device).requires_grad_() for w in (start[None].clone(), *layers)]
    adam = torch.optim.AdamW(net, lr=RATE, weight_decay=DECAY)
    rows = torch.nonzero(is_target.any(1)).ravel()
    steps = EPOCHS * -(-len(rows) // USERS_A_STEP)
    rate = torch.optim.lr_scheduler.OneCycleLR(adam, RATE, total_steps=max(steps, 2))
    for _ in range(EPOCHS):
        order = rows[torch.randperm(len(rows), generator=dice).to(rows.device)]
        for some in torch.split(order, USERS_A_STEP):
            adam.zero_grad(set_to_none=True)
            _loss(forward(net, x[some]), is_target[some]).backward()  # type: ignore[no-untyped-call]  # torch's own
            adam.step()
            rate.step()
    return [w.detach().cpu() for w in net]


def _loss(logits: Tensor, is_target: Tensor) -> Tensor:
    others = torch.logsumexp(logits.masked_fill(is_target, float("-inf")), 1, keepdim=True)
    each = (torch.logaddexp(logits, others) - logits) * is_target
    return (each.sum(1) / is_target.sum(1)).mean()
