"""What a calibrated score takes from a user's own events and friends → parts of single edges.

A category's score rises with the user's events in it and with those of friends. The rise is the
calibration's own: its logits with them, less its logits without. It is shared among the events by
their freshness, and among the friends by how much of their taste lies in the category.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnn.calibration import Calibration
from gnn.evidence import Parts, Sources, blocks, spread
from gnn.features import PRIOR_EVENTS, Past
from gnn.graph import Events, Seen, ties
from gnn.lookup import Lookup
from gnn.tables import GraphTables

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

ROWS_A_BLOCK = 4_000_000


@dataclass(frozen=True)
class Own:
    """The user's own positive events, sorted by user, as sources."""

    indptr: Ints
    """[U + 1]"""
    item: Ints
    source: Ints
    fresh: Floats
    """Decayed weight of each"""


def own_events(seen: Events, fresh: Floats, sources: Sources) -> Own:
    """`fresh` [E] is the decay of each of the `seen` events."""
    kind = np.array([sources.start[name] for name, _ in seen.relations], np.int64)
    rows = np.flatnonzero(seen.positive)
    rows = rows[np.argsort(seen.user[rows], kind="stable")]
    return Own(
        np.searchsorted(seen.user[rows], np.arange(seen.n_users + 1)),
        seen.item[rows],
        kind[seen.relation[rows]] + seen.edge[rows],
        fresh[rows],
    )


def own_parts(
    own: Own,
    user: Ints,
    target: Ints,
    lift: Floats,
    belongs: Callable[[Ints, Ints], NDArray[np.bool_]],
) -> Parts:
    """Each claim's `lift` [P] shared among the user's events with items that belong to the target:
    `belongs` says of N items and targets whether each does."""
    found = [Parts.none()]
    lifted = np.flatnonzero(lift > 0)
    for piece in blocks(np.diff(own.indptr)[user[lifted]], ROWS_A_BLOCK):
        claims = lifted[piece]
        n, event = spread(user[claims], own.indptr)
        inside = belongs(own.item[event], target[claims][n])
        n, event = n[inside], event[inside]
        total = np.bincount(n, own.fresh[event], minlength=len(claims))
        part = lift[claims][n] * own.fresh[event] / np.maximum(total[n], 1e-12)
        found.append(Parts(claims[n], own.source[event], part.astype(np.float32)))
    return _all(found)


def history_lift(past: Past, user: Ints, category: Ints, calibration: Calibration) -> Floats:
    """[P] logits the user's own events in the category add."""
    recent = Lookup(past.recent)(user, category)
    total = np.asarray(past.recent.sum(axis=1)).ravel()[user]
    drawn = PRIOR_EVENTS * past.base[category]
    with_them = np.log((recent + drawn) / (total + PRIOR_EVENTS))
    without = np.log(drawn / (total - recent + PRIOR_EVENTS))
    rise = (
        calibration.weight("own") * np.log1p(Lookup(past.own)(user, category))
        + calibration.weight("own_recent") * np.log1p(recent)
        + calibration.weight("own_share") * (with_them - without)
    )
    return np.asarray(rise, np.float32)


def friend_parts(
    past: Past,
    graph: GraphTables,
    seen: Seen,
    sources: Sources,
    user: Ints,
    category: Ints,
    calibration: Calibration,
) -> Parts:
    """The logits friends' events in the category add, shared among the friends."""
    tied = ties(graph, seen)
    if not tied or calibration.weight("friends_share") <= 0:
        return Parts.none()
    who = np.concatenate([t.user for t in tied])
    other = np.concatenate([t.other for t in tied])
    source = np.concatenate([sources.start[t.kind] + t.other for t in tied])
    pair = np.unique(who * len(past.events) + other, return_index=True)[1]
    who, other, source = who[pair], other[pair], source[pair]
    indptr = np.searchsorted(who, np.arange(len(past.events) + 1))
    share = Lookup(past.share)
    found = [Parts.none()]
    for claims in blocks(np.diff(indptr)[user], ROWS_A_BLOCK):
        n, tie = spread(user[claims], indptr)
        part = share(other[tie], category[claims][n])
        n, tie, part = n[part > 0], tie[part > 0], part[part > 0]
        total = np.bincount(n, part, minlength=len(claims))
        base = past.base[category[claims]]
        friends = total / np.maximum(np.diff(indptr)[user[claims]], 1)
        lift = calibration.weight("friends_share") * np.log((friends + base) / base)
        each = lift[n] * part / np.maximum(total[n], 1e-12)
        found.append(Parts(claims[n], source[tie], each.astype(np.float32)))
    return _all(found)


def _all(found: list[Parts]) -> Parts:
    return Parts(
        np.concatenate([p.claim for p in found]),
        np.concatenate([p.source for p in found]),
        np.concatenate([p.part for p in found]),
    )
