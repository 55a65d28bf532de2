"""Whole tables → a `Snapshot`: edges as row numbers of the exported nodes, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from kg.errors import StoreError
from kg.neo4j_store import text
from kg.neo4j_store.columns import fixed_width, rows_of
from kg.neo4j_store.connection import Server, run
from kg.neo4j_store.kinds import Attributes, EdgeKind, NodeKind, edge_kind, node_kind
from kg.neo4j_store.pages import read_edges, read_nodes
from kg.schema import DST, NODE_BY_LABEL, SRC, Type
from kg.store import Snapshot

NUMBERED_AT_ONCE = 500_000
"""Edges whose keys are looked up together: the look-up first hashes all keys of the nodes."""


def export(
    server: Server,
    nodes: Mapping[str, Sequence[str]],
    edges: Mapping[str, Sequence[str]],
    attributes: Attributes,
    until: int | None,
) -> Snapshot:
    kinds = {name: edge_kind(name, attributes) for name in edges}
    wanted = dict(nodes)
    for kind in kinds.values():
        for label in (kind.table.src, kind.table.dst):
            wanted.setdefault(label, ())
    labels = {label: node_kind(label, attributes) for label in wanted}
    for asked, known in ((wanted, labels), (edges, kinds)):
        for name, columns in asked.items():
            _refuse_unknown(known[name], columns)

    before = server.watermark()
    tables = {
        label: read_nodes(server, labels[label], columns) for label, columns in wanted.items()
    }
    filled = _counts(server, kinds)
    arrays = {}
    lost = 0
    for name, kind in kinds.items():
        pages = _numbered(server, kind, edges[name], tables, until) if filled[name] else iter(())
        arrays[name], without_end = _edges(kind, edges[name], pages)
        lost += without_end
    consistent = lost == 0 and server.watermark() == before
    return Snapshot(tables, arrays, consistent=consistent, until=until)


def _refuse_unknown(kind: NodeKind | EdgeKind, columns: Sequence[str]) -> None:
    for column in columns:
        if column not in kind.columns or column in (SRC, DST):
            raise StoreError(f"{kind.name} has no column {column!r} to export")


def _counts(server: Server, kinds: Mapping[str, EdgeKind]) -> dict[str, int]:
    if not kinds:
        return {}
    statement = text.counts([], [k.table for k in kinds.values()])
    return dict(server.read(lambda tx: run(tx, statement).values()))


def _numbered(
    server: Server,
    kind: EdgeKind,
    columns: Sequence[str],
    tables: Mapping[str, pa.Table],
    until: int | None,
) -> Iterator[pa.Table]:
    """Pages with `src` and `dst` as row numbers (int64), -1 for a node that was not there when the
    nodes were read."""
    src, dst = (
        tables[label][NODE_BY_LABEL[label].key] for label in (kind.table.src, kind.table.dst)
    )
    waiting: list[pa.Table] = []
    for page in read_edges(server, kind, columns, src, until=until):
        waiting.append(page)
        if sum(p.num_rows for p in waiting) >= NUMBERED_AT_ONCE:
            yield _with_rows(pa.concat_tables(waiting), src, dst)
            waiting = []
    if waiting:
        yield _with_rows(pa.concat_tables(waiting), src, dst)


def _with_rows(page: pa.Table, src: pa.ChunkedArray, dst: pa.ChunkedArray) -> pa.Table:
    ends = {
        SRC: pa.array(_rows_of_sources(page[SRC], src)),
        DST: pa.array(rows_of(page[DST], dst)),
    }
    return pa.table({**ends, **{c: page[c] for c in page.column_names if c not in ends}})


def _rows_of_sources(pages: pa.ChunkedArray, among: pa.ChunkedArray) -> np.ndarray:
    """One look-up a source, whatever its edges."""
    alike = pages.unify_dictionaries()
    row_of = rows_of(alike.chunk(0).dictionary, among)
    return np.concatenate([row_of[chunk.indices.to_numpy()] for chunk in alike.chunks])


def _edges(
    kind: EdgeKind, columns: Sequence[str], pages: Iterator[pa.Table]
) -> tuple[pa.Table, int]:
    """All pages as one table, and how many edges had an end nobody exported."""
    types = {c: kind.columns[c] for c in columns}
    ends = [(SRC, pa.int64()), (DST, pa.int64())]
    empty = pa.schema([*ends, *((c, t.arrow) for c, t in types.items())]).empty_table()
    whole = pa.concat_tables([empty, *pages])
    both = np.asarray(whole[SRC].to_numpy() >= 0) & np.asarray(whole[DST].to_numpy() >= 0)
    lost = int(len(both) - both.sum())
    if lost:
        whole = whole.filter(pa.array(both))
    for column, type_ in types.items():
        if type_ is Type.VECTOR:
            at = whole.schema.get_field_index(column)
            whole = whole.set_column(at, column, fixed_width(whole[column]))
    return whole, lost
