"""Stated chances and what came true → how right they are by band of users and categories, within
categories, and over the scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn.calibration import auc, judge

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ACTIVITY = (0, 1, 2, 5, 10, 50)
"""Own events from which a band of users begins."""
DECILES = 10
BINS = 15
FEWEST_CAME = 20
"""Users for whom a category came true below which its AUC is not asked for."""


@dataclass(frozen=True)
class Outcomes:
    """N pairs of a user and a category, each standing for `weight` pairs."""

    came: Bools
    weight: Floats
    new: Bools
    """The user had no positive event in the category before."""
    events: Floats
    """Own acts of the user"""
    category: Ints
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


def within_categories(found: Outcomes) -> list[dict[str, Any]]:
    """A row for each model: how well it orders the users of one category, whatever its popularity.
    Over the categories that came true for FEWEST_CAME users, and did not for as many:
    the mean of their AUC, its standard deviation and its ends, and the share in which the model is
    not beaten by another."""
    order = np.argsort(found.category, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(found.category[order])) + 1)
    asked = [
        rows
        for rows in parts
        if min(found.came[rows].sum(), (~found.came[rows]).sum()) >= FEWEST_CAME
    ]
    if not asked:
        return []
    each = {
        model: np.array([auc(p[rows], found.came[rows], found.weight[rows]) for rows in asked])
        for model, p in found.score.items()
    }
    best = np.max(list(each.values()), axis=0)
    return [
        {
            "model": model,
            "categories": len(asked),
            "mean_auc": float(a.mean()),
            "sd": float(a.std(ddof=1)) if len(a) > 1 else None,
            "lowest": float(a.min()),
            "highest": float(a.max()),
            "best_in": float((a >= best).mean()),
        }
        for model, a in each.items()
    ]


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
