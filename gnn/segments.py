"""User vectors → segments of users of like taste, named by the categories that lead in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from gnn.categories import Categories
from gnn.clusters import unit_rows
from gnn.grouping import APART, Method, Places, grouped

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Names = NDArray[np.object_]

LEADING = 2
SAME = 0.5
"""A segment keeps its name where it shares this part of the users of both (Jaccard)."""
NO_GROUP = "no group"
"""Segment of users of a taste of their own, whom HDBSCAN leaves out: a reader sees how many they
are. Null is who has no vector."""


@dataclass(frozen=True)
class Segments:
    of_user: Names
    """[U] name, None for users without a vector"""
    table: list[dict[str, Any]]
    """By segment, the largest first: name and users."""
    groups: Groups


@dataclass(frozen=True)
class Groups:
    """Where the segments are, for placing users who come later."""

    mean: Floats
    """[d] of all users: what all share tells none apart"""
    places: Places
    """Of K groups"""
    names: tuple[str, ...]
    """[K]"""

    def of(self, user: Floats) -> Names:
        """[U] name of each user's segment, None for users without a vector."""
        out = np.full(len(user), None, object)
        rows = np.flatnonzero(user.any(axis=1))
        if len(rows) and self.names:
            unit = unit_rows(user[rows] - self.mean)
            # the last for those APART, who are -1
            out[rows] = np.array([*self.names, NO_GROUP], object)[self.places.of(unit)]
        return out


def segments_of(
    user: Floats,
    share: sp.csr_array,
    categories: Categories,
    seed: int,
    *,
    number: int,
    method: Method = "kmeans",
    before: Names | None = None,
) -> Segments:
    """`user` [U, d]; `share` [U, C] each user's own events by category, rows summing to 1 or 0;
    `number` and `method` as `gnn.grouping.grouped`; `before` [U] each user's segment in the last
    release, None for users it did not have: a segment of the same users keeps its name."""
    mean, unit = centred(user)
    rows = np.flatnonzero(user.any(axis=1))
    if not len(rows):
        none = Places(np.zeros((0, user.shape[1]), np.float32))
        return Segments(np.full(len(user), None, object), [], Groups(mean, none, ()))
    places = grouped(unit, number, seed, method)
    group = places.of(unit)
    size = np.bincount(group[group != APART], minlength=len(places.centre))
    order = np.argsort(-size, kind="stable")[: int((size > 0).sum())]
    places = places.take(order)
    group = places.of(unit)
    kept = {} if before is None else kept_names(group, before[rows], categories)
    within = np.flatnonzero(group != APART)
    names = _names(group[within], share[rows[within]], categories, kept)
    groups = Groups(mean, places, tuple(names))
    size = np.bincount(group[within], minlength=len(names))
    table = [{"segment": n, "users": s} for n, s in zip(names, size.tolist(), strict=True)]
    if len(within) < len(group):
        table.append({"segment": NO_GROUP, "users": len(group) - len(within)})
        table.sort(key=lambda row: -row["users"])
    return Segments(groups.of(user), table, groups)


def said(names: Names) -> NDArray[np.bool_]:
    """[N] not None."""
    return np.asarray(pa.array(names, pa.string()).is_valid().to_numpy(zero_copy_only=False))


def centred(user: Floats) -> tuple[Floats, Floats]:
    """Mean of the users with a vector, and [N, d] their directions from it."""
    known = user[user.any(axis=1)]
    mean = known.mean(axis=0) if len(known) else user.sum(axis=0)
    return mean, unit_rows(known - mean)


def kept_names(group: Ints, before: Names, categories: Categories) -> dict[int, str]:
    """By group the name of the former segment whose users it has, as far as SAME; one to one, so
    that most users keep theirs. A name that holds a category no longer allowed is not kept. Of
    users in no group nobody is the successor, and they are of none."""
    known = np.flatnonzero(said(before) & (before != NO_GROUP))
    names, old = np.unique(before[known].astype(str), return_inverse=True)
    if not len(names):
        return {}
    # the last row for those APART, who are -1: they count among the users of an old segment
    rows = int(group.max()) + 2
    ends = (group[known] % rows, old)
    shared = sp.coo_array((np.ones(len(known)), ends), (rows, len(names))).toarray()
    union = shared.sum(axis=1, keepdims=True) + shared.sum(axis=0) - shared
    alike = (shared / np.maximum(union, 1))[:-1]
    blocked = [categories.names[c].as_py() for c in np.flatnonzero(~categories.allowed)]
    pairs = zip(*linear_sum_assignment(-alike), strict=True)
    return {
        int(g): str(names[o])
        for g, o in pairs
        if alike[g, o] >= SAME and not any(b and b in str(names[o]) for b in blocked)
    }


def _names(
    group: Ints, share: sp.csr_array, categories: Categories, kept: dict[int, str]
) -> list[str]:
    """The categories whose share in a segment stands out most from the share among all users."""
    mass = mass_of(group, share)
    mine = mass / np.maximum(mass.sum(axis=1, keepdims=True), 1e-12)
    everyone = mass.sum(axis=0) / max(mass.sum(), 1e-12)
    stands_out = mine * np.log(np.maximum(mine, 1e-12) / np.maximum(everyone, 1e-12))
    stands_out[:, ~categories.allowed] = 0
    best = np.argsort(-stands_out, axis=1, kind="stable")
    labels = categories.names
    names: list[str] = []
    taken = {*kept.values(), NO_GROUP}
    for g, (row, order) in enumerate(zip(stands_out, best, strict=True)):
        leading = _unrelated([c for c in order[:20].tolist() if row[c] > 0], categories)
        name = " & ".join(labels[c].as_py() for c in leading) or "mixed taste"
        numbered = (f"{name} ({n})" for n in range(2, len(stands_out) + 2 + len(taken)))
        free = next(n for n in (name, *numbered) if n not in taken)
        names.append(kept.get(g, free))
        taken.add(names[-1])
    return names


def mass_of(group: Ints, share: sp.csr_array) -> Doubles:
    """[G, C] sum over each group's users."""
    shape = (int(group.max()) + 1, len(group))
    ends = (group, np.arange(len(group)))
    member = sp.coo_array((np.ones(len(group), np.float32), ends), shape).tocsr()
    return np.asarray((member @ share).todense(), np.float64)


def _unrelated(ordered: list[int], categories: Categories) -> list[int]:
    """The first LEADING of which none is broader or narrower than another."""
    kept: list[int] = []
    for c in ordered:
        under = categories.narrower
        if not any(under[c, k] or under[k, c] for k in kept):
            kept.append(c)
    return kept[:LEADING]
