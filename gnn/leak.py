"""A ranking, what it was made from and what was held out → whether it knew the future."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gnn.evaluate import Task
from gnn.quality import Trial
from gnn.score import Scorer

PLACED = 500
"""Users of the test whose own events are looked for in the ranking."""


def places(scorer: Scorer, trial: Trial, on: Task) -> dict[str, float | None]:
    """Where the encoder puts what users took up, as the share of all items it puts below: of the
    events it looked at (`seen`), and of those `held_out`; and the standard error of the difference,
    each user counting once. None where it cannot be said."""
    some = on.sample(PLACED, np.random.default_rng(scorer.seed))
    known = np.unique(trial.before.pair[trial.before.positive])
    who, what = np.divmod(known, on.n_items)
    seen, held_out = [], []
    for block in some.blocks():
        scores = scorer.encoder_scores(block.users)
        below = scores.argsort(1).argsort(1).double().cpu() / max(1, on.n_items - 1)
        row = np.searchsorted(block.users, who)
        row[row == len(block)] = 0
        mine = block.users[row] == who
        seen.append(_mean_of_each(below, row[mine], what[mine]))
        of = np.repeat(np.arange(len(block)), np.diff(block.indptr))
        held_out.append(_mean_of_each(below, of, block.target))
    known_at, later_at = torch.cat(seen), torch.cat(held_out)
    both = ~(known_at.isnan() | later_at.isnan())
    known_at, later_at = known_at[both], later_at[both]
    if len(known_at) < 2:
        return {"seen": None, "held_out": None, "error": None}
    error = (later_at - known_at).std() / len(known_at) ** 0.5
    return {
        "seen": float(known_at.mean()),
        "held_out": float(later_at.mean()),
        "error": float(error),
    }


def _mean_of_each(below: Tensor, row: np.ndarray, item: np.ndarray) -> Tensor:
    """[B] NaN for a user without any."""
    at = torch.from_numpy(row)
    total = torch.zeros(len(below), dtype=below.dtype)
    total.index_add_(0, at, below[at, torch.from_numpy(item)])
    return total / torch.bincount(at, minlength=len(below))
