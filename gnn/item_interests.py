"""A model's scores of all items → calibrated interests in items, new ones and, in shops where
people buy again, known ones.

An item the user had an event with is offered again only where at least REPEATS of what users take
up is something they had before; it then stands beside the new ones with `observed` true.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from gnn.calibration import Calibration, fit_calibration, judge
from gnn.evaluate import BLOCK_CELLS
from gnn.features import Past, counts, decay
from gnn.interests import Interests
from gnn.lookup import Lookup
from gnn.windows import Window

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

NEW = 20
AGAIN = 10
FITTED_NEW = 500
"""New items of each user the calibration learns from: of the first 20 too few are taken up."""
MOST_SCORES = 300_000_000
"""Scores of users and items computed to learn or judge by; fewer users are drawn where there are
many items."""
MOST_PAIRS = 300_000
"""Offers it learns from; all that came true are kept."""
SAMPLED_ITEMS = 4096
"""Items a user's mean score and spread are taken from."""
NAMES = (
    "z", "place", "again", "own_recent", "popularity", "events", "events_recent", "days_since",
)  # fmt: skip
"""The model's score in standard deviations of the user's scores; log of its place among the user's;
1 for a known item; log of the user's decayed events with it; log of its share of all recent
events; and the user's activity as in `gnn.features`."""
MODELS: Mapping[str, tuple[str, ...]] = {
    "popularity": NAMES[4:],
    "profile": NAMES,
}
"""What is judged side by side on the same offers."""
RISING = frozenset({"z", "own_recent"})
"""More of these never lowers a chance."""


class ScoresItems(Protocol):
    """`gnn.train.Scorer`"""

    def fused(self, users: Ints) -> Any:
        """[B, I] array or tensor, the caller's to change"""


@dataclass(frozen=True)
class Shelf:
    """What can be offered as of a moment."""

    seen: sp.csr_array
    """[U, I] items the user had any event with: not new"""
    recent: sp.csr_array
    """[U, I] the user's decayed positive events: what could be taken up again"""
    share: Floats
    """[I] of all recent positive events"""
    hidden: Bools
    """[I] never offered"""
    repeats: bool


@dataclass(frozen=True)
class Offers:
    """N candidates of some users, by user; new ones before known ones, each best first."""

    user: Ints
    item: Ints
    again: Bools
    x: Floats
    """[N, F] features NAMES"""


def shelf_of(
    window: Window,
    hidden: Bools,
    *,
    repeats: bool,
    half_life_days: float,
    share: Floats | None = None,
) -> Shelf:
    """`share` [I] is what all events say, where the window holds but some users'."""
    seen = window.before
    fresh = decay(seen, window.at, half_life_days)
    recent = counts(seen.where(seen.positive), fresh[seen.positive])
    if share is None:
        per_item = np.asarray(recent.sum(axis=0), np.float32) + np.float32(0.5)
        share = per_item / per_item.sum()
    return Shelf(counts(seen), recent, share, hidden, repeats)


