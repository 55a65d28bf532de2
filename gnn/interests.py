"""What is known of users and categories → calibrated interests in categories, judged and ranked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from gnn.bands import Outcomes
from gnn.calibration import Calibration, auc, fit_calibration, judge
from gnn.categories import Categories, parents_at_least_children
from gnn.features import NAMES, Past, counts
from gnn.graph import UNDATED, Events, times_of

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

TOP = 10
MOST_USERS = 20_000
"""Users a calibration is fitted or judged on, drawn at random where there are more."""
MOST_PAIRS = 300_000
"""Pairs of user and category a calibration is fitted or judged on; all that came true are kept."""

_ACTIVITY = ("base", "events", "events_recent", "days_since", "no_events")
_HISTORY = ("own", "own_recent", "own_share", "against")
RISING = frozenset({"affinity", "own", "own_recent", "own_share", "friends_share"})
"""More of these never lowers a chance."""
MODELS: Mapping[str, tuple[str, ...]] = {
    "popularity": _ACTIVITY,
    "own history": (*_HISTORY, *_ACTIVITY),
    "profile": NAMES,
}
"""What is judged side by side: the same calibration on ever more features. The plain ones know the
user's activity too, so that a difference is taste."""


@dataclass(frozen=True)
class Interests:
    """P claims, by user and then by rank."""

    user: Ints
    target: Ints
    """[P] category or item row"""
    score: Floats
    rank: Ints
    """[P] 1 is the user's strongest"""
    observed: Bools
    """[P] the user has a positive event of their own there"""

    def __len__(self) -> int:
        return len(self.user)

    def where(self, keep: Bools) -> Interests:
        """Some of them, ranked anew."""
        user = self.user[keep]
        begins = np.flatnonzero(np.diff(user, prepend=-1))  # users come in any order
        rank = np.arange(len(user)) + 1
        rank -= np.repeat(begins, np.diff(begins, append=len(user)))
        return Interests(user, self.target[keep], self.score[keep], rank, self.observed[keep])

    @classmethod
    def none(cls) -> Interests:
        rows = np.zeros(0, np.int64)
        return cls(rows, rows, rows.astype(np.float32), rows, rows.astype(np.bool_))


def known_users(past: Past, users: pa.Table, at: int | None) -> Ints:
    """Users there was something to know of: with an event, or a member by then.

    The others of a graph are not counted as quiet ones: most are known only because they acted
    later."""
    there = past.events > 0
    if at is not None:
        since = times_of(users, "createdAt")
        there |= (since != UNDATED) & (since < at)
    return np.flatnonzero(there)


def drawn_users(rows: Ints, rng: np.random.Generator, most: int = MOST_USERS) -> Ints:
    """At most `most` of them."""
    if len(rows) <= most:
        return rows
    return np.sort(rng.choice(rows, most, replace=False))


def came_true(after: Events, categories: Categories) -> sp.csr_array:
    """[U, C] true where a positive event fell in a category."""
    return ((counts(after.where(after.positive)) @ categories.members) > 0).tocsr()


def fit_interests(
    past: Past, came: sp.csr_array, rows: Ints, categories: Categories, rng: np.random.Generator
) -> dict[str, Calibration]:
    """One calibration for each of MODELS; empty where too few came true to fit any."""
    drawn = [_draw(past, came, block, categories, rng, len(rows)) for block in past.blocks(rows)]
    if not drawn:
        return {}
    x, y, weight = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    fitted = {
        model: fit_calibration(x[:, _columns(names)], y, names, weight, rising=RISING)
        for model, names in MODELS.items()
    }
    return {model: c.over(NAMES) for model, c in fitted.items() if c is not None}


def _columns(names: tuple[str, ...]) -> list[int]:
    return [NAMES.index(n) for n in names]


def _draw(
    past: Past,
    came: sp.csr_array,
    rows: Ints,
    categories: Categories,
    rng: np.random.Generator,
    n_users: int,
) -> tuple[Floats, Bools, Floats]:
    y = came[rows].toarray()
    keep, weight = _sample(y, categories, rng, n_users)
    return past.block(rows)[keep], y[keep], weight


def _sample(
    y: Bools, categories: Categories, rng: np.random.Generator, n_users: int
) -> tuple[Bools, Floats]:
    """All pairs that came true and a share of the others, which then stand for more."""
    share = min(1.0, MOST_PAIRS / max(1, n_users * int(categories.allowed.sum())))
    keep = (y | (rng.random(y.shape) < share)) & categories.allowed
    return keep, np.where(y[keep], 1, 1 / share).astype(np.float32)


def chances(past: Past, calibration: Calibration, rows: Ints, categories: Categories) -> Floats:
    """[B, C] chance of a positive event; 0 for categories that may not be scored."""
    return _chances(past.block(rows), calibration, categories)


def _chances(x: Floats, calibration: Calibration, categories: Categories) -> Floats:
    p = calibration.probability(x)
    return parents_at_least_children(np.where(categories.allowed, p, 0), categories)


