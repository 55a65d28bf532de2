"""Validation users of whom only the last few events are told → how many events it takes until taste
counts as much as popularity.

Whoever did one thing has a vector as long as anybody's, but it says little: what is popular may say
more. How soon taste is worth something is the data's own: an artist listened to tells much, one
thing bought tells little.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from gnn.evaluate import Ints, Task, measure
from gnn.fusion_fit import better
from gnn.score import Scorer

HALVES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
TOLD = (1, 2, 3, 5)
"""Events told of each user."""
USERS = 500


def choose_half(scorer: Scorer, on: Task) -> tuple[float, dict[str, Any]]:
    """The number that ranks best over all TOLD, where it is better than none at all by more than
    chance; and figures for the card."""
    on = on.of_users(np.flatnonzero(on.events_before > 0)).sample(USERS, np.random.default_rng(0))
    if not len(on):
        return 0.0, {"users": 0}
    worth = {half: torch.zeros(len(on)) for half in HALVES}
    looks = [few for told in TOLD for few in _knowing(scorer, told)]
    for few in looks:

        def scores(users: Ints, few: Scorer = few) -> dict[str, torch.Tensor]:
            term = few.terms(users)
            fused = few.fuse(users, term)
            start = few.inputs.indptr[torch.as_tensor(users, device=fused.device)]
            end = few.inputs.indptr[torch.as_tensor(users, device=fused.device) + 1]
            return {
                str(half): few.fusion.model_copy(update={"half": half}).drawn(
                    fused.clone(), end - start, term
                )
                for half in HALVES
            }

        measured = measure(on, scores, top_only=True)
        for half in HALVES:
            figures = measured[str(half)].figures
            worth[half] += torch.from_numpy(figures["recall@20"] + figures["ndcg@20"])
    best = max(HALVES, key=lambda half: float(worth[half].mean()))
    chosen = best if better(worth[best], worth[0.0]) else 0.0
    return chosen, {
        "users": len(on),
        "told": list(TOLD),
        "worth": {str(half): float(w.mean()) / len(looks) for half, w in worth.items()},
    }


def _knowing(scorer: Scorer, told: int) -> Iterator[Scorer]:
    """As if each user had done no more than their last few things, with their friends and without:
    whoever has done little may have none yet. Items stay what they are."""
    flat = scorer.inputs.flat
    end = np.searchsorted(flat.user, flat.user, side="right")
    keep = np.arange(len(flat)) >= end - told
    few = replace(scorer, inputs=scorer.inputs.keeping(keep), linear=scorer.blend.linear)
    yield few
    if few.inputs.friends:
        yield replace(few, inputs=replace(few.inputs, friends=()))
