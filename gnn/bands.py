"""Stated chances and what came true → how right they are by band of users and categories, and over
the scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn.calibration import judge

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ACTIVITY = (0, 1, 2, 5, 10, 50)
"""Own events from which a band of users begins."""
DECILES = 10
BINS = 15


@dataclass(frozen=True)
class Outcomes:
    """N pairs of a user and a category, each standing for `weight` pairs."""

    came: Bools
    weight: Floats
    new: Bools
    """The user had no positive event in the category before."""
    events: Floats
    """Own acts of the user"""
    popularity: Floats
    """The category's share of all recent events"""
    score: Mapping[str, Floats]
    """By model"""

    def judge(self, model: str, keep: Bools) -> dict[str, Any]:
        return judge(self.score[model][keep], self.came[keep], self.weight[keep])


def by_band(found: Outcomes, model: str) -> list[dict[str, Any]]:
    """A row for each band of users by activity, for each tenth of the categories from the least
    popular to the most, and for pairs that are new to the user."""
    rows = [{"band": "new to the user", **found.judge(model, found.new)}]
    for low, high in zip(ACTIVITY, (*ACTIVITY[1:], np.inf), strict=True):
        keep = (found.events >= low) & (found.events < high)
        name = f"{low}" if high == low + 1 else f"{low}+" if high == np.inf else f"{low}-{high - 1}"
        rows.append({"band": f"users of {name} events", **found.judge(model, keep)})
    levels, level = np.unique(found.popularity, return_inverse=True)
    tenth = level * DECILES // max(1, len(levels))
    for n in range(DECILES):
        name = f"categories, tenth {n + 1}"
        rows.append({"band": name, **found.judge(model, tenth == n)})
    return [row for row in rows if row["n"]]


def reliability(found: Outcomes, model: str) -> list[dict[str, Any]]:
    """BINS of equal mass: mean chance said, share that came true, pairs."""
    p = found.score[model]
    order = np.argsort(p, kind="stable")
    weight = found.weight[order].astype(np.float64)
    mass = np.cumsum(weight)
    bin_of = np.minimum((mass - weight / 2) / mass[-1] * BINS, BINS - 1).astype(np.int64)
    total = np.bincount(bin_of, weight, BINS)
    said = np.bincount(bin_of, weight * p[order], BINS)
    came = np.bincount(bin_of, weight * found.came[order], BINS)
    return [
        {"said": float(said[b] / total[b]), "came": float(came[b] / total[b]),
         "pairs": float(total[b])}
        for b in np.flatnonzero(total)
    ]  # fmt: skip
