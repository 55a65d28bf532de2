"""Health gates: figures of a candidate → may it be shown to readers?

Each gate is a function in `GATES` that reads the card's figures and says yes or no with the figure
and the threshold. `kg publish` asks all of them; `--force REASON` overrides and is recorded.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.drift import steady_interests, steady_properties, steady_segments
from kg.gate_case import SHOWN, Case, Gate, Thresholds, shown
from kg.releases import GateResult


def finite(case: Case, limits: Thresholds) -> GateResult:
    bad = sum(_not_finite(table) for table in case.tables.values())
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


def scores_are_chances(case: Case, limits: Thresholds) -> GateResult:
    outside, who = 0, []
    for name, table in case.tables.items():
        if name.startswith("edges/INTERESTED_IN") and table.num_rows:
            score = table["score"].to_numpy()
            rows = np.flatnonzero((score < 0) | (score > 1))
            outside += len(rows)
            who += table["src"].take(pa.array(rows[:SHOWN])).to_pylist()
    return GateResult(
        gate="scores_are_chances",
        passed=outside == 0,
        figure=outside,
        threshold=0,
        says=f"{outside} interest scores outside 0…1",
        users=who[:SHOWN],
    )


def not_collapsed(case: Case, limits: Thresholds) -> GateResult:
    health = case.health
    rank, cosine = health.get("effective_rank"), health.get("mean_cosine")
    passed = (rank is None or rank >= limits.effective_rank) and (
        cosine is None or cosine <= limits.mean_cosine
    )
    return GateResult(
        gate="not_collapsed",
        passed=passed,
        figure=rank,
        threshold=limits.effective_rank,
        says=f"user embeddings: effective rank {shown(rank)} (at least {limits.effective_rank}), "
        f"mean cosine {shown(cosine)} (at most {limits.mean_cosine})",
    )


def not_below_popularity(case: Case, limits: Thresholds) -> GateResult:
    health = case.health
    model, base = health.get("ndcg20_model"), health.get("ndcg20_popularity")
    error = health.get("ndcg20_error")
    ratio = None if model is None or not base else model / base
    return GateResult(
        gate="not_below_popularity",
        passed=ratio is None or ratio >= limits.below_popularity,
        figure=ratio,
        threshold=limits.below_popularity,
        says=f"NDCG@20 {shown(model)} beside popularity {shown(base)}, "
        f"standard error {shown(error)}",
    )


def calibrated(case: Case, limits: Thresholds) -> GateResult:
    health = case.health
    error, by_chance = health.get("ece"), health.get("ece_by_chance") or 0.0
    excess = None if error is None else error - by_chance
    return GateResult(
        gate="calibrated",
        passed=excess is None or excess <= limits.calibration_error,
        figure=excess,
        threshold=limits.calibration_error,
        says=f"calibration error of interest scores {shown(error)}, "
        f"{shown(by_chance)} of it by chance",
    )


def personal(case: Case, limits: Thresholds) -> GateResult:
    """Scores that follow the items' degree say nothing of the user."""
    figure = None
    if "items" in case.tables:
        figure = _degree_correlation(case.tables["users"], case.tables["items"])
    return GateResult(
        gate="personal",
        passed=figure is None or figure <= limits.degree_correlation,
        figure=figure,
        threshold=limits.degree_correlation,
        says=f"a user's item scores correlate by {shown(figure)} with popularity",
    )


def _degree_correlation(users: pa.Table, items: pa.Table) -> float | None:
    """Mean over some users, over some items."""
    sides = []
    for table, some in ((users, 200), (items, 5_000)):
        vectors = table["embedding"].drop_null()
        step = max(1, len(vectors) // some)
        rows = vectors.take(pa.array(np.arange(0, len(vectors), step)))
        sides.append(np.array(rows.to_pylist(), np.float64))
    user, item = sides
    if len(user) < 2 or len(item) < 3 or len(items) != len(items["embedding"].drop_null()):
        return None
    bias = items["scoreBias"].to_numpy()[:: max(1, len(items) // 5_000)]
    scores = user @ item.T + bias
    if bias.std() < 1e-12 or (scores.std(axis=1) < 1e-12).any():
        return None
    centred = scores - scores.mean(axis=1, keepdims=True)
    shape = (bias - bias.mean()) / bias.std()
    return float((centred @ shape / scores.std(axis=1) / len(bias)).mean())


def no_leak(case: Case, limits: Thresholds) -> GateResult:
    """What is held out must be harder than what was learned; three standard errors are chance."""
    health = case.health
    seen, held_out = health.get("place_seen"), health.get("place_held_out")
    by_chance = 3 * (health.get("place_error") or 0.0)
    figure = None if seen is None or held_out is None else held_out - seen - by_chance
    return GateResult(
        gate="no_leak",
        passed=figure is None or figure <= limits.leak,
        figure=figure,
        threshold=limits.leak,
        says=f"held-out events stand above {shown(held_out)} of all items, known ones above "
        f"{shown(seen)}, {shown(by_chance)} of that by chance",
    )


def repeatable(case: Case, limits: Thresholds) -> GateResult:
    figure = case.health.get("repeat_error")
    return GateResult(
        gate="repeatable",
        passed=figure is None or figure <= limits.repeat_error,
        figure=figure,
        threshold=limits.repeat_error,
        says=f"two looks at the graph differ by {shown(figure)}",
    )


def covers(case: Case, limits: Thresholds) -> GateResult:
    """Users who did something and about whom nothing is said."""
    users = case.tables["users"]
    if "coldStart" not in users.column_names:
        users = users.slice(0, 0).append_column("coldStart", pa.array([], pa.string()))
    acted = users.filter(pc.equal(users["coldStart"], "events"))["userId"]
    claims = [t["src"] for n, t in case.tables.items() if n.startswith("edges/INTERESTED_IN")]
    said = pa.chunked_array([c for column in claims for c in column.chunks], pa.string())
    silent = acted.filter(pc.invert(pc.is_in(acted, said)))
    figure = 1 - len(silent) / len(acted) if len(acted) and len(said) else None
    return GateResult(
        gate="covers",
        passed=figure is None or figure >= limits.coverage,
        figure=figure,
        threshold=limits.coverage,
        says=f"{len(acted) - len(silent):,} of {len(acted):,} users with events have an interest",
        users=silent.slice(0, SHOWN).to_pylist(),
    )


GATES: tuple[Gate, ...] = (
    finite,
    scores_are_chances,
    not_collapsed,
    not_below_popularity,
    calibrated,
    personal,
    no_leak,
    repeatable,
    covers,
    steady_properties,
    steady_interests,
    steady_segments,
)


def check(case: Case, limits: Thresholds | None = None) -> list[GateResult]:
    """All gates on one candidate. A figure the data cannot give (no test period, no live release)
    passes."""
    return [gate(case, limits or Thresholds()) for gate in GATES]
