"""User vectors → segments of users of like taste, named by the categories that lead in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.metrics import silhouette_score

from gnn.categories import Categories
from gnn.clusters import k_means, unit_rows

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


def segments_of(user: Floats, share: sp.csr_array, categories: Categories, seed: int) -> Segments:
    """`user` [U, d]; `share` [U, C] each user's own events by category, rows summing to 1 or 0."""
    rows = np.flatnonzero(user.any(axis=1))
    of_user = np.full(len(user), None, object)
    if not len(rows):
        return Segments(of_user, [], {})
    unit = unit_rows(user[rows] - user[rows].mean(axis=0))  # what all share tells none apart
    group, silhouette = _best_groups(unit, seed)
    order = np.argsort(-np.bincount(group), kind="stable")
    number = np.empty_like(order)
    number[order] = np.arange(len(order))
    group = number[group]
    names = _names(group, share[rows], categories)
    of_user[rows] = np.array(names, object)[group]
    size = np.bincount(group).tolist()
    table = [{"segment": n, "users": s} for n, s in zip(names, size, strict=True)]
    return Segments(of_user, table, silhouette)


def _best_groups(unit: Floats, seed: int) -> tuple[Ints, dict[int, float]]:
    """The number of groups with the best silhouette on a sample; the fewest where they tie."""
    tried: dict[int, tuple[float, Ints]] = {}
    sample = np.arange(0, len(unit), max(1, len(unit) // JUDGED_USERS))[:JUDGED_USERS]
    for k in CHOICES:
        if k * USERS_A_SEGMENT > len(unit):
            break
        group = np.unique(k_means(unit, k, seed), return_inverse=True)[1]
        if 1 < len(np.unique(group[sample])) < len(sample):
            score = silhouette_score(unit[sample], group[sample], metric="cosine")
            tried[k] = (float(score), group)
    if not tried:
        return np.zeros(len(unit), np.int64), {}
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
