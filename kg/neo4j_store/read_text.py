"""Cypher that reads whole tables page by page, or the edges at some nodes; columns come as lists in
one record."""

from __future__ import annotations

from collections.abc import Sequence

from kg.neo4j_store.kinds import NodeKind
from kg.neo4j_store.text import quoted, seek
from kg.schema import NODE_BY_LABEL, SRC, EdgeTable


def node_page(kind: NodeKind, columns: Sequence[str]) -> str:
    """Columns of at most $size nodes from the key $start on, in key order; one record of lists.

    From lists of nodes, since collect() over values would leave the nulls out."""
    key = quoted(kind.type.key)
    lists = ", ".join(f"[n IN ns | n.{quoted(c)}] AS c{i}" for i, c in enumerate(columns))
    return (
        f"MATCH (n:{quoted(kind.name)}) USING INDEX SEEK n:{quoted(kind.name)}({key}) "
        f"WHERE n.{key} >= $start "
        f"WITH n ORDER BY n.{key} LIMIT $size WITH collect(n) AS ns RETURN {lists}"
    )


def degrees(table: EdgeTable) -> str:
    """How many edges leave each source node between the keys $first and $last, in key order."""
    key = quoted(NODE_BY_LABEL[table.src].key)
    return (
        f"MATCH (n:{quoted(table.src)}) USING INDEX SEEK n:{quoted(table.src)}({key}) "
        f"WHERE n.{key} >= $first AND n.{key} <= $last "
        f"WITH n ORDER BY n.{key} "
        f"RETURN collect(COUNT {{ (n)-[:{quoted(table.type.name)}]->() }}) AS degrees"
    )


def edge_page(table: EdgeTable, columns: Sequence[str], *, until: bool) -> str:
    """Edges whose source's key is between $first and $last; one record: the keys of those sources,
    each edge's place among them, dst, columns.

    A number is cheaper than the key it stands for, to read and to send."""
    a, b = (quoted(NODE_BY_LABEL[end].key) for end in (table.src, table.dst))
    timed = " WHERE e.at IS NULL OR e.at < $until" if until else ""
    lists = "".join(f", [e IN es | e.{quoted(c)}] AS c{i}" for i, c in enumerate(columns))
    return (
        f"MATCH (a:{quoted(table.src)}) USING INDEX SEEK a:{quoted(table.src)}({a}) "
        f"WHERE a.{a} >= $first AND a.{a} <= $last "
        # through a list, so that no plan starts from all edges of the type
        "WITH collect(a) AS found CALL (found) { "
        "UNWIND range(0, size(found) - 1) AS k WITH k, found[k] AS a "
        f"MATCH (a)-[e:{quoted(table.type.name)}]->(b:{quoted(table.dst)}){timed} "
        "RETURN collect(k) AS places, collect(b) AS targets, collect(e) AS es } "
        f"RETURN [a IN found | a.{a}] AS keys, places, [b IN targets | b.{b}] AS dst{lists}"
    )


def edges_at(asked: Sequence[tuple[EdgeTable, Sequence[str], str, bool]]) -> str:
    """Of each (table, columns, end, last) the edges whose `end` is one of the nodes $keys<i>, or
    with `last` the $last<i> of each in time; one record of all: src, dst, columns."""
    parts = " ".join(f"CALL () {{ {_edges_at(i, *ask)} }}" for i, ask in enumerate(asked))
    names = (f"c{i}_{k}" for i, ask in enumerate(asked) for k in range(2 + len(ask[1])))
    return f"{parts} RETURN {', '.join(names)}"


def _edges_at(i: int, table: EdgeTable, columns: Sequence[str], end: str, last: bool) -> str:
    a, b = (quoted(NODE_BY_LABEL[label].key) for label in (table.src, table.dst))
    name, label = ("a", table.src) if end == SRC else ("b", table.dst)
    lists = "".join(f", [e IN es | e.{quoted(c)}] AS c{i}_{k}" for k, c in enumerate(columns, 2))
    match = (
        f"MATCH (a{_label('a', name, table.src)})-[e:{quoted(table.type.name)}]->"
        f"(b{_label('b', name, table.dst)}) "
    )
    if last:
        other = "b" if name == "a" else "a"
        by = f"b.{b} DESC" + (", e.eventId DESC" if "eventId" in columns else "")
        match = (
            f"CALL ({name}) {{ {match}WITH e, {other} "
            f"ORDER BY e.at IS NULL, e.at DESC, {by} LIMIT $last{i} RETURN e, {other} }} "
        )
    return (
        f"UNWIND $keys{i} AS key {seek(name, label, 'key')} "
        f"WITH collect({name}) AS found UNWIND found AS {name} {match}"
        "WITH collect(a) AS sources, collect(b) AS targets, collect(e) AS es "
        f"RETURN [a IN sources | a.{a}] AS c{i}_0, [b IN targets | b.{b}] AS c{i}_1{lists}"
    )


def _label(name: str, bound: str, label: str) -> str:
    return "" if name == bound else f":{quoted(label)}"
