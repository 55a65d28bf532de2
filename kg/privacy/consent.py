"""Users who object to being profiled: no profile, no interest, no part in training or exports.

The word is `User.profiling`: false is an objection, whether a source's column says so or the
command. What such a user did stays in the graph, as the shop's own record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from kg.errors import NotFound
from kg.privacy.places import in_releases
from kg.profile import USER_PROFILE
from kg.schema import DST, EDGE_TABLES, NODE_BY_LABEL, SRC
from kg.stale import has_profiles, mark, with_listeners
from kg.store import GraphStore

SAYS = "profiling"
_ALL = 100_000_000
_TIMEOUT_S = 600.0
FEW = 1_000
"""Users who are looked up by their keys rather than found among all."""
OURS = tuple(name for name, table in EDGE_TABLES.items() if table.type.written_by_us)


def objectors(store: GraphStore, among: pa.Array | None = None) -> pa.Array:
    """Their ids, in order; at least those `among` these users."""
    if among is not None and len(among) <= FEW:
        return _objectors_of(store, among)
    if not store.counts().get("User"):
        return pa.array([], pa.string())
    rows = store.query(
        "MATCH (u:User) WHERE u.profiling = false RETURN u.userId AS id ORDER BY id",
        max_rows=_ALL, timeout_s=_TIMEOUT_S,
    ).rows  # fmt: skip
    return pa.array([row[0] for row in rows], pa.string())


def _objectors_of(store: GraphStore, users: pa.Array) -> pa.Array:
    """By their keys: a server reads all users to find the few."""
    if not len(users):  # the embedded store takes no empty list
        return pa.array([], pa.string())
    rows = store.query(
        "UNWIND $ids AS key MATCH (u:User {userId: key}) WHERE u.profiling = false "
        "RETURN u.userId AS id ORDER BY id",
        {"ids": users.to_pylist()}, max_rows=_ALL, timeout_s=_TIMEOUT_S,
    ).rows  # fmt: skip
    return pa.array([row[0] for row in rows], pa.string())


def without(tables: Mapping[str, pa.Table], users: pa.Array) -> dict[str, pa.Table]:
    """A release's tables without rows of these users."""
    return {name: _without(name, table, users) for name, table in tables.items()}


def _without(name: str, table: pa.Table, users: pa.Array) -> pa.Table:
    if not len(users):
        return table
    columns = ["userId"] if "userId" in table.column_names else []
    edge = EDGE_TABLES.get(name.removeprefix("edges/"))
    if edge is not None:
        columns = [end for end, of in ((SRC, edge.src), (DST, edge.dst)) if of == "User"]
    for column in columns:
        table = table.filter(pc.invert(pc.is_in(table[column], users)))
    return table


def withdraw(
    store: GraphStore, releases: Path, users: Sequence[str], *, now: int
) -> dict[str, int]:
    """These users (as the store has their ids) object from now (epoch s) on; returns rows of
    profiles removed, by place. Raises NotFound where one is not there."""
    store.ensure_schema()
    _say(store, users, profiling=False)
    removed = unprofile(store, users, now=now)
    return removed | {
        f"release {v}": n for v, n in in_releases(releases, users, remove=True).items()
    }


def give(store: GraphStore, users: Sequence[str], *, now: int) -> None:
    """These users may be profiled; the next refresh does. Raises NotFound."""
    store.ensure_schema()
    _say(store, users, profiling=True)
    if has_profiles(store):
        mark(store, list(users), at=now)


def enforce(store: GraphStore, *, now: int) -> None:
    """Take the profiles of those who object by what a source says."""
    if not has_profiles(store):
        return
    rows = store.query(
        "MATCH (u:User) WHERE u.profiling = false AND u.modelVersion IS NOT NULL "
        "RETURN u.userId AS id",
        max_rows=_ALL, timeout_s=_TIMEOUT_S,
    ).rows  # fmt: skip
    if rows:
        unprofile(store, [row[0] for row in rows], now=now)


def unprofile(store: GraphStore, users: Sequence[str], *, now: int) -> dict[str, int]:
    """Null their profiles, remove the edges we inferred from and to them, and mark who reads
    them."""
    keys = pa.array(users, pa.string())
    nulls = {p.name: pa.nulls(len(keys), p.type.arrow) for p in USER_PROFILE}
    if has_profiles(store):
        near = with_listeners(store, keys)
        mark(store, near.filter(pc.invert(pc.is_in(near, keys))), at=now)
    counts = store.counts()
    none = {name: EDGE_TABLES[name].arrow.empty_table() for name in OURS}
    written = store.renew_profiles(pa.table({"userId": keys, **nulls}), none)
    removed = {name: count.deleted for name, count in written.items() if count.deleted}
    if counts.get("SIMILAR_TO"):
        into = store.query(
            "MATCH (:User)-[e:SIMILAR_TO]->(u:User) WHERE u.userId IN $ids "
            "DELETE e RETURN count(*) AS n",
            {"ids": list(users)}, read_only=False, timeout_s=_TIMEOUT_S,
        ).rows  # fmt: skip
        total = removed.get("SIMILAR_TO", 0) + (into[0][0] if into else 0)
        removed |= {"SIMILAR_TO": total} if total else {}
    return removed


def _say(store: GraphStore, users: Sequence[str], *, profiling: bool) -> None:
    found = store.query(
        "MATCH (u:User) WHERE u.userId IN $ids RETURN u.userId AS id",
        {"ids": list(users)}, max_rows=_ALL, timeout_s=_TIMEOUT_S,
    ).rows  # fmt: skip
    lost = sorted(set(users) - {row[0] for row in found})
    if lost:
        raise NotFound(f"no user {lost[0][:80]!r} in {store.url}; nothing was changed")
    key = NODE_BY_LABEL["User"].key
    store.upsert("User", pa.table({key: list(users), SAYS: [profiling] * len(users)}))
