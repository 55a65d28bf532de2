"""What a release says of a block of users or items, beside what is live: the rows that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import neo4j
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.changes import VERSION, changes, keeping_versions
from kg.errors import CountMismatch
from kg.neo4j_store import release_text, text
from kg.neo4j_store.columns import rows_of, sent
from kg.neo4j_store.connection import Server, run
from kg.neo4j_store.kinds import EdgeKind, NodeKind
from kg.neo4j_store.pages import joined, read_edges, table_of
from kg.neo4j_store.replace import BySource
from kg.neo4j_store.rows import pieces
from kg.neo4j_store.write import create
from kg.profile import PROFILE_OF
from kg.schema import DST, SRC
from kg.store import WriteCount

READ = 2_500
"""Nodes of one answer: with their vectors some 2 MB."""


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
    named: set[str] = field(default_factory=set)
    """Columns that differed so far: few texts of statements, each planned once."""

    def block(self, start: int, size: int) -> pa.Table:
        at = self.at[start : start + size]
        taken = self.rows.take(pa.array(at, mask=at < 0))
        columns = {self.kind.type.key: self.keys.slice(start, size)}
        for p in PROFILE_OF[self.kind.name]:
            known = p.name in taken.column_names
            columns[p.name] = taken[p.name] if known else pa.nulls(len(at), p.type.arrow)
        return pa.table(columns)

    def different(self, server: Server, start: int, size: int) -> tuple[pa.Table, WriteCount]:
        """Of the nodes from row `start` on those that are others, with the columns to set."""
        key = self.kind.type.key
        wanted = self.block(start, size)
        live = read_columns(server, self.kind, wanted.column_names, wanted[key])
        found = changes(live, wanted, [key])
        self.named.update(found.columns(), {VERSION})
        rows = keeping_versions(live, wanted, found).take(pa.array(found.changed))
        named = [c for c in rows.column_names if c == key or c in self.named]
        return rows.select(named), self._count(start, found.changed, len(wanted))

    def _count(self, start: int, changed: np.ndarray, size: int) -> WriteCount:
        released = self.at[start : start + size] >= 0
        updated = int(released[changed].sum())
        return WriteCount(
            updated=updated,
            unchanged=int(released.sum()) - updated,
            deleted=len(changed) - updated,
        )


def read_columns(
    server: Server, kind: NodeKind, names: Sequence[str], keys: pa.ChunkedArray
) -> pa.Table:
    """Rows in the order of the keys; one that has gone meanwhile has nothing in it."""
    types = {n: kind.columns[n] for n in names}
    statement = release_text.nodes_at(kind, names)
    pages = [
        table_of(server.read(partial(_record, statement=statement, part=part)), types)
        for part in pieces(pa.table({"keys": keys}), READ)
    ]
    found = joined(pages, types)
    at = rows_of(keys, found[kind.type.key])
    if np.array_equal(at, np.arange(found.num_rows)):
        return found
    return found.take(pa.array(at, mask=at < 0)).set_column(
        names.index(kind.type.key), kind.type.key, keys
    )


def _record(tx: neo4j.ManagedTransaction, statement: str, part: pa.Table) -> list[list[object]]:
    return list(run(tx, statement, keys=sent(part["keys"])).single(strict=True).values())


@dataclass(frozen=True)
class EdgeChanges:
    """What of one table's edges from a range of users differs."""

    created: BySource
    """New ones, and others in place of those deleted"""
    deleted: BySource
    """src and dst"""
    emptied: np.ndarray
    """Rows of users all of whose edges are deleted, ascending"""
    count: WriteCount

    @property
    def users(self) -> np.ndarray:
        return np.unique(np.concatenate([self.created.at, self.deleted.at]))


def edge_changes(
    server: Server, table: BySource, users: pa.ChunkedArray, start: int, size: int
) -> EdgeChanges:
    """Of the edges from the users in the rows `start` to `start + size`."""
    kind = table.kind
    names = [c for c in kind.columns if c not in (SRC, DST)]
    types = {c: kind.columns[c] for c in (SRC, DST, *names)}
    sources = users.slice(start, size)
    schema = pa.schema([(c, t.arrow) for c, t in types.items()])
    pages = [
        page.select(list(types)).cast(schema) for page in read_edges(server, kind, names, sources)
    ]
    live = joined(pages, types)
    given = table.block(start, start + size)
    wanted = pa.table(
        {
            c: given[c] if c in given.column_names else pa.nulls(given.num_rows, t.arrow)
            for c, t in types.items()
        }
    )
    found = changes(live, wanted, [SRC, DST])
    ready = keeping_versions(live, wanted, found)
    at = table.at[slice(*np.searchsorted(table.at, [start, start + size]))]
    comes = np.sort(np.concatenate([found.created, found.changed]))
    goes = np.sort(np.concatenate([found.gone, found.at[found.changed]]))
    at_live = start + rows_of(live[SRC], sources)
    deleted = _sorted(kind, live.select([SRC, DST]).take(pa.array(goes)), at_live[goes])
    kept = np.ones(live.num_rows, np.bool_)
    kept[goes] = False
    return EdgeChanges(
        BySource(kind, ready.take(pa.array(comes)), at[comes]),
        deleted,
        np.setdiff1d(deleted.at, at_live[kept]),
        WriteCount(
            created=len(found.created),
            updated=len(found.changed),
            unchanged=given.num_rows - len(comes),
            deleted=len(found.gone),
        ),
    )


def _sorted(kind: EdgeKind, rows: pa.Table, at: np.ndarray) -> BySource:
    order = np.argsort(at, kind="stable")
    return BySource(kind, rows.take(pa.array(order)), at[order])


def write_edges(
    tx: neo4j.ManagedTransaction,
    tables: Sequence[EdgeChanges],
    users: pa.ChunkedArray,
    first: int,
    last: int,
) -> None:
    """The changes of the users in the rows `first` to `last`, within one transaction: a user's edge
    that differs is deleted and made anew, since SET would show it half done. Raises CountMismatch
    where they are no longer as they were when they were compared."""
    for table in tables:
        gone = table.deleted.block(first, last + 1)
        if gone.num_rows:
            _delete(tx, table, gone, users, first, last)
        create(tx, table.created.kind, table.created.block(first, last + 1))


def _delete(
    tx: neo4j.ManagedTransaction,
    table: EdgeChanges,
    gone: pa.Table,
    users: pa.ChunkedArray,
    first: int,
    last: int,
) -> None:
    kind = table.deleted.kind
    emptied = table.emptied[slice(*np.searchsorted(table.emptied, [first, last + 1]))]
    keys = users.take(pa.array(emptied))
    deleted = 0
    if len(keys):
        counters = run(tx, text.delete_edges_of(kind), keys=sent(keys)).consume().counters
        deleted += counters.relationships_deleted
    pairs = gone.filter(pc.invert(pc.is_in(gone[SRC], keys)))
    for piece in pieces(pairs):
        ends: Mapping[str, object] = {"src": sent(piece[SRC]), "dst": sent(piece[DST])}
        counters = run(tx, release_text.delete_pairs(kind), ends).consume().counters
        deleted += counters.relationships_deleted
    if deleted != gone.num_rows:
        raise CountMismatch(
            f"{kind.name}: {gone.num_rows} edges were to go and {deleted} were there; another "
            "writer changed them meanwhile. Run it again"
        )
