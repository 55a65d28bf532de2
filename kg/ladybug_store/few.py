"""A few users, by their keys: their edges out, their profiles anew in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from kg.errors import CountMismatch, StoreError
from kg.ladybug_store.catalog import columns, quoted, unknown
from kg.ladybug_store.columns import read_back, stored
from kg.ladybug_store.engine import Writing
from kg.ladybug_store.tables import READ_ROWS, Ends, change, last_of_each, property_of, value
from kg.profile import PROFILE_OF
from kg.schema import DST, EDGE_TABLES, NODE_BY_LABEL, SRC, EdgeTable
from kg.store import WriteCount


def there(connection: Any, users: pa.Array) -> pa.Array:
    text = "LOAD FROM $rows MATCH (n:User {userId: c0}) RETURN c0"
    return _read(connection, text, users).column(0).combine_chunks()


def edges_at(
    connection: Any, edge: EdgeTable, names: Sequence[str], users: pa.Array, end: str
) -> pa.Table:
    kinds = columns(connection, edge.type.name)
    unknown(edge.name, names, kinds)
    wanted = [SRC, DST, *names]
    keyed = {
        e: f"{letter}:{label}" + (f" {{{NODE_BY_LABEL[label].key}: c0}}" if e == end else "")
        for e, letter, label in ((SRC, "a", edge.src), (DST, "b", edge.dst))
    }
    found = _read(
        connection,
        f"LOAD FROM $rows MATCH ({keyed[SRC]})-[e:{edge.type.name}]->({keyed[DST]}) "
        f"RETURN {', '.join(property_of(edge, n) for n in wanted)}",
        users,
    )
    return pa.table(
        {
            n: read_back(found.column(k), kinds[n], on_edge=True)
            if k >= 2
            else found.column(k).cast(pa.string())
            for k, n in enumerate(wanted)
        }
    )


def _read(connection: Any, text: str, keys: pa.Array) -> pa.Table:
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
    keys = ready.select([node.key])
    for name, rows in edges.items():
        edge = EDGE_TABLES[name]
        if not edge.type.written_by_us:
            raise StoreError(f"{name}: holds what a source said; only edges we infer are replaced")
        written[name] = _edges(writing.connection, edge, keys, rows)
    return written


def _edges(connection: Any, edge: EdgeTable, users: pa.Table, rows: pa.Table) -> WriteCount:
    ready = stored(edge, rows, columns(connection, edge.type.name))
    if last_of_each(edge, ready).num_rows < ready.num_rows:
        raise StoreError(f"{edge.name}: an edge is there twice. Nothing was written")
    source = f"(a:{edge.src} {{{NODE_BY_LABEL[edge.src].key}: c0}})"
    old = f"{source}-[e:{edge.type.name}]->(:{edge.dst})"
    deleted = int(value(connection, f"LOAD FROM $rows MATCH {old} DELETE e RETURN count(*)", users))
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
