"""Calibrated interests → the category of a user's next choice, judged beside plain guesses."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from gnn.calibration import Calibration
from gnn.categories import Categories
from gnn.features import Past
from gnn.graph import Events
from gnn.interests import chances
from gnn.variety import last_categories

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

TOP = 3


def narrowest(share: sp.csr_array, categories: Categories) -> Bools:
    """[C] categories that items are in themselves: a broader one says less. `share` [I, C]."""
    return (np.asarray(share.sum(axis=0)).ravel() > 0) & categories.allowed


def next_category(
    past: Past, interest: Calibration, rows: Ints, categories: Categories, narrow: Bools
) -> Ints:
    """[len(rows)] the likeliest of the narrowest categories; -1 where nothing is known of a
    user."""
    found = np.full(len(rows), -1)
    known = np.flatnonzero(past.has_evidence[rows])
    if not narrow.any():
        return found
    done = 0
    for block in past.blocks(rows[known]):
        p = np.where(narrow, chances(past, interest, block, categories), -1)
        found[known[done : done + len(block)]] = p.argmax(axis=1)
        done += len(block)
    return found


def judge_next(
    past: Past,
    before: Events,
    after: Events,
    interest: Calibration,
    rows: Ints,
    categories: Categories,
    share: sp.csr_array,
) -> list[dict[str, Any]]:
    """hit@1 and hit@3 of the category of the first positive event in `after` of the users `rows`,
    in a narrowest category; an item in several is hit by any of them."""
    narrow = narrowest(share, categories)
    liked = after.where(after.positive & (np.diff(share.indptr) > 0)[after.item])
    first = np.unique(liked.user, return_index=True)[1]
    rows = rows[past.has_evidence[rows]]
    told = np.isin(liked.user[first], rows)
    user, item = liked.user[first][told], liked.item[first][told]
    if not len(user):
        return []
    popular = np.where(narrow, past.base, -1)
    last = last_categories(before, share, TOP)
    orders: dict[str, list[Ints]] = {}
    for block in past.blocks(user):
        own = past.recent[block].toarray()
        recent = np.zeros_like(own)
        for n in range(TOP):
            there = np.flatnonzero(last[block, n] >= 0)
            recent[there, last[block, n][there]] = TOP - n
        guesses = {
            "popularity": np.broadcast_to(popular, own.shape),
            "last category": recent + 0.5 * popular,
            "own history": own + 1e-3 * popular,
            "profile": chances(past, interest, block, categories),
        }
        for name, scores in guesses.items():
            best = np.argsort(-np.where(narrow, scores, -1), axis=1, kind="stable")[:, :TOP]
            orders.setdefault(name, []).append(np.asarray(best, np.int64))
    truth = share[item].toarray() > 0
    return [_row(name, np.concatenate(best), truth) for name, best in orders.items()]


def _row(name: str, best: Ints, truth: Bools) -> dict[str, Any]:
    hit = np.take_along_axis(truth, best, axis=1)
    return {
        "model": name,
        "users": len(truth),
        "hit@1": float(hit[:, :1].any(axis=1).mean()),
        "hit@3": float(hit.any(axis=1).mean()),
    }
