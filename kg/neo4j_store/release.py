"""A release's tables → what readers see.

All of it is checked against the graph before the first write. Then the release is marked `writing`,
users are rewritten in blocks (one transaction holds a user's profile and all their edges, so that a
reader of one user sees the old profile or the new one), and at the end it is `live` and the one
before `retired`. A publish that was cut off leaves a release `writing`; writing it again, or any
other, finishes the job.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import neo4j
import numpy as np
import pyarrow as pa

from kg.errors import CountMismatch, StoreError
from kg.neo4j_store import text
from kg.neo4j_store.clusters import Clusters, clusters, remove_clusters, write_clusters
from kg.neo4j_store.columns import rows_of
from kg.neo4j_store.connection import Server, run
from kg.neo4j_store.kinds import NodeKind, edge_kind, node_kind
from kg.neo4j_store.pages import read_nodes
from kg.neo4j_store.replace import SOURCES, BySource, by_source, distinct, replace_block
from kg.neo4j_store.write import merge, missing_end, update
from kg.profile import PROFILE_OF
from kg.schema import DST
from kg.store import ReleaseTables, WriteCount

RELEASE = node_kind("ProfileRelease", {})
ITEMS = 5_000
"""Items of one transaction."""


@dataclass(frozen=True)
class Profiles:
    """One label's profile columns for every node of it; null where the release says nothing."""

    kind: NodeKind
    keys: pa.ChunkedArray
    """Of all nodes of the label, in key order."""
    rows: pa.Table
    """As released."""
    at: np.ndarray
    """Row in `rows` of each of `keys`, -1 where it has none."""

    def block(self, start: int, size: int) -> pa.Table:
        at = self.at[start : start + size]
        taken = self.rows.take(pa.array(at, mask=at < 0))
        columns = {self.kind.type.key: self.keys.slice(start, size)}
        for p in PROFILE_OF[self.kind.name]:
            known = p.name in taken.column_names
            columns[p.name] = taken[p.name] if known else pa.nulls(len(at), p.type.arrow)
        return pa.table(columns)


def write_release(server: Server, tables: ReleaseTables) -> dict[str, WriteCount]:
    row = distinct(RELEASE, tables.release)
    if row.num_rows != 1:
        raise StoreError(f"a release has one row in ProfileRelease; this one has {row.num_rows}")
    version = row["version"][0].as_py()
    users = _profiles(server, "User", tables.users)
    items = _profiles(server, "Item", tables.items)
    derived = clusters(server, tables, items.keys)
    edges = list(_edges(tables.edges, users, items, derived))

    written = {"ProfileRelease": _one(server.write(partial(_begin, row=row, version=version)))}
    written |= write_clusters(server, derived)
    for start in range(0, len(items.keys), ITEMS):
        server.write(partial(update, kind=items.kind, rows=items.block(start, ITEMS)))
    totals = {table.kind.name: WriteCount() for table in edges}
    for start in range(0, len(users.keys), SOURCES):
        block = server.write(partial(_users, users=users, edges=edges, start=start))
        totals = {name: total + block[name] for name, total in totals.items()}
    removed = remove_clusters(server, derived)
    server.write(lambda tx: run(tx, text.FINISH_RELEASE, version=version).consume())

    written["User"] = WriteCount(updated=users.rows.num_rows)
    written["Item"] = WriteCount(updated=items.rows.num_rows)
    for name, gone in removed.items():
        written[name] = written.get(name, WriteCount()) + gone
    return written | totals


def _begin(tx: neo4j.ManagedTransaction, row: pa.Table, version: str) -> int:
    created = merge(tx, RELEASE, row)
    run(tx, text.BEGIN_RELEASE, version=version).consume()
    return created


def _users(
    tx: neo4j.ManagedTransaction, users: Profiles, edges: list[BySource], start: int
) -> Mapping[str, WriteCount]:
    update(tx, users.kind, users.block(start, SOURCES))
    return replace_block(tx, edges, users.keys, start)


def _profiles(server: Server, label: str, given: pa.Table) -> Profiles:
    kind = node_kind(label, {})
    rows = distinct(kind, given)
    declared = {p.name for p in PROFILE_OF[label]}
    for column in rows.column_names:
        if column not in declared and column != kind.type.key:
            raise StoreError(f"{label}.{column} is not part of a profile")
    keys = read_nodes(server, kind, ())[kind.type.key]
    strangers = np.flatnonzero(rows_of(rows[kind.type.key], keys) < 0)
    if len(strangers):
        example = rows[kind.type.key][int(strangers[0])].as_py()
        raise CountMismatch(
            f"{label}: {len(strangers)} of {rows.num_rows} rows of the release are not in the "
            f"graph, such as {example[:200]!r}. Nothing was written; train on this graph again"
        )
    return Profiles(kind, keys, rows, rows_of(keys, rows[kind.type.key]))


def _edges(
    given: Mapping[str, pa.Table], users: Profiles, items: Profiles, derived: Clusters
) -> Iterator[BySource]:
    """Raises StoreError, or CountMismatch where an end is missing."""
    ends = {"User": users.keys, "Item": items.keys, "Category": derived.after}
    for name, table in given.items():
        kind = edge_kind(name, {})
        if not kind.table.type.written_by_us or kind.table.src != "User":
            raise StoreError(f"{name} is not written by releases")
        rows = distinct(kind, table)
        lost = np.flatnonzero(rows_of(rows[DST], ends[kind.table.dst]) < 0)
        if len(lost):
            example = rows[DST][int(lost[0])].as_py()
            raise missing_end(kind, len(lost), rows.num_rows, kind.table.dst, example)
        yield by_source(kind, rows, users.keys)


def _one(created: int) -> WriteCount:
    return WriteCount(created=created, updated=1 - created)
