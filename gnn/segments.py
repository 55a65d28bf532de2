"""User vectors → segments of users of like taste, named by the categories that lead in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.metrics import silhouette_score

from gnn.categories import Categories
from gnn.clusters import k_centres, nearest_centre, unit_rows

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

CHOICES = (3, 4, 5, 6, 8, 10, 12, 16)
USERS_A_SEGMENT = 20
"""No more segments than leave this many users for each, on average."""
JUDGED_USERS = 2000
LEADING = 2


@dataclass(frozen=True)
class Segments:
    of_user: NDArray[np.object_]
    """[U] name, None for users without a vector"""
    table: list[dict[str, Any]]
    """By segment, the largest first: name and users."""
    silhouette: dict[int, float]
    """By number of segments tried: mean silhouette (Rousseeuw 1987), cosine."""
    groups: Groups


@dataclass(frozen=True)
class Groups:
    """Where the segments are, for placing users who come later."""

    mean: Floats
    """[d] of all users: what all share tells none apart"""
    centre: Floats
    """[K, d]"""
    names: tuple[str, ...]
    """[K]"""

    def of(self, user: Floats) -> NDArray[np.object_]:
        """[U] name of each user's segment, None for users without a vector."""
        out = np.full(len(user), None, object)
        rows = np.flatnonzero(user.any(axis=1))
        if len(rows) and self.names:
            unit = unit_rows(user[rows] - self.mean)
            out[rows] = np.array(self.names, object)[nearest_centre(unit, self.centre)]
        return out


def segments_of(user: Floats, share: sp.csr_array, categories: Categories, seed: int) -> Segments:
    """`user` [U, d]; `share` [U, C] each user's own events by category, rows summing to 1 or 0."""
    rows = np.flatnonzero(user.any(axis=1))
    if not len(rows):
        none = np.zeros((0, user.shape[1]), np.float32)
        return Segments(np.full(len(user), None, object), [], {}, Groups(none.sum(0), none, ()))
    mean = user[rows].mean(axis=0)
    unit = unit_rows(user[rows] - mean)
    centre, silhouette = _best_centres(unit, seed)
    group = nearest_centre(unit, centre)
    size = np.bincount(group, minlength=len(centre))
    order = np.argsort(-size, kind="stable")[: int((size > 0).sum())]
    group, size = nearest_centre(unit, centre[order]), size[order]
    names = _names(group, share[rows], categories)
    groups = Groups(mean, centre[order], tuple(names))
    table = [{"segment": n, "users": s} for n, s in zip(names, size.tolist(), strict=True)]
    return Segments(groups.of(user), table, silhouette, groups)


def _best_centres(unit: Floats, seed: int) -> tuple[Floats, dict[int, float]]:
    """For the number of groups with the best silhouette on a sample; the fewest where they tie."""
    tried: dict[int, tuple[float, Floats]] = {}
    sample = np.arange(0, len(unit), max(1, len(unit) // JUDGED_USERS))[:JUDGED_USERS]
    for k in CHOICES:
        if k * USERS_A_SEGMENT > len(unit):
            break
        centre = k_centres(unit, k, seed)
        group = nearest_centre(unit[sample], centre)
        if 1 < len(np.unique(group)) < len(sample):
            score = silhouette_score(unit[sample], group, metric="cosine")
            tried[k] = (float(score), centre)
    if not tried:
        return np.zeros((1, unit.shape[1]), np.float32), {}
    best = max(tried, key=lambda k: (tried[k][0], -k))
    return tried[best][1], {k: score for k, (score, _) in tried.items()}


def _names(group: Ints, share: sp.csr_array, categories: Categories) -> list[str]:
    """The categories whose share in a segment stands out most from the share among all users."""
    n = int(group.max()) + 1
    member = sp.coo_array(
        (np.ones(len(group), np.float32), (group, np.arange(len(group)))), (n, len(group))
    ).tocsr()
    mass = np.asarray((member @ share).todense(), np.float64)
    mine = mass / np.maximum(mass.sum(axis=1, keepdims=True), 1e-12)
    everyone = mass.sum(axis=0) / max(mass.sum(), 1e-12)
    stands_out = mine * np.log(np.maximum(mine, 1e-12) / np.maximum(everyone, 1e-12))
    stands_out[:, ~categories.allowed] = 0
    best = np.argsort(-stands_out, axis=1, kind="stable")
    labels = categories.names
    names: list[str] = []
    for row, order in zip(stands_out, best, strict=True):
        leading = _unrelated([c for c in order[:20].tolist() if row[c] > 0], categories)
        name = " & ".join(labels[c].as_py() for c in leading) or "mixed taste"
        taken = sum(other == name or other.startswith(f"{name} (") for other in names)
        names.append(f"{name} ({taken + 1})" if taken else name)
    return names


def _unrelated(ordered: list[int], categories: Categories) -> list[int]:
    """The first LEADING of which none is broader or narrower than another."""
    kept: list[int] = []
    for c in ordered:
        under = categories.narrower
        if not any(under[c, k] or under[k, c] for k in kept):
            kept.append(c)
    return kept[:LEADING]
