"""Cypher of the schema, of what is there and of loads, in what Cypher 5 and Cypher 25 share.

Made from schema names only, quoted; every value travels as a parameter. Rows come as columns: the
column at place i of a table is the parameter $p<i>, and k counts rows.

Every look-up names its index. A plan is made from statistics that lag behind a load, and is kept:
without the hint 3,000 known events were once found by 3,000 scans, in 25 s.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kg.errors import StoreError
from kg.neo4j_store.kinds import EdgeKind, NodeKind
from kg.schema import DST, NODE_BY_LABEL, SRC, EdgeTable

ATTRIBUTE = "KgColumn"
"""Label of the nodes that keep which columns a source added, and their types."""


def quoted(name: str) -> str:
    """A label, type or property name that cannot end its quotes. Raises StoreError for names Neo4j
    cannot hold, and for a backslash, which Cypher 5 reads as the start of a character's number."""
    if not name or "\\" in name or "\0" in name:
        raise StoreError(f"{name!r} cannot be a name in Neo4j: it is empty or has a backslash")
    return "`" + name.replace("`", "``") + "`"


def seek(name: str, label: str, value: str) -> str:
    """MATCH of one node by its key."""
    key = quoted(NODE_BY_LABEL[label].key)
    return (
        f"MATCH ({name}:{quoted(label)} {{{key}: {value}}}) "
        f"USING INDEX SEEK {name}:{quoted(label)}({key})"
    )


def _event(type_: str, key: str, value: str) -> str:
    """MATCH of one edge (a)-[e]->(b) by the key of its type."""
    e, k = quoted(type_), quoted(key)
    return f"MATCH (a)-[e:{e} {{{k}: {value}}}]->(b) USING INDEX SEEK e:{e}({k})"


# --- schema

CONSTRAINTS = "SHOW CONSTRAINTS YIELD name RETURN collect(name) AS names"
VERSION = """
CALL dbms.components() YIELD name, versions
WHERE name = 'Neo4j Kernel' RETURN versions[0] AS version
"""


def unique_node(name: str, label: str, keys: Sequence[str]) -> str:
    parts = ", ".join(f"n.{quoted(k)}" for k in keys)
    return (
        f"CREATE CONSTRAINT {quoted(name)} IF NOT EXISTS "
        f"FOR (n:{quoted(label)}) REQUIRE ({parts}) IS UNIQUE"
    )


def unique_edge(name: str, type_: str, key: str) -> str:
    return (
        f"CREATE CONSTRAINT {quoted(name)} IF NOT EXISTS "
        f"FOR ()-[e:{quoted(type_)}]-() REQUIRE e.{quoted(key)} IS UNIQUE"
    )


READ_ATTRIBUTES = f"MATCH (c:{ATTRIBUTE}) RETURN c.table AS table, c.name AS name, c.type AS type"
ADD_ATTRIBUTES = f"""
UNWIND range(0, size($tables) - 1) AS k
MERGE (c:{ATTRIBUTE} {{table: $tables[k], name: $names[k]}})
SET c.type = $types[k]
"""


# --- what is there


def counts(nodes: Iterable[str], edges: Iterable[EdgeTable]) -> str:
    """Rows (name, n); each branch is one look at the count store."""
    parts = [f"MATCH (n:{quoted(n)}) WITH count(n) AS n RETURN '{n}' AS name, n" for n in nodes]
    parts += [
        f"MATCH ()-[e:{quoted(t.type.name)}]->(:{quoted(t.dst)}) "
        f"WITH count(e) AS n RETURN '{t.name}' AS name, n"
        for t in edges
    ]
    return "\nUNION ALL\n".join(parts)


def missing_keys(label: str) -> str:
    """Those of $keys that no node of the label has."""
    return (
        f"UNWIND $keys AS key OPTIONAL {seek('n', label, 'key')} "
        "WITH key, n WHERE n IS NULL RETURN collect(key) AS keys"
    )


def found_keys(label: str) -> str:
    """Those of $keys that a node of the label has."""
    return f"UNWIND $keys AS key {seek('n', label, 'key')} RETURN collect(key) AS keys"


# --- writing nodes


def create_nodes(kind: NodeKind, columns: Sequence[str]) -> str:
    return f"{_each(columns)}CREATE (n:{quoted(kind.name)} {_map(columns)})"


def merge_nodes(kind: NodeKind, columns: Sequence[str]) -> str:
    """`n` says how many there are now, `other` which of them say other than before."""
    key = kind.type.key
    return (
        f"{_each(columns)}"
        f"MERGE (n:{quoted(kind.name)} {{{quoted(key)}: {_p(columns, key)}}})"
        f"{_change('n', columns, leave=(key,))}"
    )


def set_nodes(kind: NodeKind, columns: Sequence[str], p: str = "p") -> str:
    """Columns of nodes that are there; `n` says how many were."""
    key = kind.type.key
    return (
        f"{_each(columns, p)}"
        f"{seek('n', kind.name, _p(columns, key, p))}"
        f"{_set('n', columns, leave=(key,), p=p)}\nRETURN count(n) AS n"
    )


