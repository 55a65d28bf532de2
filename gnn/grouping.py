"""Directions of users → groups that also place users who come later: k-means, Ward's clustering or
HDBSCAN.

A group is a centre, and with HDBSCAN a reach besides: who is farther from the nearest centre than
its reach is in no group. One rule places everyone, those that the groups were made of, too, so that
a refresh says of a user what a publish would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import HDBSCAN, AgglomerativeClustering

from gnn.clusters import k_centres, nearest_centre

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Method = Literal["kmeans", "hierarchical", "hdbscan"]

APART = -1
"""In no group."""
MOST_GROUPED = 8_000
"""Users whom Ward's clustering and HDBSCAN look at, drawn by the seed where there are more: the
distances of all pairs of them are 256 MB."""
SMALLEST = 0.25
"""With HDBSCAN, of an even share of the users: no group is smaller."""
FEWEST = 5
NEIGHBOURS = 10
"""That HDBSCAN measures density by."""


@dataclass(frozen=True)
class Places:
    """Where groups are."""

    centre: Floats
    """[K, d]"""
    reach: Floats | None = None
    """[K] square of the distance up to which a user belongs; None is any"""

    def of(self, unit: Floats) -> Ints:
        """[N] group of each direction, APART for those beyond the reach of the nearest."""
        group = nearest_centre(unit, self.centre)
        if self.reach is None or not len(unit):
            return group
        far = _distance(unit, self.centre[group]) > self.reach[group]
        return np.where(far, APART, group)

    def take(self, order: Ints) -> Places:
        return Places(self.centre[order], None if self.reach is None else self.reach[order])


def grouped(unit: Floats, number: int, seed: int, method: Method) -> Places:
    """Groups of directions [N, d]: `number` of them; with HDBSCAN however many there are of at
    least SMALLEST of a `number`th of the users. One at the origin for a `number` of 1, and where
    HDBSCAN finds none."""
    if number > 1:
        found = METHODS[method](unit, number, seed)
        if len(found.centre):
            return found
    return Places(np.zeros((1, unit.shape[1]), np.float32))


def _k_means(unit: Floats, number: int, seed: int) -> Places:
    return Places(k_centres(unit, number, seed))


def _ward(unit: Floats, number: int, seed: int) -> Places:
    """Ward 1963: of the two groups whose union adds least to the squared distances, one is made,
    until there are `number`."""
    some = _drawn(unit, seed)
    if number > len(some):
        return Places(some)
    group = AgglomerativeClustering(number, linkage="ward").fit_predict(some)
    return Places(_centres(some, group))


def _hdbscan(unit: Floats, number: int, seed: int) -> Places:
    """Campello, Moulavi and Sander 2013: groups are where users lie densely. Users who came later
    have no density: the reach stands for it."""
    some = _drawn(unit, seed)
    least = max(FEWEST, round(SMALLEST * len(some) / number))
    if len(some) <= max(least, NEIGHBOURS):
        return Places(some[:0])
    model = HDBSCAN(min_cluster_size=least, min_samples=NEIGHBOURS, copy=True)
    group = np.asarray(model.fit_predict(some), np.int64)
    if group.max() < 0:
        return Places(some[:0])
    centre = _centres(some, group)
    near = nearest_centre(some, centre)
    distance = _distance(some, centre[near])
    reach = [_reach(distance[near == g], group[near == g] >= 0) for g in range(len(centre))]
    return Places(centre, np.array(reach, np.float32))


METHODS: dict[Method, Callable[[Floats, int, int], Places]] = {
    "kmeans": _k_means,
    "hierarchical": _ward,
    "hdbscan": _hdbscan,
}


def _drawn(unit: Floats, seed: int) -> Floats:
    if len(unit) <= MOST_GROUPED:
        return unit
    rows = np.random.default_rng(seed).choice(len(unit), MOST_GROUPED, replace=False)
    return unit[np.sort(rows)]


def _centres(unit: Floats, group: Ints) -> Floats:
    """[K, d] mean of each group; those APART count for none."""
    return np.stack([unit[group == g].mean(axis=0) for g in range(int(group.max()) + 1)])


def _distance(unit: Floats, centre: Floats) -> Floats:
    """[N] squared, row by row."""
    return np.asarray(((unit - centre) ** 2).sum(axis=1), np.float32)


def _reach(distance: Floats, member: Bools) -> float:
    """The cut that tells members from those left out best: the most of the members within it, less
    the share of the others (Youden 1950). Half-way to the next user, so that rounding moves
    nobody; endless where none of the others lies beyond."""
    if member.all():
        return float("inf")
    order = np.argsort(distance, kind="stable")
    near, inside = distance[order], member[order]
    gain = np.cumsum(inside) / max(1, inside.sum()) - np.cumsum(~inside) / (~inside).sum()
    best = len(gain) - 1 - int(np.argmax(gain[::-1]))
    return float(near[best : best + 2].mean()) if best + 1 < len(near) else float("inf")
