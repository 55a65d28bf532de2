"""Gates against the live release: how far may profiles move from one release to the next?"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.gate_case import SHOWN, Case, Thresholds, shown
from kg.profile import GUESS, USER_PROFILE
from kg.release_diff import BINS, CATEGORIES, NOT_COMPARED, interest_shift, psi, top_jaccard
from kg.releases import GateResult


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
    """The spread of each property; segments apart, and guesses, which may be of another
    attribute."""
    worst, name = None, ""
    if case.live is not None:
        old, new = case.live["users"], case.tables["users"]
        there = set(new.column_names)
        for p in USER_PROFILE:
            if p.name in (*NOT_COMPARED, *GUESS, "segment") or p.name not in old.column_names:
                continue
            moved = _surely_moved(old[p.name], new[p.name]) if p.name in there else None
            if moved is not None and (worst is None or moved > worst):
                worst, name = moved, p.name
    return _drift(
        "steady_properties", worst, limits.property_shift, f"PSI of {name} is {shown(worst)}"
    )


def steady_interests(case: Case, limits: Thresholds) -> GateResult:
    figure, lost = None, []
    old, new = (t.get(CATEGORIES) for t in (case.live or {}, case.tables))
    if old is not None and new is not None and old.num_rows:
        figure = interest_shift(CATEGORIES, old, new).churn
        kept = top_jaccard(old, new).sort("jaccard", "userId")
        lost = kept["userId"].head(SHOWN).to_list()
    says = f"{shown(figure)} of all interests came or went"
    return _drift("steady_interests", figure, limits.interest_churn, says, lost)


def steady_segments(case: Case, limits: Thresholds) -> GateResult:
    figure = None
    users = [t["users"] for t in (case.live, case.tables) if t is not None]
    if len(users) == 2 and all("segment" in u.column_names for u in users):
        figure = _surely_moved(*(_by_size(u) for u in users))
    says = f"PSI of the segments' sizes is {shown(figure)}"
    return _drift("steady_segments", figure, limits.segment_shift, says)


def _by_size(users: pa.Table) -> pa.ChunkedArray:
    """Each user's segment as its place by size: names may change, sizes should not."""
    counted = pc.value_counts(users["segment"].drop_null()).field("counts")
    sizes = np.sort(counted.to_numpy())[::-1]
    places = np.repeat(np.arange(len(sizes)), sizes).astype(str)
    return pa.chunked_array([pa.array(places, pa.string())])
