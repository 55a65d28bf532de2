"""Edges we write ourselves, replaced source node by source node: a reader of one node sees its old
edges or its new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import neo4j
import numpy as np
import pyarrow as pa

from kg.errors import StoreError
from kg.neo4j_store import text
from kg.neo4j_store.columns import rows_of, sent
from kg.neo4j_store.connection import Server, run
from kg.neo4j_store.kinds import EdgeKind, NodeKind, node_kind
from kg.neo4j_store.pages import read_nodes
from kg.neo4j_store.rows import TRANSACTION_ROWS, gathered, refuse_repeated_keys
from kg.neo4j_store.write import check_ends, count, create, missing_end
from kg.schema import SRC
from kg.store import WriteCount

SOURCES = 500
"""Source nodes of one transaction: with the 30 to 40 edges a release gives each, 20,000 old and as
many new ones, some 200 MB of the server's memory."""


@dataclass(frozen=True)
class BySource:
    """The new edges of one table, sorted by the row of their source among all sources."""

    kind: EdgeKind
    rows: pa.Table
    at: np.ndarray
    """int64 [rows], ascending."""

    def block(self, start: int, stop: int) -> pa.Table:
        first, last = np.searchsorted(self.at, [start, stop])
        return self.rows.slice(int(first), int(last - first))


def by_source(kind: EdgeKind, rows: pa.Table, sources: pa.ChunkedArray) -> BySource:
    """Raises CountMismatch where an edge starts at none of the sources."""
    at = rows_of(rows[SRC], sources)
    lost = np.flatnonzero(at < 0)
    if len(lost):
        example = rows[SRC][int(lost[0])].as_py()
        raise missing_end(kind, len(lost), rows.num_rows, kind.table.src, example)
    order = np.argsort(at, kind="stable")
    return BySource(kind, rows.take(pa.array(order)), at[order])


def replace_edges(server: Server, kind: EdgeKind, rows: pa.Table) -> WriteCount:
    """All or nothing while old and new edges fit one transaction (TRANSACTION_ROWS); beyond that,
    all or nothing for each block of source nodes, and a call that was cut off is run again."""
    if not kind.table.type.written_by_us:
        raise StoreError(f"{kind.name} holds a source's own edges: upsert them, never replace them")
    table = distinct(kind, rows)
    check_ends(server, kind, lambda: [table])
    if count(server, kind) + table.num_rows <= TRANSACTION_ROWS:
        return server.write(partial(_replace_all, kind=kind, rows=table))
    label = node_kind(kind.table.src, {})
    sources = read_nodes(server, label, ())[label.type.key]
    edges = by_source(kind, table, sources)
    total = WriteCount()
    for start in range(0, len(sources), SOURCES):
        block = partial(replace_block, edges=[edges], sources=sources, start=start)
        total += server.write(block)[kind.name]
    return total


def replace_block(
    tx: neo4j.ManagedTransaction,
    edges: Sequence[BySource],
    sources: pa.ChunkedArray,
    start: int,
) -> Mapping[str, WriteCount]:
    """The edges of the SOURCES nodes from row `start` on, of each table given."""
    keys = sent(sources.slice(start, SOURCES))
    written = {}
    for table in edges:
        gone = run(tx, text.delete_edges_of(table.kind), keys=keys).consume().counters
        made = create(tx, table.kind, table.block(start, start + len(keys)))
        written[table.kind.name] = WriteCount(created=made, deleted=gone.relationships_deleted)
    return written


def _replace_all(tx: neo4j.ManagedTransaction, kind: EdgeKind, rows: pa.Table) -> WriteCount:
    gone = run(tx, text.delete_all_edges(kind)).consume().counters.relationships_deleted
    return WriteCount(created=create(tx, kind, rows), deleted=gone)


def distinct(kind: NodeKind | EdgeKind, rows: pa.Table) -> pa.Table:
    """Checked rows of one table. Raises StoreError as `checked`, and where a key comes twice."""
    with gathered(kind, rows) as given:
        refuse_repeated_keys(kind, given)
        return pa.concat_tables(given.batches())