@dataclass(frozen=True)
class Judged:
    """What MODELS said, and what came true."""

    pairs: Outcomes
    hits: Mapping[str, Ints]
    """[A] by model: of the three highest chances of each user for whom something came true, how
    many did"""
    targets: Ints
    """[A] how many there were"""

    def rows(self) -> list[dict[str, Any]]:
        """A row for each model: ECE, Brier, AUC over pairs of user and category (`auc_new`: over
        those in which the user had no positive event before), and hit@3 and recall@3 over the users
        for whom something came true."""
        p = self.pairs
        return [
            {
                "model": model,
                **judge(score, p.came, p.weight),
                "auc_new": auc(score[p.new], p.came[p.new], p.weight[p.new]),
                **_at_3(self.hits[model], self.targets),
                "users": len(self.targets),
            }
            for model, score in p.score.items()
        ]


def judge_interests(
    past: Past,
    came: sp.csr_array,
    rows: Ints,
    categories: Categories,
    fitted: Mapping[str, Calibration],
    rng: np.random.Generator,
) -> Judged | None:
    """None without users or without a calibration."""
    pairs: dict[str, list[Floats]] = {model: [] for model in fitted}
    hits: dict[str, list[Ints]] = {model: [] for model in fitted}
    outcomes: list[tuple[Bools, Floats, Bools, Floats, Ints, Floats, Ints]] = []
    for block in past.blocks(rows) if fitted else ():
        x, y = past.block(block), came[block].toarray() & categories.allowed
        keep, weight = _sample(y, categories, rng, len(rows))
        user, category = np.nonzero(keep)
        acted = y.any(axis=1)
        new = past.own[block].toarray() == 0
        outcomes.append(
            (y[keep], weight, new[keep], past.events[block[user]], category, past.base[category],
             y[acted].sum(axis=1))
        )  # fmt: skip
        for model, calibration in fitted.items():
            p = _chances(x, calibration, categories)
            pairs[model].append(p[keep])
            best = _best(p[acted], 3)
            hits[model].append(np.take_along_axis(y[acted], best, axis=1).sum(axis=1))
    if not outcomes:
        return None
    y, weight, new, events, category, popularity, targets = (
        np.concatenate(parts) for parts in zip(*outcomes, strict=True)
    )
    scores = {model: np.concatenate(parts) for model, parts in pairs.items()}
    found = Outcomes(y, weight, new, events, category, popularity, scores)
    return Judged(found, {m: np.concatenate(h) for m, h in hits.items()}, targets)


def _best(scores: Floats, k: int) -> Ints:
    """[B, k] columns of the highest scores of each row, in order."""
    k = min(k, scores.shape[1])
    some = np.argpartition(-scores, k - 1, axis=1)[:, :k] if k else np.zeros((len(scores), 0), int)
    order = np.argsort(-np.take_along_axis(scores, some, axis=1), axis=1, kind="stable")
    return np.asarray(np.take_along_axis(some, order, axis=1), np.int64)


def _at_3(hits: Ints, targets: Ints) -> dict[str, float | None]:
    if not len(targets):
        return {"hit@3": None, "recall@3": None}
    return {"hit@3": float((hits > 0).mean()), "recall@3": float((hits / targets).mean())}


def mean_chance(past: Past, calibration: Calibration, rows: Ints, categories: Categories) -> Floats:
    """[C] the average user's chance."""
    total = np.zeros(len(categories), np.float64)
    for block in past.blocks(rows):
        total += chances(past, calibration, block, categories).sum(axis=0)
    return (total / max(1, len(rows))).astype(np.float32)


def top_interests(
    past: Past,
    calibration: Calibration,
    rows: Ints,
    categories: Categories,
    *,
    average: Floats,
    top: int = TOP,
) -> Interests:
    """The `top` categories of each user, those without events of the user above a floor: they must
    be a larger part of the user's chances than of the `average` [C] user's, since less would be
    popularity, or the user's being busy. A user with no event, friend or text gets none.
    """
    found = [
        _top_of(past, calibration, block, categories, average, top)
        for block in past.blocks(rows[past.has_evidence[rows]])
    ]
    if not found:
        return Interests.none()
    return Interests(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _top_of(
    past: Past,
    calibration: Calibration,
    rows: Ints,
    categories: Categories,
    average: Floats,
    top: int,
) -> tuple[Ints, Ints, Floats, Ints, Bools]:
    p = chances(past, calibration, rows, categories)
    observed = past.own[rows].toarray() > 0
    usual = average / max(float(average.sum()), 1e-12)
    part = p / np.maximum(p.sum(axis=1, keepdims=True), 1e-12)
    claim = categories.allowed & (observed | (part > usual))
    order = _best(np.where(claim, p, -1), top)
    row, place = np.nonzero(np.take_along_axis(claim, order, axis=1))
    target = order[row, place]
    return rows[row], target, p[row, target], place + 1, observed[row, target]