def offers(
    scorer: ScoresItems, shelf: Shelf, past: Past, rows: Ints, *, new: int = NEW
) -> Iterator[Offers]:
    """The best `new` items, and AGAIN known ones where repeats count, of each user, in blocks."""
    size = max(1, BLOCK_CELLS // max(1, len(shelf.share)))
    for start in range(0, len(rows), size):
        yield _offers(scorer, shelf, past, rows[start : start + size], new)


def _offers(scorer: ScoresItems, shelf: Shelf, past: Past, rows: Ints, new: int) -> Offers:
    scores = torch.as_tensor(scorer.fused(rows)).float()
    some = scores[:, :: max(1, scores.shape[1] // SAMPLED_ITEMS)]
    spread, mean = (t.cpu().numpy() for t in torch.std_mean(some, dim=1, correction=0))
    known = _known(scores, shelf, rows)
    parts = [_new(scores, shelf, rows, new), *([known] if shelf.repeats else [])]
    row, place, item, value = (np.concatenate(p) for p in zip(*parts, strict=True))
    again = np.concatenate([np.full(len(p[0]), n == 1) for n, p in enumerate(parts)])
    order = np.lexsort((place, again, row))
    row, place, item, value, again = (c[order] for c in (row, place, item, value, again))
    user = rows[row]
    columns = (
        (value - mean[row]) / (spread[row] + 1e-9),
        np.log(place + 1),
        again,
        np.log1p(Lookup(shelf.recent[rows])(row, item)),
        np.log(shelf.share[item]),
        np.log1p(past.events[user]),
        np.log1p(past.events_recent[user]),
        np.log1p(past.days_since[user]),
    )
    return Offers(user, item, again, np.stack(columns, axis=1).astype(np.float32))


def _new(
    scores: torch.Tensor, shelf: Shelf, rows: Ints, new: int
) -> tuple[Ints, Ints, Ints, Floats]:
    """Row, place from 0, item and value of the best `new` unseen items of each row. Spoils `scores`
    (a second array of this size would be the most memory here)."""
    seen = shelf.seen[rows].tocoo()
    scores[:, torch.as_tensor(shelf.hidden, device=scores.device)] = -torch.inf
    scores[tuple(torch.as_tensor(c, device=scores.device) for c in seen.coords)] = -torch.inf
    best = scores.topk(min(new, scores.shape[1]), dim=1)
    row, place = torch.nonzero(torch.isfinite(best.values), as_tuple=True)
    found = (row, place, best.indices[row, place], best.values[row, place])
    row_, place_, item, value = (t.cpu().numpy() for t in found)
    return row_, place_, item, value


def _known(scores: torch.Tensor, shelf: Shelf, rows: Ints) -> tuple[Ints, Ints, Ints, Floats]:
    """The same for the best AGAIN items the user has taken up before."""
    row, item = (c.astype(np.int64) for c in shelf.recent[rows].tocoo().coords)
    shown = ~shelf.hidden[item]
    row, item = row[shown], item[shown]
    at = tuple(torch.as_tensor(c, device=scores.device) for c in (row, item))
    value = scores[at].cpu().numpy()
    order = np.lexsort((-value, row))
    row, item, value = row[order], item[order], value[order]
    place = np.arange(len(row)) - np.searchsorted(row, row)
    top = place < AGAIN
    return row[top], place[top], item[top], value[top]


def came_true_of(window: Window) -> sp.csr_array:
    """[U, I] true where the user took an item up within the window."""
    return (counts(window.after.where(window.after.positive)) > 0).tocsr()


def fit_items(
    scorer: ScoresItems,
    shelf: Shelf,
    past: Past,
    came: sp.csr_array,
    rows: Ints,
    rng: np.random.Generator,
) -> dict[str, Calibration]:
    """One calibration for each of MODELS; empty where too few offers came true."""
    lookup = Lookup(came)
    share = min(1.0, MOST_PAIRS / max(1, len(rows) * min(FITTED_NEW, len(shelf.share))))
    parts: list[tuple[Floats, Bools, Floats]] = []
    for made in offers(scorer, shelf, past, rows, new=FITTED_NEW):
        y = lookup(made.user, made.item) > 0
        keep = y | (rng.random(len(y)) < share)
        weight = np.where(y[keep], 1, 1 / share).astype(np.float32)
        parts.append((made.x[keep], y[keep], weight))
    if not parts:
        return {}
    x, y, weight = (np.concatenate(p) for p in zip(*parts, strict=True))
    fitted = {}
    for model, names in MODELS.items():
        columns = [NAMES.index(n) for n in names]
        calibration = fit_calibration(x[:, columns], y, names, weight, rising=RISING)
        if calibration is not None:
            fitted[model] = calibration.over(NAMES)
    return fitted


def judge_items(
    scorer: ScoresItems,
    shelf: Shelf,
    past: Past,
    came: sp.csr_array,
    rows: Ints,
    fitted: Mapping[str, Calibration],
) -> list[dict[str, Any]]:
    """Of the offers made to these users, for each of MODELS: ECE, Brier and AUC of its scores."""
    lookup = Lookup(came)
    made = list(offers(scorer, shelf, past, rows))
    y = np.concatenate([np.zeros(0, np.bool_), *(lookup(o.user, o.item) > 0 for o in made)])
    judged = []
    for model, calibration in fitted.items():
        score = [calibration.probability(o.x) for o in made]
        figures = judge(np.concatenate([np.zeros(0, np.float32), *score]), y)
        judged.append({"model": model, "repeats": shelf.repeats, **figures})
    return judged


def top_items(
    scorer: ScoresItems, shelf: Shelf, past: Past, rows: Ints, calibration: Calibration
) -> Interests:
    """Each user's offers, ranked by the chance that they are taken up."""
    none = Interests.none()
    parts = [(none.user, none.target, none.score, none.rank, none.observed)]
    for o in offers(scorer, shelf, past, rows):
        score = calibration.probability(o.x)
        order = np.lexsort((np.arange(len(score)), -score, o.user))
        user = o.user[order]
        rank = np.arange(len(user)) - np.searchsorted(user, user) + 1
        parts.append((user, o.item[order], score[order], rank, o.again[order]))
    return Interests(*(np.concatenate(p) for p in zip(*parts, strict=True)))
