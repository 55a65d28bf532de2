"""A release's tables → what readers see.

All of it is checked against the graph before the first write. Then the release is marked `writing`,
what is live is read range by range and only what differs is written, in blocks (one transaction
holds all changes of a user), and at the end it is `live` and the one before `retired`. A publish
that was cut off leaves a release `writing`; writing it again, or any other, finishes the job.

Neo4j shows readers what is committed, and takes milliseconds to commit a block: a statement that
reads one of its users in these may find the new properties beside the old interests. The release
names the users of the block that is being written (`writingFrom`, `writingTo`), so that a reader
can look again: `kg.publish.steady`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import neo4j
import numpy as np
import pyarrow as pa

from kg.errors import CountMismatch, StoreError
from kg.neo4j_store import release_text as text
from kg.neo4j_store.clusters import Clusters, clusters, remove_clusters, write_clusters
from kg.neo4j_store.columns import rows_of
from kg.neo4j_store.connection import Server, run
from kg.neo4j_store.differences import EdgeChanges, Profiles, edge_changes, write_edges
from kg.neo4j_store.kinds import edge_kind, node_kind
from kg.neo4j_store.lock import publishing
from kg.neo4j_store.pages import read_nodes
from kg.neo4j_store.replace import SOURCES, BySource, by_source, distinct
from kg.neo4j_store.vector_index import VectorIndex, width_of
from kg.neo4j_store.write import merge, missing_end, update
from kg.profile import PROFILE_OF
from kg.schema import DST
from kg.store import ReleaseTables, WriteCount

RELEASE = node_kind("ProfileRelease", {})
COMPARED = 5_000
"""Users, or items, that are compared at a time."""


def write_release(server: Server, tables: ReleaseTables) -> dict[str, WriteCount]:
    row = distinct(RELEASE, tables.release)
    if row.num_rows != 1:
        raise StoreError(f"a release has one row in ProfileRelease; this one has {row.num_rows}")
    version = row["version"][0].as_py()
    with publishing(server):
        users = _profiles(server, "User", tables.users)
        items = _profiles(server, "Item", tables.items)
        derived = clusters(server, tables, items.keys)
        edges = list(_edges(tables.edges, users, items, derived))
        indexes = {p.kind.name: VectorIndex(server, p.kind, width_of(p.rows))
                   for p in (users, items)}  # fmt: skip

        created = server.write(partial(_begin, row=row, version=version))
        written = {"ProfileRelease": _one(created)}
        written |= write_clusters(server, derived)
        written["User"] = written["Item"] = WriteCount()
        for start in range(0, len(items.keys), COMPARED):
            rows, count = items.different(server, start, COMPARED)
            indexes["Item"].before(rows, min(COMPARED, len(items.keys) - start))
            server.write(partial(update, kind=items.kind, rows=rows))
            written["Item"] += count
        for start in range(0, len(users.keys), COMPARED):
            found = _users(server, users, edges, start, version, indexes["User"])
            for name, count in found.items():
                written[name] = written.get(name, WriteCount()) + count
        for name, gone in remove_clusters(server, derived).items():
            written[name] = written.get(name, WriteCount()) + gone
        for index in indexes.values():
            index.after()
        server.write(lambda tx: run(tx, text.FINISH_RELEASE, version=version).consume())
    return written | {t.kind.name: written.get(t.kind.name, WriteCount()) for t in edges}


def _begin(tx: neo4j.ManagedTransaction, row: pa.Table, version: str) -> int:
    created = merge(tx, RELEASE, row).created
    run(tx, text.BEGIN_RELEASE, version=version).consume()
    return created


def _users(
    server: Server,
    users: Profiles,
    edges: list[BySource],
    start: int,
    version: str,
    index: VectorIndex,
) -> Mapping[str, WriteCount]:
    """The differences of COMPARED users, SOURCES of them in a transaction."""
    rows, count = users.different(server, start, COMPARED)
    index.before(rows, min(COMPARED, len(users.keys) - start))
    tables = [edge_changes(server, table, users.keys, start, COMPARED) for table in edges]
    own = rows_of(rows[users.kind.type.key], users.keys.slice(start, COMPARED)) + start
    who = np.unique(np.concatenate([own, *(t.users for t in tables)]))
    for at in range(0, len(who), SOURCES):
        first, last = int(who[at]), int(who[min(at + SOURCES, len(who)) - 1])
        own_rows = rows.slice(*_span(own, first, last))
        named = {"first": users.keys[first].as_py(), "last": users.keys[last].as_py()}
        server.write(partial(_say_who, version=version, named=named))
        block = partial(_block, users=users, rows=own_rows, tables=tables, first=first, last=last)
        server.write(block)
    return {"User": count, **{t.created.kind.name: t.count for t in tables}}


def _say_who(tx: neo4j.ManagedTransaction, version: str, named: Mapping[str, str]) -> None:
    run(tx, text.NEXT_USERS, named, version=version).consume()


def _span(at: np.ndarray, first: int, last: int) -> tuple[int, int]:
    """(offset, length) of the rows from `first` to `last`."""
    begin, end = np.searchsorted(at, [first, last + 1])
    return int(begin), int(end - begin)


def _block(
    tx: neo4j.ManagedTransaction,
    users: Profiles,
    rows: pa.Table,
    tables: list[EdgeChanges],
    first: int,
    last: int,
) -> None:
    update(tx, users.kind, rows)
    write_edges(tx, tables, users.keys, first, last)


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
