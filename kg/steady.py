"""Several looks at one user, all of one release, also beside a publish.

On a server a publish is a series of transactions, and a statement that reads a user while the
user's block is committed may find the new properties beside the old interests (Neo4j's isolation is
read committed). The release that is being written names the users in the making.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from kg.store import GraphStore

T = TypeVar("T")

STATE = """
MATCH (r:ProfileRelease) WHERE r.status IN ['live', 'writing']
OPTIONAL MATCH (u:User {{userId: $user}})
RETURN r.version, r.status, r.publishedAt, u.modelVersion, u.profileAsOf, u.embedding, {block}
ORDER BY r.version
"""
"""The user's own part changes with a refresh, and is gone with an erasure."""
IN_THE_MAKING = (
    "r.writingFrom, r.writingTo, "
    "coalesce(r.writingFrom <= $user AND $user <= r.writingTo, false) AS inTheMaking"
)
BLOCK_S = 10.0
"""A block is written in a second or two; a mark that stands longer was left by one who died."""


def steady(store: GraphStore, user: str, read: Callable[[], T]) -> T:
    """What `read` finds of one user, all of it from one release: read again while the user is in
    the making, or where a publish moved on, or a refresh or an erasure came, meanwhile."""
    waited: dict[tuple[Any, ...], float] = {}
    before = _state(store, user)
    while True:
        found = read()
        after = _state(store, user)
        since = waited.setdefault(after, time.monotonic())
        in_the_making = any(row[-1] for row in after)
        if before == after and (not in_the_making or time.monotonic() - since > BLOCK_S):
            return found
        before = after
        time.sleep(0.005)


def _state(store: GraphStore, user: str) -> tuple[Any, ...]:
    block = "false AS inTheMaking" if store.dialect == "ladybug" else IN_THE_MAKING
    found = store.query(STATE.format(block=block), {"user": user})
    return tuple((*row[:5], tuple(row[5] or ()), row[6]) for row in found.rows)
