"""Health gates: figures of a candidate → may it be shown to readers?

Each gate is a function in `GATES` that reads the card's figures and says yes or no with the figure
and the threshold. `kg publish` asks all of them; `--force REASON` overrides and is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic_settings import BaseSettings, SettingsConfigDict

from kg.profile import USER_PROFILE
from kg.release_diff import BINS, CATEGORIES, NOT_COMPARED, interest_shift, psi, top_jaccard
from kg.releases import GateResult


class Thresholds(BaseSettings):
    """What each gate demands. `KG_GATE_INTEREST_CHURN=0.5` in the environment changes one."""

    model_config = SettingsConfigDict(env_prefix="KG_GATE_", env_file=".env", extra="ignore")

    effective_rank: float = 4.0
    """Dimensions the user embeddings really use (exp of the entropy of their spectrum)."""
    mean_cosine: float = 0.95
    """Mean cosine of two users may not exceed this: above, all users look alike."""
    below_popularity: float = 1.0
    """NDCG@20 of the model over that of popularity."""
    calibration_error: float = 0.05
    """ECE of interest scores on the test period, above what right probabilities would show on as
    little data."""
    degree_correlation: float = 0.98
    """Mean correlation of a user's item scores with the items' popularity may not exceed this:
    above, there is no taste in them."""
    leak: float = 0.05
    """Held-out events may not stand higher in the ranking than those the model looked at, by more
    than this share of all items: then it knew them."""
    repeat_error: float = 1e-4
    """Largest difference of a vector between two looks at one graph."""
    coverage: float = 0.5
    """Share of the users with events who must have an interest."""
    property_shift: float = 1.0
    """Population stability index of any property against the live release; 0.25 is called much."""
    interest_churn: float = 0.9
    """Interests in categories that came or went against the live release, of all."""
    segment_shift: float = 0.5
    """Population stability index of the sizes of segments, the largest first."""


Figures = Mapping[str, Any]
Tables = Mapping[str, pa.Table]


@dataclass(frozen=True)
class Case:
    """What the gates are asked about."""

    health: Figures
    """Of the candidate's card"""
    tables: Tables
    live: Tables | None = None
    """Of the release that readers see; None where there is none"""


Gate = Callable[[Case, Thresholds], GateResult]
SHOWN = 10
"""Users named by a gate that failed."""


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
        says=f"user embeddings: effective rank {_f(rank)} (at least {limits.effective_rank}), "
        f"mean cosine {_f(cosine)} (at most {limits.mean_cosine})",
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
        says=f"NDCG@20 {_f(model)} beside popularity {_f(base)}, standard error {_f(error)}",
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
        says=f"calibration error of interest scores {_f(error)}, {_f(by_chance)} of it by chance",
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
        says=f"a user's item scores correlate by {_f(figure)} with popularity",
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
        says=f"held-out events stand above {_f(held_out)} of all items, known ones above "
        f"{_f(seen)}, {_f(by_chance)} of that by chance",
    )


def repeatable(case: Case, limits: Thresholds) -> GateResult:
    figure = case.health.get("repeat_error")
    return GateResult(
        gate="repeatable",
        passed=figure is None or figure <= limits.repeat_error,
        figure=figure,
        threshold=limits.repeat_error,
        says=f"two looks at the graph differ by {_f(figure)}",
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
        says=f"{_f(figure)} of the users with events have an interest",
        users=silent.slice(0, SHOWN).to_pylist(),
    )


def _drift(
    gate: str, figure: float | None, limit: float, says: str, users: list[str] | None = None
) -> GateResult:
    passed = figure is None or figure <= limit
    text = f"{says} against the live release" if figure is not None else "no live release"
    return GateResult(
        gate=gate, passed=passed, figure=figure, threshold=limit, says=text,
        users=[] if passed or users is None else users,
    )  # fmt: skip


def _surely_moved(before: pa.ChunkedArray, after: pa.ChunkedArray) -> float | None:
    """PSI beyond what chance explains, which is near to chi-squared over the number of users."""
    moved = psi(before, after)
    if moved is None:
        return None
    values = len(pc.unique(pa.chunked_array([*before.chunks, *after.chunks])))
    free = max(1, min(BINS, values) - 1)
    chance = (free + 3 * (2 * free) ** 0.5) * (1 / len(before) + 1 / len(after))
    return max(0.0, float(moved - chance))


def steady_properties(case: Case, limits: Thresholds) -> GateResult:
    """The spread of each property, segments apart."""
    worst, name = None, ""
    if case.live is not None:
        old, new = case.live["users"], case.tables["users"]
        there = set(new.column_names)
        for p in USER_PROFILE:
            if p.name in (*NOT_COMPARED, "segment") or p.name not in old.column_names:
                continue
            moved = _surely_moved(old[p.name], new[p.name]) if p.name in there else None
            if moved is not None and (worst is None or moved > worst):
                worst, name = moved, p.name
    return _drift(
        "steady_properties", worst, limits.property_shift, f"PSI of {name} is {_f(worst)}"
    )


def steady_interests(case: Case, limits: Thresholds) -> GateResult:
    figure, lost = None, []
    old, new = (t.get(CATEGORIES) for t in (case.live or {}, case.tables))
    if old is not None and new is not None and old.num_rows:
        figure = interest_shift(CATEGORIES, old, new).churn
        kept = top_jaccard(old, new).sort("jaccard", "userId")
        lost = kept["userId"].head(SHOWN).to_list()
    says = f"{_f(figure)} of all interests came or went"
    return _drift("steady_interests", figure, limits.interest_churn, says, lost)


def steady_segments(case: Case, limits: Thresholds) -> GateResult:
    figure = None
    users = [t["users"] for t in (case.live, case.tables) if t is not None]
    if len(users) == 2 and all("segment" in u.column_names for u in users):
        figure = _surely_moved(*(_by_size(u) for u in users))
    says = f"PSI of the segments' sizes is {_f(figure)}"
    return _drift("steady_segments", figure, limits.segment_shift, says)


def _by_size(users: pa.Table) -> pa.ChunkedArray:
    """Each user's segment as its place by size: names may change, sizes should not."""
    counted = pc.value_counts(users["segment"].drop_null()).field("counts")
    sizes = np.sort(counted.to_numpy())[::-1]
    places = np.repeat(np.arange(len(sizes)), sizes).astype(str)
    return pa.chunked_array([pa.array(places, pa.string())])


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


def _f(figure: float | None) -> str:
    return "unknown" if figure is None else f"{figure:.4g}"
