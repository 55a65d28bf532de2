"""Users whose edges changed since their profile was made: marked by every load and erasure, until a
refresh has profiled them anew.

The mark is the property `staleSince` (`kg.profile`). It is set before edges are written, so that a
load that dies leaves too many marks and never too few, and set again after, so that a refresh that
ran meanwhile does not take it away.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from kg.around import listeners_of, together
from kg.schema import BEHAVIOURS, DST, SOCIAL, SRC
from kg.store import GraphStore, WriteCount

MARK = "staleSince"
CLEARED_AT_ONCE = 5_000
_CLEAR = """
UNWIND $marks AS mark
MATCH (u:User {userId: mark.userId}) WHERE u.staleSince = mark.at
SET u.staleSince = NULL
"""


def has_profiles(store: GraphStore) -> bool:
    """Whether a release was ever published: before that nothing can be stale."""
    return store.counts().get("ProfileRelease", 0) > 0


def users_in(parts: Iterable[Path], table: str) -> pa.Array:
    """Whose profiles the edges of a table bear on at first hand."""
    ends = {**dict.fromkeys(BEHAVIOURS, (SRC,)), **dict.fromkeys(SOCIAL, (SRC, DST))}.get(table, ())
    files = list(parts)
    if not ends or not files:
        return pa.array([], pa.string())
    rows = pl.scan_parquet(files, missing_columns="insert", extra_columns="ignore")
    keys = pl.concat([rows.select(pl.col(end).alias("key")) for end in ends])
    return keys.unique().sort("key").collect()["key"].to_arrow().cast(pa.string())


@dataclass
class Watch:
    """Marks the users of a load: all of them before its edges are written, afterwards those whose
    edges came or changed. A whole export that is loaded anew each night makes few profiles due."""

    store: GraphStore
    users: pa.Array
    of_table: dict[str, pa.Array]
    at: int
    begun: bool = False

    @classmethod
    def of(cls, store: GraphStore, tables: Mapping[str, Sequence[Path]], at: int | None) -> Watch:
        """Of nobody, where no release is live yet."""
        live = has_profiles(store)
        told = [t for t in tables if live and t in (*BEHAVIOURS, *SOCIAL)]
        of_table = {t: users_in(tables[t], t) for t in told}
        users = together(*of_table.values())
        return cls(store, users, of_table, int(time.time()) if at is None else at)

    def before(self) -> None:
        """Once, when the users are there and their edges are not yet."""
        if not self.begun and len(self.users):
            self.begun = True
            mark(self.store, unmarked(self.store, self.users), at=self.at)

    def after(self, written: Mapping[str, WriteCount]) -> None:
        """The same again for users at edges that came or changed; for the others as if the load had
        never been."""
        if not len(self.users):
            return
        touched = together(
            *(
                keys
                for table, everyone in self.of_table.items()
                if written[table].created or written[table].updated
                for keys in written[table].touched or (everyone,)
            )
        )
        mark(self.store, touched, at=self.at + 1)
        found = marks(self.store)
        ours = pc.and_(pc.equal(found[MARK], self.at), pc.is_in(found["userId"], self.users))
        clear(self.store, found.filter(ours))


def mark(store: GraphStore, users: pa.Array | Sequence[str], *, at: int) -> None:
    """`users` must be in the store. `at` is epoch seconds."""
    keys = pa.array(users, pa.string()) if isinstance(users, Sequence) else users
    if len(keys):
        moments = pa.array([at], pa.int64()).take(pa.array([0] * len(keys), pa.int64()))
        store.upsert("User", pa.table({"userId": keys, MARK: moments}))


def marks(store: GraphStore) -> pa.Table:
    """userId and staleSince of the marked users."""
    found = store.query(
        f"MATCH (u:User) WHERE u.{MARK} IS NOT NULL "
        f"RETURN u.userId AS userId, u.{MARK} AS at ORDER BY userId",
        max_rows=100_000_000,
        timeout_s=600,
    )
    columns = list(zip(*found.rows, strict=True)) or [(), ()]
    return pa.table(
        {"userId": pa.array(columns[0], pa.string()), MARK: pa.array(columns[1], pa.int64())}
    )


def waiting(store: GraphStore) -> int:
    """How many users are marked."""
    if not has_profiles(store):
        return 0
    found = store.query(f"MATCH (u:User) WHERE u.{MARK} IS NOT NULL RETURN count(*)", timeout_s=600)
    return int(found.rows[0][0])


def clear(store: GraphStore, given: pa.Table) -> None:
    """Take away these marks, but for those that were set anew since they were read."""
    for start in range(0, given.num_rows, CLEARED_AT_ONCE):
        part = given.slice(start, CLEARED_AT_ONCE).rename_columns(["userId", "at"])
        store.query(_CLEAR, {"marks": part.to_pylist()}, read_only=False, timeout_s=600)


def unmarked(store: GraphStore, users: pa.Array) -> pa.Array:
    """Those of the users that have no mark yet."""
    return users.filter(pc.invert(pc.is_in(users, marks(store)["userId"])))


def with_listeners(store: GraphStore, users: pa.Array) -> pa.Array:
    """And those who read them: their vectors hold a part of these users' vectors."""
    found = store.around(users.to_pylist(), dict.fromkeys(SOCIAL, ()))
    people = found.nodes["User"]["userId"]
    near = []
    for name, table in found.edges.items():
        ties = pa.table({end: people.take(table[end]) for end in (SRC, DST)})
        near.append(listeners_of(name, ties, users))
    return together(users, *near)


def kept_by_publish(users: pa.Table, found: pa.Table, trained_at: int) -> pa.Table:
    """The users of a release with the marks that were set after it was trained, which a publish
    must not take away; users who came after it have a row of their own for theirs."""
    late = found.filter(pc.greater_equal(found[MARK], trained_at))
    place = pc.index_in(users["userId"], late["userId"])
    marked = users.append_column(MARK, late[MARK].take(place))
    strangers = late.filter(pc.invert(pc.is_in(late["userId"], users["userId"])))
    return pa.concat_tables([marked, strangers], promote_options="default")
