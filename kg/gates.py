"""Health gates: figures of a candidate → may it be shown to readers?

Each gate is a function in `GATES` that reads the card's figures and says yes or no with the figure
and the threshold. `kg publish` asks all of them; `--force REASON` overrides and is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel

from kg.releases import GateResult


class Thresholds(BaseModel):
    """What each gate demands."""

    effective_rank: float = 4.0
    """Dimensions the user embeddings really use (exp of the entropy of their spectrum)."""
    mean_cosine: float = 0.95
    """Mean cosine of two users may not exceed this: above, all users look alike."""
    below_popularity: float = 1.0
    """NDCG@20 of the model over that of popularity."""
    calibration_error: float = 0.05
    """ECE of interest scores on the test period, above what right probabilities would show on as
    little data."""


Figures = Mapping[str, Any]
Tables = Mapping[str, pa.Table]
Gate = Callable[[Figures, Tables, Thresholds], GateResult]


def finite(health: Figures, tables: Tables, limits: Thresholds) -> GateResult:
    bad = sum(_not_finite(table) for table in tables.values())
    return GateResult(
        gate="finite",
        passed=bad == 0,
        figure=bad,
        threshold=0,
        says=f"{bad} NaN or infinite values in the profile tables",
    )


def _not_finite(table: pa.Table) -> int:
    bad = 0
    for column in table.columns:
        values = pc.list_flatten(column) if pa.types.is_fixed_size_list(column.type) else column
        if pa.types.is_floating(values.type):
            finite = pc.fill_null(pc.is_finite(values), True)
            bad += len(finite) - pc.sum(finite).as_py() if len(finite) else 0
    return bad


def scores_are_chances(health: Figures, tables: Tables, limits: Thresholds) -> GateResult:
    outside = 0
    for name, table in tables.items():
        if name.startswith("edges/INTERESTED_IN") and table.num_rows:
            score = table["score"].to_numpy()
            outside += int(np.count_nonzero((score < 0) | (score > 1)))
    return GateResult(
        gate="scores_are_chances",
        passed=outside == 0,
        figure=outside,
        threshold=0,
        says=f"{outside} interest scores outside 0…1",
    )


def not_collapsed(health: Figures, tables: Tables, limits: Thresholds) -> GateResult:
    rank, cosine = health.get("effective_rank"), health.get("mean_cosine")
    passed = (rank is None or rank >= limits.effective_rank) and (
        cosine is None or cosine <= limits.mean_cosine
    )
    return GateResult(
        gate="not_collapsed",
        passed=passed,
        figure=rank,
        threshold=limits.effective_rank,
        says=f"user embeddings: effective rank {_f(rank)} (at least {limits.effective_rank}), "
        f"mean cosine {_f(cosine)} (at most {limits.mean_cosine})",
    )


def not_below_popularity(health: Figures, tables: Tables, limits: Thresholds) -> GateResult:
    model, base = health.get("ndcg20_model"), health.get("ndcg20_popularity")
    ratio = None if model is None or not base else model / base
    return GateResult(
        gate="not_below_popularity",
        passed=ratio is None or ratio >= limits.below_popularity,
        figure=ratio,
        threshold=limits.below_popularity,
        says=f"NDCG@20 {_f(model)} beside popularity {_f(base)}",
    )


def calibrated(health: Figures, tables: Tables, limits: Thresholds) -> GateResult:
    error, by_chance = health.get("ece"), health.get("ece_by_chance") or 0.0
    excess = None if error is None else error - by_chance
    return GateResult(
        gate="calibrated",
        passed=excess is None or excess <= limits.calibration_error,
        figure=excess,
        threshold=limits.calibration_error,
        says=f"calibration error of interest scores {_f(error)}, {_f(by_chance)} of it by chance",
    )


GATES: tuple[Gate, ...] = (
    finite,
    scores_are_chances,
    not_collapsed,
    not_below_popularity,
    calibrated,
)


def check(health: Figures, tables: Tables, limits: Thresholds | None = None) -> list[GateResult]:
    """All gates on one candidate. A figure the data cannot give (no test period, say) passes."""
    return [gate(health, tables, limits or Thresholds()) for gate in GATES]


def _f(figure: float | None) -> str:
    return "unknown" if figure is None else f"{figure:.4g}"