def delete_nodes(kind: NodeKind) -> str:
    return f"UNWIND $keys AS key {seek('n', kind.name, 'key')} DETACH DELETE n"


def attached(kind: NodeKind) -> str:
    """How many edges of any type the nodes $keys have."""
    return (
        f"UNWIND $keys AS key {seek('n', kind.name, 'key')} "
        "RETURN sum(COUNT { (n)--() }) AS edges"
    )


def detach_some(kind: NodeKind) -> str:
    """At most $size edges of any type at the nodes $keys."""
    return (
        f"UNWIND $keys AS key {seek('n', kind.name, 'key')} "
        "MATCH (n)-[e]-() WITH e LIMIT $size DELETE e"
    )


# --- writing edges


def create_edges(kind: EdgeKind, columns: Sequence[str], p: str = "p") -> str:
    own = [c for c in columns if c not in (SRC, DST)]
    return (
        f"{_ends(kind, columns, p)}"
        f"CREATE (a)-[:{quoted(kind.table.type.name)} {_map(columns, own, p)}]->(b)"
    )


def merge_edges(kind: EdgeKind, columns: Sequence[str]) -> str:
    """For types without a key of their own: one edge a pair. `n` says how many pairs were found,
    `other` which edges say other than before."""
    return (
        f"{_ends(kind, columns)}"
        f"MERGE (a)-[e:{quoted(kind.table.type.name)}]->(b)"
        f"{_change('e', columns, leave=(SRC, DST))}"
    )


def known_edges(kind: EdgeKind, key: str) -> str:
    """Of the keys in $keys: the places of those that are there, and the ends of their edges."""
    t = kind.table
    return (
        f"UNWIND range(0, size($keys) - 1) AS k {_event(t.type.name, key, '$keys[k]')} "
        f"RETURN collect(k) AS at, collect(a.{quoted(NODE_BY_LABEL[t.src].key)}) AS src, "
        f"collect(b.{quoted(NODE_BY_LABEL[t.dst].key)}) AS dst"
    )


def set_edges(kind: EdgeKind, key: str, columns: Sequence[str]) -> str:
    """Columns of events that are there: `n` of them, `other` of which say other than before."""
    return (
        f"{_each(columns)}"
        f"{_event(kind.table.type.name, key, _p(columns, key))}"
        f"{_change('e', columns, leave=(SRC, DST, key))}"
    )


def delete_edges_of(kind: EdgeKind, end: str = SRC) -> str:
    """The edges of this table at the nodes $keys, which are its `src` or its `dst`."""
    t = kind.table
    edge = f"[e:{quoted(t.type.name)}]"
    if end == SRC:
        return (
            f"UNWIND $keys AS key {seek('a', t.src, 'key')} "
            f"MATCH (a)-{edge}->(:{quoted(t.dst)}) DELETE e"
        )
    return (
        f"UNWIND $keys AS key {seek('b', t.dst, 'key')} "
        f"MATCH (:{quoted(t.src)})-{edge}->(b) DELETE e"
    )


def delete_all_edges(kind: EdgeKind) -> str:
    t = kind.table
    return f"MATCH (:{quoted(t.src)})-[e:{quoted(t.type.name)}]->(:{quoted(t.dst)}) DELETE e"


# --- pieces


def _p(columns: Sequence[str], column: str, p: str = "p") -> str:
    return f"${p}{list(columns).index(column)}[k]"


def _each(columns: Sequence[str], p: str = "p") -> str:
    if not columns:
        raise StoreError("a table without columns has no rows")
    return f"UNWIND range(0, size(${p}0) - 1) AS k\n"


def _ends(kind: EdgeKind, columns: Sequence[str], p: str = "p") -> str:
    t = kind.table
    a, b = (_p(columns, end, p) for end in (SRC, DST))
    return f"{_each(columns, p)}{seek('a', t.src, a)}\n{seek('b', t.dst, b)}\n"


def _map(columns: Sequence[str], own: Sequence[str] | None = None, p: str = "p") -> str:
    """Only for CREATE, which leaves out a null; MERGE would refuse it."""
    named = columns if own is None else own
    return "{" + ", ".join(f"{quoted(c)}: {_p(columns, c, p)}" for c in named) + "}"


def _set(name: str, columns: Sequence[str], *, leave: Sequence[str], p: str = "p") -> str:
    parts = [f"{name}.{quoted(c)} = {_p(columns, c, p)}" for c in columns if c not in leave]
    return "\nSET " + ", ".join(parts) if parts else ""


def _change(name: str, columns: Sequence[str], *, leave: Sequence[str]) -> str:
    """SET, with a count of what was there, and the places of what was other before."""
    differs = [
        f"({name}.{quoted(c)} IS NULL) <> ({_p(columns, c)} IS NULL) "
        f"OR {name}.{quoted(c)} <> {_p(columns, c)}"
        for c in columns
        if c not in leave
    ]
    if not differs:
        return f"\nRETURN count({name}) AS n, [] AS other"
    return (
        f"\nWITH {name}, k, CASE WHEN {' OR '.join(differs)} THEN k END AS differs"
        f"{_set(name, columns, leave=leave)}"
        f"\nRETURN count({name}) AS n, collect(differs) AS other"
    )
