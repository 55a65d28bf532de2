"""Some users, as seeds → the others by how like them they are in taste, and how well that ranking
finds seeds it was not shown.

Fisher's linear discriminant between the seeds and everybody, on the live release's embeddings, with
the covariance drawn to a sphere (Friedman 1989) as far as seeds held out ask for: at the far end it
is the direction of the seeds' mean. Users who object to being profiled, as seeds too, are not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kg.audience.where import willing
from kg.errors import NotFound, ReleaseError
from kg.privacy.groups import refuse_small
from kg.publish import live_version
from kg.store import GraphStore

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FOLDS = 5
SHRINKAGES = (0.05, 0.3, 1.0)
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Sizes of the curve, as shares of those who can be chosen."""


@dataclass(frozen=True)
class CurvePoint:
    """Of an audience of `size`: what share of it are held-out seeds, and what share of the
    held-out seeds is in it; means over the folds."""

    size: int
    precision: float
    recall: float
    lift: float
    """precision over that of an audience drawn by chance"""
    lift_of_active: float
    """The same lift of the most active users, by evidenceCount: the plain way to choose"""


@dataclass(frozen=True)
class Lookalikes:
    users: pa.Table
    """userId, rank and score, best first: 0 is the average user, 1 the average seed"""
    curve: list[CurvePoint]
    """Empty where there are fewer than two seeds"""
    seeds: int
    """Seeds that have a vector and may be profiled"""
    left_out: int
    """Seeds that have none, or object"""
    of: int
    """Users who could be chosen"""
    release: str


def lookalikes(
    store: GraphStore, seeds: Sequence[str], size: int, *, smallest: int = 0, seed: int = 7
) -> Lookalikes:
    """The `size` users most like `seeds` (ids as the store has them), who are not among them.

    Raises ReleaseError (nothing is published), NotFound (no such users), GroupTooSmall (fewer
    seeds, or others, than `smallest`)."""
    release = live_version(store)
    if release is None:
        raise ReleaseError(f"{store.url}: no release is live; run `kg train`, then `kg publish`")
    users = store.export({"User": ("embedding", "evidenceCount", "profiling")}, {}).nodes["User"]
    wanted = pa.array(dict.fromkeys(seeds), pa.string())
    lost = wanted.filter(pc.invert(pc.is_in(wanted, users["userId"].combine_chunks())))
    if len(lost):
        more = f", nor {len(lost) - 1} more of the {len(wanted)} seeds" if len(lost) > 1 else ""
        raise NotFound(f"no user {lost[0].as_py()[:80]!r} in {store.url}{more}")
    users = willing(users).sort_by("userId")
    users = users.filter(pc.is_valid(users["embedding"])).combine_chunks()
    flat = pc.list_flatten(users["embedding"]).to_numpy().astype(np.float64)
    vectors = flat.reshape(users.num_rows, -1) if users.num_rows else np.zeros((0, 1))
    known = np.flatnonzero(vectors.any(axis=1))
    vectors, ids = vectors[known], users["userId"].take(pa.array(known))
    active = pc.fill_null(users["evidenceCount"], 0).to_numpy().astype(np.float64)[known]
    is_seed = np.asarray(pc.is_in(ids, wanted).to_numpy(zero_copy_only=False), np.bool_)
    rows = np.flatnonzero(is_seed)
    refuse_small(len(rows), smallest, ["seeds with a vector"])
    refuse_small(int((~is_seed).sum()), smallest, ["users who are no seeds"])
    rng = np.random.default_rng(seed)
    space = Space.of(vectors)
    curve = _curve(space, rows, active, size, rng) if len(rows) > 1 else []
    score = space.scores(rows, space.shrinkage(rows, rng))
    order = np.lexsort((np.arange(len(score)), -score))
    best = order[~is_seed[order]][:size]
    refuse_small(len(best), smallest)
    found = {"userId": ids.take(pa.array(best)), "rank": np.arange(1, len(best) + 1),
             "score": score[best]}  # fmt: skip
    return Lookalikes(
        pa.table(found), curve, len(rows), len(wanted) - len(rows), len(ids) - len(rows), release
    )


