"""Events, ties and vectors as of a moment → what is known of each user and category."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from gnn.categories import Categories
from gnn.encoded import Encoded
from gnn.graph import UNDATED, Events, Seen, ties
from gnn.tables import GraphTables
from gnn.windows import DAY, Window

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

NAMES = (
    "affinity", "own", "own_recent", "own_share", "against", "friends_share", "base",
    "events", "events_recent", "days_since", "no_events",
)  # fmt: skip
"""Columns of `Past.block`, in order; see there."""

PRIOR_EVENTS = 2.0
"""A user's own share of a category is drawn to the base share by this many events."""
PAIRS_A_BLOCK = 1_000_000
SAMPLED_USERS = 10_000


@dataclass(frozen=True)
class Usual:
    """What a `Past` knows of everyone together: it holds still while single users change."""

    base: Floats
    centre: Floats
    start: int | None


@dataclass(frozen=True)
class Past:
    """What is known of U users and C categories as of a moment."""

    own: sp.csr_array
    """[U, C] positive events"""
    recent: sp.csr_array
    """[U, C] the same, each halved per half-life of age"""
    against: sp.csr_array
    """[U, C] events that speak against"""
    friends: sp.csr_array
    """[U, U] rows sum to 1, or 0 without ties; both directions of a tie count"""
    share: sp.csr_array
    """[U, C] `recent` over the user's sum"""
    base: Floats
    """[C] share of all recent positive events"""
    events: Floats
    """[U] the user's own acts"""
    events_recent: Floats
    """[U] the same, decayed"""
    days_since: Floats
    """[U] since the last act; as far back as the data go for users without; 0 without times"""
    user: Floats
    """[U, d]"""
    centre: Floats
    """[C, d] where the score points for a category and not for the average item"""
    start: int | None
    """The first dated act of anyone"""

    @property
    def usual(self) -> Usual:
        return Usual(self.base, self.centre, self.start)

    @property
    def has_evidence(self) -> Bools:
        """[U] there is an event, or a vector made from friends or text."""
        return (self.events > 0) | self.user.any(axis=1)

    def blocks(self, rows: Ints) -> Iterator[Ints]:
        """`rows` in pieces whose features fit in memory."""
        size = max(1, PAIRS_A_BLOCK // max(1, len(self.base)))
        for start in range(0, len(rows), size):
            yield rows[start : start + size]

    def block(self, rows: Ints) -> Floats:
        """[B, C, F] features NAMES of some users and every category.

        Counts and shares enter as logarithms: the chance of an event is near to rate x share, so
        its logit is near to a sum of these.
        """
        recent = self.recent[rows].toarray()
        total = recent.sum(axis=1, keepdims=True)
        friends = (self.friends[rows] @ self.share).toarray()
        has_friends = friends.sum(axis=1, keepdims=True) > 0
        base = np.broadcast_to(np.log(self.base), recent.shape)
        per_user = (
            np.log1p(self.events[rows]),
            np.log1p(self.events_recent[rows]),
            np.log1p(self.days_since[rows]),
            (self.events[rows] == 0).astype(np.float32),
        )
        columns = (
            self.affinity(rows),
            np.log1p(self.own[rows].toarray()),
            np.log1p(recent),
            np.log((recent + PRIOR_EVENTS * self.base) / (total + PRIOR_EVENTS)) - base,
            np.log1p(self.against[rows].toarray()),
            np.where(has_friends, np.log((friends + self.base) / 2) - base, 0),
            base,
            *(np.broadcast_to(x[:, None], recent.shape) for x in per_user),
        )
        return np.stack(columns, axis=-1).astype(np.float32)

    def affinity(self, rows: Ints) -> Floats:
        """[B, C] how much more the vectors speak for a category than for the average item."""
        return np.asarray(self.user[rows] @ self.centre.T)


def past_of(
    graph: GraphTables,
    window: Window,
    encoded: Encoded,
    categories: Categories,
    *,
    half_life_days: float,
    usual: Usual | None = None,
) -> Past:
    """`encoded` must have been made with `window.seen`. Where the graph holds but some of the
    users, `usual` is what the whole of it said."""
    seen, n_users = window.before, graph.users.num_rows
    fresh = decay(seen, window.at, half_life_days)
    recent = _of(categories, seen, seen.positive, fresh)
    act = own_acts(seen, graph)
    usual = usual or _usual(recent, seen.where(act), encoded, categories)
    return Past(
        own=_of(categories, seen, seen.positive),
        recent=recent,
        against=_of(categories, seen, ~seen.positive),
        friends=friends_of(graph, window.seen),
        share=_rows_to_one(recent),
        base=usual.base,
        events=np.bincount(seen.user[act], minlength=n_users).astype(np.float32),
        events_recent=np.bincount(seen.user[act], fresh[act], n_users).astype(np.float32),
        days_since=_days_since(seen.where(act), window.at, usual.start),
        user=encoded.user,
        centre=usual.centre,
        start=usual.start,
    )


def _usual(recent: sp.csr_array, acts: Events, encoded: Encoded, categories: Categories) -> Usual:
    per_category = np.asarray(recent.sum(axis=0), np.float32) + np.float32(0.5)
    dated = acts.at[acts.at != UNDATED]
    return Usual(
        per_category / per_category.sum(),
        centres(encoded, categories.members),
        int(dated.min()) if len(dated) else None,
    )


def own_acts(events: Events, graph: GraphTables) -> Bools:
    """[E] the user's own doing: every type but those that undo one."""
    act = np.array([kind not in graph.negative for kind, _ in events.relations], np.bool_)
    return np.asarray(act[events.relation], np.bool_)


def decay(events: Events, now: int | None, half_life_days: float) -> Floats:
    """[E] 1 for an event at `now`, half a half-life earlier; 1 where there is no time."""
    if now is None:
        return np.ones(len(events), np.float32)
    age = np.where(events.at == UNDATED, 0, now - events.at) / DAY
    return np.exp2(-np.maximum(age, 0) / half_life_days).astype(np.float32)


def counts(events: Events, weight: Floats | None = None) -> sp.csr_array:
    """[U, I] float32: events per user and item, each counted `weight` (default 1)."""
    data = np.ones(len(events), np.float32) if weight is None else weight
    shape = (events.n_users, events.n_items)
    return sp.coo_array((data, (events.user, events.item)), shape).tocsr()


def _of(
    categories: Categories, events: Events, which: Bools, weight: Floats | None = None
) -> sp.csr_array:
    """[U, C] events of each category, narrower ones included."""
    per_item = counts(events.where(which), None if weight is None else weight[which])
    return (per_item @ categories.members).tocsr()


def friends_of(graph: GraphTables, seen: Seen) -> sp.csr_array:
    """[U, U] float32: those each user listens to, as equal parts of 1."""
    n = graph.users.num_rows
    tied = ties(graph, seen)
    pairs = [np.concatenate([getattr(t, end) for t in tied] or [[]]) for end in ("user", "other")]
    listens = sp.coo_array((np.ones(len(pairs[0]), np.float32), tuple(pairs)), (n, n)).tocsr()
    listens.data[:] = 1
    return _rows_to_one(listens)


def _rows_to_one(matrix: sp.csr_array) -> sp.csr_array:
    total = np.asarray(matrix.sum(axis=1), np.float32)
    inverse = np.divide(1, total, out=np.zeros_like(total), where=total > 0)
    return (sp.diags_array(inverse) @ matrix).tocsr()


def _days_since(acts: Events, at: int | None, start: int | None) -> Floats:
    if at is None or start is None:
        return np.zeros(acts.n_users, np.float32)
    dated = acts.where(acts.at != UNDATED)
    last = np.full(acts.n_users, start)
    np.maximum.at(last, dated.user, dated.at)
    return ((at - last) / DAY).astype(np.float32)


def centres(encoded: Encoded, members: sp.csr_array) -> Floats:
    """[C, d] the popularity-weighted mean item of each category, less that of all items.

    With p(item | user) = softmax(user · item + bias), user · centre is the first-order change of
    log p(category | user) with the user, so it is exactly a sum over the user's edges. It is scaled
    to a standard deviation of 1 over users and categories, so that a calibration fitted on one
    model's vectors holds for another's.
    """
    popularity = np.exp(encoded.bias - encoded.bias.max())
    weighted = encoded.item * popularity[:, None]
    mass = np.maximum(members.T @ popularity, np.finfo(np.float32).tiny)
    centre = (members.T @ weighted) / mass[:, None] - weighted.sum(axis=0) / popularity.sum()
    centre[np.diff(members.tocsc().indptr) == 0] = 0
    known = np.flatnonzero(encoded.user.any(axis=1))
    some = known[:: max(1, len(known) // SAMPLED_USERS)]
    spread = float((encoded.user[some] @ centre.T).std()) if len(some) else 0.0
    return np.asarray(centre / (spread or 1.0), np.float32)
