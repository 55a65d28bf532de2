"""Columns of whole tables as arrays, with row numbers for ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from kg.ladybug_store.catalog import Columns, Target, columns, holder, tables, target, unknown
from kg.ladybug_store.columns import read_back
from kg.ladybug_store.tables import count, pattern, property_of, read
from kg.schema import DST, EDGE_TABLES, NODE_BY_LABEL, SRC, NodeType
from kg.store import Snapshot


def export(
    connection: Any,
    nodes: Mapping[str, Sequence[str]],
    edges: Mapping[str, Sequence[str]],
    until: int | None,
) -> Snapshot:
    """One transaction's view. Labels that the edges join are added with their keys."""
    for table in (*nodes, *edges):
        target(table)
    ends = {label for name in edges for label in (EDGE_TABLES[name].src, EDGE_TABLES[name].dst)}
    wanted = {**nodes, **{label: () for label in NODE_BY_LABEL if label in ends - nodes.keys()}}
    node_tables: dict[str, pa.Table] = {}
    row_of: dict[str, np.ndarray] = {}
    for label, names in wanted.items():
        node_tables[label], row_of[label] = _nodes(connection, NODE_BY_LABEL[label], names)
    edge_tables = {
        name: _edges(connection, name, names, row_of, until) for name, names in edges.items()
    }
    return Snapshot(node_tables, edge_tables, consistent=True, until=until)


def _nodes(connection: Any, node: NodeType, names: Sequence[str]) -> tuple[pa.Table, np.ndarray]:
    """The table, and the engine's offset → row (offsets have gaps where nodes were deleted)."""
    there = columns(connection, node.label)
    wanted = [node.key, *(n for n in names if n != node.key)]
    unknown(node.label, wanted, there)
    found = read(connection, f"MATCH {pattern(node)} RETURN {_list(node, wanted)}, offset(id(n))")
    offsets = found.column(len(wanted)).to_numpy()
    row_of = np.full(offsets.max(initial=-1) + 1, -1, np.int64)
    row_of[offsets] = np.arange(len(offsets))
    return _typed(node, found, wanted, there), row_of


def _edges(
    connection: Any,
    name: str,
    names: Sequence[str],
    row_of: Mapping[str, np.ndarray],
    until: int | None,
) -> pa.Table:
    edge = EDGE_TABLES[name]
    there = columns(connection, edge.type.name)
    unknown(name, names, there)
    before = ""
    if until is not None and "at" in there:
        before = f"WHERE e.at < {int(until)} OR e.at IS NULL"
    wanted = f"{_list(edge, names)}, " if names else ""
    found = read(
        connection,
        f"MATCH {pattern(edge)} {before} RETURN {wanted}offset(id(a)), offset(id(b))",
    )
    ends = {
        end: _rows(found.column(len(names) + k), row_of[label])
        for k, (end, label) in enumerate(((SRC, edge.src), (DST, edge.dst)))
    }
    table = _typed(edge, found, names, there)
    return pa.table({**ends, **{n: table[n] for n in names}})


def _rows(offsets: pa.ChunkedArray, row_of: np.ndarray) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(row_of[c.to_numpy()]) for c in offsets.chunks], pa.int64())


def _list(target: Target, names: Sequence[str]) -> str:
    return ", ".join(property_of(target, n) for n in names)


def _typed(target: Target, found: pa.Table, names: Sequence[str], there: Columns) -> pa.Table:
    on_edge = not isinstance(target, NodeType)
    return pa.table(
        {n: read_back(found.column(k), there[n], on_edge=on_edge) for k, n in enumerate(names)}
    )


def counts(connection: Any) -> dict[str, int]:
    """Rows of every table that has any."""
    there = tables(connection)
    kinds: dict[str, Target] = {**NODE_BY_LABEL, **EDGE_TABLES}
    found = {n: count(connection, kind) for n, kind in kinds.items() if holder(kind) in there}
    return {name: n for name, n in found.items() if n}
