"""A condition → how many users it holds for, by group, and what they add up to, with noise.

Each user is in one group, so one person moves one count by one and one sum by the bound its values
are cut to. That is hidden to within epsilon (Dwork, McSherry, Nissim and Smith 2006), profiles
taken as they are: what the model learned of a person, and how many groups there are, is not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kg.audience.where import properties_of, where, willing
from kg.errors import ConfigError, QueryError
from kg.privacy.noise import Noise
from kg.schema import Type
from kg.store import GraphStore

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GROUPED_BY = ("segment", "valueTier", "priceBand", "coldStart")
"""Properties whose values are names that a release gives; those of the source may be personal."""
STEPS = 1 << 20
"""Values are summed in whole steps of the bound over this."""


@dataclass(frozen=True)
class Range:
    """Values are cut to it: chosen without looking at them."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (np.isfinite([self.low, self.high]).all() and self.low < self.high):
            raise ConfigError(f"{self.low:g}:{self.high:g} is no range: LOW:HIGH, the lower first")

    @property
    def step(self) -> float:
        return max(abs(self.low), abs(self.high)) / STEPS

    def steps(self, values: Floats) -> Ints:
        """[N] Nulls (NaN) count for nothing."""
        cut: Floats = np.clip(values, self.low, self.high) / self.step
        return np.nan_to_num(np.rint(cut)).astype(np.int64)


@dataclass(frozen=True)
class Tally:
    """Exact figures: to be released with noise, never as they are."""

    groups: list[str]
    """Empty where the users are not grouped."""
    users: Ints
    """[G], or [1]"""
    sums: dict[str, Ints]
    """[G] each, in steps."""
    ranges: Mapping[str, Range]
    consistent: bool = True

    def released(self, epsilon: float, smallest: int = 0) -> Released:
        """With noise; epsilon is shared evenly by the counts and each of the sums. Groups that seem
        smaller than `smallest` are left out, by their noisy counts."""
        each = epsilon / (1 + len(self.sums))
        counting, summing = Noise(1, each), Noise(STEPS, each)
        users = np.maximum(counting.added(self.users), 0)
        shown = np.flatnonzero(users >= smallest)
        steps = {name: self.ranges[name].step for name in self.sums}
        return Released(
            [self.groups[k] for k in shown] if self.groups else [],
            users[shown],
            {
                n: summing.added(s)[shown].astype(np.float64) * steps[n]
                for n, s in self.sums.items()
            },
            counting.within(),
            {n: summing.within() * step for n, step in steps.items()} if steps else {},
            epsilon,
            len(users) - len(shown),
        )


@dataclass(frozen=True)
class Released:
    groups: list[str]
    users: Ints
    """[G] noisy; what fell below zero is zero"""
    sums: dict[str, Floats]
    """[G] noisy, of values cut to their ranges"""
    users_within: float
    """How far off a count is at most, 19 times in 20"""
    sums_within: dict[str, float]
    epsilon: float
    hidden: int
    """Groups left out as too small"""

    @cached_property
    def rows(self) -> list[dict[str, object]]:
        named = [{"group": g} for g in self.groups] or [{}] * len(self.users)
        return [
            {**name, "users": int(self.users[k]), **{n: float(s[k]) for n, s in self.sums.items()}}
            for k, name in enumerate(named)
        ]


def tally(
    store: GraphStore,
    condition: str | None = None,
    *,
    interested_in: Sequence[str] = (),
    min_score: float = 0.0,
    sensitive: Collection[str] = (),
    by: str | None = None,
    sums: Mapping[str, Range] | None = None,
) -> Tally:
    """Of the users of `kg.audience.where.where`; those without a value of `by` are in no group.

    Raises QueryError (what is asked for), NotFound (no such category)."""
    ranges = dict(sums or {})
    known = properties_of(store)
    for name in ranges:
        if name not in known or known[name].type not in (Type.INT64, Type.DOUBLE):
            raise QueryError(f"{name!r} is no number of a user's: it has no sum")
    if by is not None and by not in GROUPED_BY:
        raise QueryError(f"users are grouped by {', '.join(GROUPED_BY)}; not by {by!r}")
    found = where(
        store, condition, interested_in=interested_in, min_score=min_score, sensitive=sensitive,
        also=[*([] if by is None else [by]), *ranges],
    )  # fmt: skip
    users = found.users
    groups: list[str] = []
    place = np.zeros(users.num_rows, np.int64)
    if by is not None:
        names = _names(store, by)
        groups = names.to_pylist()
        at = pc.fill_null(pc.index_in(users[by], names), -1)
        place = np.asarray(at.to_numpy(), np.int64)
    inside = place >= 0
    size = len(groups) if by is not None else 1
    steps = {
        name: _sum(place[inside], r.steps(_values(users[name])[inside]), size)
        for name, r in ranges.items()
    }
    return Tally(
        groups, np.bincount(place[inside], minlength=size), steps, ranges, found.consistent
    )


def _names(store: GraphStore, by: str) -> pa.Array:
    """Of everybody, whatever the condition: which of them it holds for is not to show."""
    everybody = willing(store.export({"User": (by, "profiling")}, {}).nodes["User"])
    names = pc.unique(everybody[by].drop_null())
    if not len(names):
        raise QueryError(f"nobody has a {by}: publish a release first")
    return names.take(pc.sort_indices(names))


def _values(column: pa.ChunkedArray) -> Floats:
    return np.asarray(pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy(), np.float64)


def _sum(place: Ints, steps: Ints, size: int) -> Ints:
    total = np.zeros(size, np.int64)  # whole numbers: their sum does not hang on their order
    np.add.at(total, place, steps)
    return total