@dataclass(frozen=True)
class Space:
    """Everybody's vectors [U, d], with their mean and the axes of their covariance."""

    vectors: Floats
    mean: Floats
    variance: Floats
    """[d] along the axes"""
    axes: Floats
    """[d, d] a column each"""

    @classmethod
    def of(cls, vectors: Floats) -> Space:
        mean = vectors.mean(axis=0)
        covariance = vectors.T @ vectors / len(vectors) - np.outer(mean, mean)
        variance, axes = np.linalg.eigh(covariance)
        return cls(vectors, mean, np.maximum(variance, 0), axes)

    def scores(self, seeds: Ints, shrinkage: float) -> Floats:
        """[U] 0 for the mean of all, 1 for that of the seeds."""
        towards = self.vectors[seeds].mean(axis=0) - self.mean
        spread = (1 - shrinkage) * self.variance + shrinkage * self.variance.mean()
        way = self.axes @ (self.axes.T @ towards / np.maximum(spread, 1e-12))
        length = way @ towards
        centred = self.vectors @ way - self.mean @ way
        return centred / length if length > 0 else np.zeros(len(centred))

    def shrinkage(self, seeds: Ints, rng: np.random.Generator) -> float:
        """The one by which half of the seeds finds the other half best."""
        if len(seeds) < 2:
            return 1.0
        mixed = rng.permutation(seeds)
        half = len(mixed) // 2
        halves = ((mixed[:half], mixed[half:]), (mixed[half:], mixed[:half]))
        found = [
            sum(_mean_place(self.scores(shown, s), held, shown) for shown, held in halves)
            for s in SHRINKAGES
        ]
        return SHRINKAGES[int(np.argmin(found))]


def _mean_place(score: Floats, held: Ints, shown: Ints) -> float:
    """Mean place of held-out seeds among all but the seeds that were shown."""
    order = np.argsort(-score, kind="stable")
    return float(_places(order[~np.isin(order, shown)], held, len(score)).mean())


def _places(order: Ints, held: Ints, n: int) -> Ints:
    """The place of each of `held` in an order of rows below n, from 0."""
    place = np.full(n, n, np.int64)
    place[order] = np.arange(len(order))
    return place[held]


def _curve(
    space: Space, seeds: Ints, active: Floats, asked: int, rng: np.random.Generator
) -> list[CurvePoint]:
    n = len(space.vectors)
    folds = list(_folds(seeds, rng))
    pool = n - max(len(shown) for shown, _ in folds)
    sizes = {max(1, round(share * pool)) for share in SHARES} | {min(asked, pool)}
    figures = np.zeros((len(folds), len(sizes), 2))
    for k, (shown, held) in enumerate(folds):
        score = space.scores(shown, space.shrinkage(shown, rng))
        for m, by in enumerate((score, active)):
            order = np.argsort(-by, kind="stable")
            place = np.sort(_places(order[~np.isin(order, shown)], held, n))
            figures[k, :, m] = np.searchsorted(place, sorted(sizes)) / len(held)
    recall = figures.mean(axis=0)
    each = len(seeds) / len(folds)
    return [
        CurvePoint(
            size=size,
            precision=float(recall[k, 0] * each / size),
            recall=float(recall[k, 0]),
            lift=float(recall[k, 0] * pool / size),
            lift_of_active=float(recall[k, 1] * pool / size),
        )
        for k, size in enumerate(sorted(sizes))
    ]


def _folds(seeds: Ints, rng: np.random.Generator) -> Iterator[tuple[Ints, Ints]]:
    """(shown, held out)"""
    parts = np.array_split(rng.permutation(seeds), min(FOLDS, len(seeds)))
    for k, held in enumerate(parts):
        yield np.concatenate([p for j, p in enumerate(parts) if j != k]), held
