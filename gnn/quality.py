"""A graph, its split and a scorer → how good the rankings are, beside plain ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gnn.baselines import popularity
from gnn.errors import GraphError
from gnn.evaluate import REPEATS, Ints, Task, TaskOf, measure, repeat_share, table, task
from gnn.fusion import Fusion
from gnn.graph import Events, Seen
from gnn.retrieval import product_scores
from gnn.score import Scorer
from gnn.split import Part, Split

Floats = NDArray[np.float64]

HALF_LIVES = (365.0, 90.0, 30.0)
"""Days after which an event counts half for what is popular now; tried on validation."""
EARLIER = (0.5, 0.625, 0.75, 0.875)
"""Shares of training's positives after which the earlier periods begin."""
SURE = 2.0
"""Standard errors between periods by which a half-life must win: it holds for years."""
FEWEST = 3
"""Periods without which nothing is chosen"""
JUDGED = 10_000
"""Most users of the test that are ranked."""


@dataclass(frozen=True)
class Trial:
    """What was known before one part of the split, and what came true in it."""

    before: Events
    now: int | None
    held_out: Events

    @classmethod
    def of(cls, flat: Events, parts: Split, part: Part) -> Trial:
        seen = parts.before(part)
        held_out = flat.where(flat.of_type(parts.part, Part.UNDATED) == part)
        return cls(flat.seen(seen), seen.until, held_out)

    @property
    def repeats(self) -> bool:
        return repeat_share(self.before, self.held_out) >= REPEATS

    def task(self, of: TaskOf, size: int, seed: int) -> Task:
        """Of at most `size` users. Raises GraphError where there is nothing to predict."""
        found = self.find(of, size, seed)
        if found is None:
            raise GraphError(
                "nothing new to predict: all held-out events repeat earlier ones; load more data"
            )
        return found

    def find(self, of: TaskOf, size: int, seed: int) -> Task | None:
        """None where there is nothing to predict."""
        whole = task(self.before, self.held_out, of)
        return whole.sample(size, np.random.default_rng(seed)) if len(whole) else None


def choose_half_life(trial: Trial, on: Task) -> float | None:
    """Of popularity, in days; None where all events should count alike. Judged on validation and
    on EARLIER periods of training, each of which counts once: users of one period share its
    fashions, and what wins in one period alone loses the next. From the longest on, a shorter one
    replaces what was chosen where it wins by SURE standard errors between periods."""
    if trial.now is None:
        return None
    tried = (None, *HALF_LIVES)
    tasks = [(trial, on), *_earlier(trial, on)]
    worth = np.array([[_worth(period, task, h) for period, task in tasks] for h in tried])
    chosen = 0
    for shorter in range(1, len(tried)):
        if _wins(worth[shorter], worth[chosen]):
            chosen = shorter
    return tried[chosen]


def _wins(a: Floats, b: Floats) -> bool:
    """Whether worth by period [P] is better: gains are relative, since some periods are harder."""
    total = a + b
    gain = np.divide(a - b, total, out=np.zeros_like(total), where=total > 0)
    if len(gain) < FEWEST:
        return False
    return bool(gain.mean() > SURE * gain.std(ddof=1) / len(gain) ** 0.5)


def _earlier(trial: Trial, on: Task) -> Iterator[tuple[Trial, Task]]:
    """Periods before the trial's, each predicted from what came before it; none without a task."""
    assert trial.now is not None
    at = np.sort(trial.before.at[trial.before.positive])
    starts = [int(at[int(share * len(at))]) for share in EARLIER]
    for start, end in zip(starts, [*starts[1:], trial.now], strict=True):
        held_out = trial.before.where((trial.before.at >= start) & (trial.before.at < end))
        period = Trial(trial.before.seen(Seen(start)), start, held_out)
        task = period.find(on.of, max(len(on), 1), 0)
        if task is not None:
            yield period, task


def _worth(period: Trial, on: Task, half_life: float | None) -> float:
    """Recall@20 + NDCG@20 of popularity."""
    ranked = {"": torch.from_numpy(popularity(period.before, period.now, half_life))}
    figures = measure(on, lambda users: _for_all(ranked, users), top_only=True)[""].figures
    return float((figures["recall@20"] + figures["ndcg@20"]).mean())


def _for_all(ranked: dict[str, Tensor], users: Ints) -> dict[str, Tensor]:
    return {name: scores.repeat(len(users), 1) for name, scores in ranked.items()}


def judge(
    scorer: Scorer, trial: Trial, on: Task, linear: Fusion, half_life: float | None
) -> list[dict[str, Any]]:
    """The table: the model beside popularity, own history where repeats count, and the linear
    filter. All see the same events and rank the same items for the same users."""
    device = scorer.vectors.user.device
    popular = {"popularity": torch.from_numpy(popularity(trial.before)).to(device)}
    if half_life is not None:
        faded = torch.from_numpy(popularity(trial.before, trial.now, half_life)).to(device)
        popular[f"popularity, half-life {half_life:.0f} days"] = faded
    order = popular_order(popular["popularity"])

    def scores(users: Ints) -> dict[str, Tensor]:
        encoder = scorer.encoder_scores(users)
        term = scorer.blend.terms(users, encoder)
        out = _for_all(popular, users)
        if on.of == "all items":
            out["own history"] = term("own") + order
        out["linear filter"] = linear.apply(term) + order
        fused = scorer.fuse(users, term)
        product = product_scores(scorer, users, encoder, scorer.beside)
        return {**out, "encoder": encoder, "encoder + band, one product": product, "fused": fused}

    return table(on, measure(on, scores))


def popular_order(popular: Tensor) -> Tensor:
    """[I] puts equal scores in order of popularity and changes no other order: below 1e-4."""
    rank = torch.empty_like(popular)
    rank[popular.argsort(stable=True)] = torch.arange(
        len(popular), dtype=popular.dtype, device=popular.device
    )
    return 1e-4 * rank / max(len(popular), 1)
