"""A few users, by their keys: their edges out, their profiles anew in one transaction.

The engine finds a node by its key and what is at it in 0.2 ms, but joins edges to a table of keys
by reading all edges of the type (0.5 µs each) and all nodes (0.1 µs). Users who are few beside
these are asked for one by one. The plan for that is written down (HINT): of a type with few edges
the engine would read all nodes first, for each user anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from kg.around import Asked, latest
from kg.errors import CountMismatch, StoreError
from kg.ladybug_store.catalog import columns, quoted, unknown
from kg.ladybug_store.columns import read_back, stored
from kg.ladybug_store.engine import Writing
from kg.ladybug_store.tables import (
    READ_ROWS,
    Ends,
    change,
    count,
    last_of_each,
    property_of,
    value,
)
from kg.profile import PROFILE_OF
from kg.schema import DST, EDGE_TABLES, NODE_BY_LABEL, SRC, EdgeTable
from kg.store import WriteCount

ONE_BY_ONE = 600
"""Edges of the type for each user asked for, from which asking one by one is the faster way."""
NO_QUESTION = 10
"""Users, up to whom it costs less than to count the edges."""
NODES_AN_EDGE = 5
"""Nodes that are read in the time of one edge."""


def there(connection: Any, users: pa.Array) -> pa.Array:
    text = "LOAD FROM $rows MATCH (n:User {userId: c0}) RETURN c0"
    return _of_all(connection, text, users).column(0).combine_chunks()


def asked(connection: Any, ask: Asked) -> pa.Table:
    """One answer of `kg.around.EdgesAt`"""
    edges = edges_at(connection, ask.edge, ask.names, ask.users, ask.end)
    return edges if ask.last is None else latest(edges, ask.last)


def edges_at(
    connection: Any, edge: EdgeTable, names: Sequence[str], users: pa.Array, end: str
) -> pa.Table:
    """The edges whose `end` is one of the users: src, dst (keys), columns."""
    kinds = columns(connection, edge.type.name)
    unknown(edge.name, names, kinds)
    wanted = [SRC, DST, *names]
    returned = f"RETURN {', '.join(property_of(edge, n) for n in wanted)}"
    if _few(connection, edge, users):
        found = _of_each(connection, f"{_at_one(edge, end)} {returned}", users)
    else:
        text = f"LOAD FROM $rows MATCH {_at(edge, end, 'c0')} {returned}"
        found = _of_all(connection, text, users)
    return pa.table(
        {
            n: read_back(found.column(k), kinds[n], on_edge=True)
            if k >= 2
            else found.column(k).cast(pa.string())
            for k, n in enumerate(wanted)
        }
    )


def _at(edge: EdgeTable, end: str, key: str) -> str:
    """(a)-[e]->(b) with the key of one end."""
    a, b = (
        f"{letter}:{label}" + (f" {{{NODE_BY_LABEL[label].key}: {key}}}" if e == end else "")
        for e, letter, label in ((SRC, "a", edge.src), (DST, "b", edge.dst))
    )
    return f"({a})-[e:{edge.type.name}]->({b})"


def _at_one(edge: EdgeTable, end: str) -> str:
    """The edges at the node whose key is `$key`: from it over its edges to their other ends."""
    one, other = ("a", "b") if end == SRC else ("b", "a")
    return f"MATCH {_at(edge, end, '$key')} HINT ({one} JOIN e) JOIN {other}"


def _few(connection: Any, edge: EdgeTable, users: pa.Array | pa.ChunkedArray) -> bool:
    if len(users) <= NO_QUESTION:
        return len(users) > 0
    edges = count(connection, edge)
    nodes = count(connection, NODE_BY_LABEL[edge.src])
    return len(users) * ONE_BY_ONE < edges + nodes / NODES_AN_EDGE


def _of_each(connection: Any, text: str, keys: pa.Array | pa.ChunkedArray) -> pa.Table:
    found = []
    for key in keys.to_pylist():
        with connection.execute(text, {"key": key}) as result:
            found.append(result.get_as_arrow(READ_ROWS))
    return pa.concat_tables(found)


def _of_all(connection: Any, text: str, keys: pa.Array | pa.ChunkedArray) -> pa.Table:
    with connection.execute(text, {"rows": pa.table({"c0": keys})}) as result:
        return result.get_as_arrow(READ_ROWS)


def renew_profiles(
    writing: Writing, users: pa.Table, edges: Mapping[str, pa.Table]
) -> dict[str, WriteCount]:
    node = NODE_BY_LABEL["User"]
    profile = {p.name: p.type for p in PROFILE_OF[node.label]}
    ready = stored(node, users, {node.key: node.columns[0].type, **profile})
    if last_of_each(node, ready).num_rows < ready.num_rows:
        raise StoreError(f"{node.label}: a {node.key} is there twice in the profiles")
    if not ready.num_rows:
        return {}
    if change(writing.connection, node, ready) != ready.num_rows:
        raise CountMismatch("User: a profile is of nobody in the store. Nothing was written")
    written = {node.label: WriteCount(updated=ready.num_rows)}
    keys = ready[node.key]
    for name, rows in edges.items():
        edge = EDGE_TABLES[name]
        if not edge.type.written_by_us:
            raise StoreError(f"{name}: holds what a source said; only edges we infer are replaced")
        written[name] = _edges(writing.connection, edge, keys, rows)
    return written


def _edges(connection: Any, edge: EdgeTable, users: pa.ChunkedArray, rows: pa.Table) -> WriteCount:
    ready = stored(edge, rows, columns(connection, edge.type.name))
    if last_of_each(edge, ready).num_rows < ready.num_rows:
        raise StoreError(f"{edge.name}: an edge is there twice. Nothing was written")
    gone = "DELETE e RETURN count(*)"
    if _few(connection, edge, users):
        counts = _of_each(connection, f"{_at_one(edge, SRC)} {gone}", users)
    else:
        counts = _of_all(connection, f"LOAD FROM $rows MATCH {_at(edge, SRC, 'c0')} {gone}", users)
    deleted = int(pc.sum(counts.column(0)).as_py())
    if ready.num_rows and _create(connection, edge, ready) != ready.num_rows:
        Ends(connection, edge).check(ready)
        raise CountMismatch(f"{edge.name}: the engine took fewer rows than were sent")
    return WriteCount(created=ready.num_rows, deleted=deleted)


def _create(connection: Any, edge: EdgeTable, rows: pa.Table) -> int:
    a, b = NODE_BY_LABEL[edge.src], NODE_BY_LABEL[edge.dst]
    own = {n: f"c{k}" for k, n in enumerate(rows.column_names) if k >= 2}
    properties = ", ".join(f"{quoted(n)}: {c}" for n, c in own.items())
    text = (
        f"LOAD FROM $rows MATCH (a:{a.label} {{{a.key}: c0}}) MATCH (b:{b.label} {{{b.key}: c1}}) "
        f"CREATE (a)-[:{edge.type.name} {{{properties}}}]->(b) RETURN count(*)"
    )
    return int(value(connection, text, rows))
