"""Validation users read by their friends alone → how far friends are trusted where a user has no
events.

A user's friends may know the user's taste or nothing of it, and only users without events hang on
that alone. What validation cannot prove is left out: then they get what is popular.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from gnn.encode import friends_alone
from gnn.evaluate import Ints, Task, measure
from gnn.fusion_fit import better
from gnn.score import Scorer

FAINT = 0.001
"""Leaves what is popular in its order, but for ties; yet the vector keeps its direction, so that
users without events have people like them, a segment and evidence."""
LENGTHS = (FAINT, 0.1, 0.2, 0.3, 0.5, 1.0)
"""Of the vectors of users without events, tried on validation."""
FEWEST = 100
"""Validation users without events; where there are fewer, those with events are read as if they had
none, too."""


def choose_length(scorer: Scorer, on: Task) -> tuple[float, dict[str, Any]]:
    """The length that ranks best, where it is better than FAINT by more than chance; and figures
    for the card."""
    unit = friends_alone(scorer.model, scorer.inputs, scorer.moment)
    tied = unit.any(1).cpu().numpy()[on.users]
    new = tied & (on.events_before == 0)
    enough = int(new.sum()) >= FEWEST
    rows = np.flatnonzero(new if enough else tied)
    if not len(rows):
        return FAINT, {"users": 0}
    known = scorer.vectors

    def scores(users: Ints) -> dict[str, torch.Tensor]:
        taste = unit[torch.as_tensor(users, device=unit.device)] @ known.item.T
        return {str(length): torch.add(known.bias, taste, alpha=length) for length in LENGTHS}

    measured = measure(on.of_users(rows), scores, top_only=True)
    worth = {
        length: torch.from_numpy(m.figures["recall@20"] + m.figures["ndcg@20"])
        for length, m in ((x, measured[str(x)]) for x in LENGTHS)
    }
    best = max(LENGTHS, key=lambda length: float(worth[length].mean()))
    chosen = best if better(worth[best], worth[FAINT]) else FAINT
    return chosen, {
        "users": len(rows),
        "as_if": not enough,
        "worth": {str(length): float(w.mean()) for length, w in worth.items()},
    }
