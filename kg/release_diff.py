"""Two releases → what differs for readers: who, which interests, and how properties are spread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from kg.changes import changes
from kg.profile import USER_PROFILE

BINS = 10
CUTS = np.arange(1, BINS) / BINS
FEWEST = 0.5
"""Users that an empty bin is taken to have: its logarithm must be finite."""
TOP = 10
NOT_COMPARED = ("embedding", "modelVersion", "profileAsOf", "community", "staleSince")
"""Not spread over users in a way that could be compared: vectors, provenance, arbitrary labels."""
CATEGORIES = "edges/INTERESTED_IN.Category"
_CAMEL = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class PropertyShift(BaseModel):
    model_config = _CAMEL

    name: str
    changed: int
    """Users in both releases whose value is another"""
    psi: float | None
    """Population stability index between the two spreads: below 0.1 little has moved, above 0.25
    much. None where neither has a value."""


class InterestShift(BaseModel):
    model_config = _CAMEL

    table: str
    before: int
    after: int
    appeared: int
    gone: int
    churn: float
    """(appeared + gone) / (before + after)"""
    score_change: float | None
    """Mean absolute difference of the scores of those in both"""


class SegmentShift(BaseModel):
    model_config = _CAMEL

    segment: str | None
    """In the later release"""
    users: int
    top10_jaccard: float | None
    """Mean over its users of how much their strongest categories overlap"""


class ReleaseDiff(BaseModel):
    model_config = _CAMEL

    before: str
    after: str
    users: int
    """In both"""
    appeared: int
    gone: int
    changed: int
    """Of those in both, with any other value but vectors and provenance"""
    properties: list[PropertyShift]
    interests: list[InterestShift]
    top10_jaccard: float | None
    segments: list[SegmentShift]


Tables = Mapping[str, pa.Table]


def release_diff(before: tuple[str, Tables], after: tuple[str, Tables]) -> ReleaseDiff:
    """Of two versions with their tables, the earlier first."""
    (name_a, a), (name_b, b) = before, after
    columns = [p.name for p in USER_PROFILE if p.name not in NOT_COMPARED]
    users_a, users_b = (_with(t["users"], columns) for t in (a, b))
    found = changes(users_a, users_b, ["userId"])
    overlap = top_jaccard(a.get(CATEGORIES), b.get(CATEGORIES))
    return ReleaseDiff(
        before=name_a,
        after=name_b,
        users=int((found.at >= 0).sum()),
        appeared=len(found.created),
        gone=len(found.gone),
        changed=len(found.changed),
        properties=[
            PropertyShift(
                name=name,
                changed=int(found.differs[name].sum()),
                psi=psi(users_a[name], users_b[name]),
            )
            for name in columns
        ],
        interests=[
            interest_shift(name, a[name], b[name])
            for name in sorted(a.keys() & b.keys())
            if name.startswith("edges/")
        ],
        top10_jaccard=_mean(overlap["jaccard"]),
        segments=_by_segment(overlap, users_b),
    )


def _with(users: pa.Table, columns: list[str]) -> pa.Table:
    """A release made before a property was declared has nulls there."""
    types = {p.name: p.type.arrow for p in USER_PROFILE}
    return pa.table(
        {"userId": users["userId"]}
        | {
            c: users[c].cast(types[c]) if c in users.column_names
            else pa.nulls(users.num_rows, types[c])
            for c in columns
        }
    )  # fmt: skip


def psi(before: pa.ChunkedArray, after: pa.ChunkedArray) -> float | None:
    """Σ (after − before) ln(after / before) over ten bins of equal mass before; over values, where
    they are words; nulls are a bin of their own. None where there is no value at all."""
    if before.null_count == len(before) and after.null_count == len(after):
        return None
    a, b = (_series(c) for c in (before, after))
    if a.dtype == pl.String:
        words = pl.concat([a, b]).drop_nulls().unique(maintain_order=True)
        place = dict(zip(words.to_list(), range(len(words)), strict=True))
        bins = [s.replace_strict(place, default=len(words)).to_numpy() for s in (a, b)]
    else:
        values = [s.cast(pl.Float64).to_numpy() for s in (a, b)]
        known = values[0][np.isfinite(values[0])]
        edges = np.unique(np.quantile(known, CUTS)) if len(known) else np.zeros(0)
        bins = [np.where(np.isfinite(v), np.searchsorted(edges, v), BINS) for v in values]
    n = int(max(x.max(initial=0) for x in bins)) + 1
    counts = [np.maximum(np.bincount(x, minlength=n), FEWEST) for x in bins]
    share = [c / max(1, len(x)) for c, x in zip(counts, bins, strict=True)]
    return float(((share[1] - share[0]) * np.log(share[1] / share[0])).sum())


def _series(column: pa.ChunkedArray) -> pl.Series:
    made = pl.from_arrow(column)
    assert isinstance(made, pl.Series)
    return made


def interest_shift(name: str, before: pa.Table, after: pa.Table) -> InterestShift:
    keys = ["src", "dst"]
    a, b = (_frame(t.select([*keys, "score"])) for t in (before, after))
    both = a.join(b, on=keys, suffix="_after")
    appeared, gone = b.height - both.height, a.height - both.height
    return InterestShift(
        table=name.removeprefix("edges/"),
        before=a.height,
        after=b.height,
        appeared=appeared,
        gone=gone,
        churn=(appeared + gone) / max(1, a.height + b.height),
        score_change=_mean((both["score_after"] - both["score"]).abs()),
    )


def top_jaccard(before: pa.Table | None, after: pa.Table | None) -> pl.DataFrame:
    """userId and jaccard of each user with interests in both: |both| / |either|, of the TOP
    strongest."""
    if before is None or after is None:
        return pl.DataFrame(schema={"userId": pl.String, "jaccard": pl.Float64})
    a, b = (
        _frame(t.select(["src", "dst", "rank"])).filter(pl.col("rank") <= TOP).drop("rank")
        for t in (before, after)
    )
    sizes = [f.group_by("src").len(name) for f, name in ((a, "a"), (b, "b"))]
    both = a.join(b, on=["src", "dst"]).group_by("src").len("both")
    joined = sizes[0].join(sizes[1], on="src").join(both, on="src", how="left")
    shared = pl.col("both").fill_null(0)
    either = pl.col("a") + pl.col("b") - shared
    return joined.select(userId="src", jaccard=shared / either).sort("userId")


def _by_segment(overlap: pl.DataFrame, users: pa.Table) -> list[SegmentShift]:
    of = _frame(users.select(["userId", "segment"]))
    rows = (
        of.join(overlap, on="userId", how="left")
        .group_by("segment")
        .agg(pl.len().alias("users"), pl.col("jaccard").mean())
        .sort("users", descending=True)
    )
    return [SegmentShift(segment=s, users=n, top10_jaccard=j) for s, n, j in rows.iter_rows()]


def _frame(table: pa.Table) -> pl.DataFrame:
    made = pl.from_arrow(table)
    assert isinstance(made, pl.DataFrame)
    return made


def _mean(values: pl.Series) -> float | None:
    found: Any = values.mean()
    return None if found is None else float(found)
