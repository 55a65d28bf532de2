"""Cypher of a publish, in what Cypher 5 and 25 share; columns are parameters, as in `text`."""

from __future__ import annotations

from collections.abc import Sequence

from kg.neo4j_store.kinds import EdgeKind, NodeKind
from kg.neo4j_store.text import create_edges, delete_edges_of, quoted, seek, set_nodes

LOCK = "KgLock"
"""Label of the node that whoever publishes holds locked."""

# In a transaction that stays open, and is never committed but for the node itself.
MAKE_LOCK = f"MERGE (:{LOCK} {{name: 'publish'}})"
TAKE_LOCK = f"MATCH (l:{LOCK} {{name: 'publish'}}) SET l.name = l.name"

BEGIN_RELEASE = "MERGE (r:ProfileRelease {version: $version}) SET r.status = 'writing'"
NEXT_USERS = """
MATCH (r:ProfileRelease {version: $version}) SET r.writingFrom = $first, r.writingTo = $last
"""
RENEWING = """
MATCH (r:ProfileRelease) WHERE r.status = 'live' SET r.writingFrom = $first, r.writingTo = $last
"""
FINISH_RELEASE = """
MATCH (r:ProfileRelease {version: $version})
SET r.status = 'live', r.writingFrom = null, r.writingTo = null
WITH r MATCH (old:ProfileRelease) WHERE old.status IN ['live', 'writing'] AND old <> r
SET old.status = 'retired', old.writingFrom = null, old.writingTo = null
"""


def nodes_at(kind: NodeKind, columns: Sequence[str]) -> str:
    """Columns of the nodes $keys that are there; one record of lists.

    All properties at once: one by one, each would be looked for in the node's chain of them."""
    lists = ", ".join(f"[n IN ns | n.{quoted(c)}] AS c{i}" for i, c in enumerate(columns))
    return f"UNWIND $keys AS key {seek('n', kind.name, 'key')} WITH collect(n) AS ns RETURN {lists}"


def delete_pairs(kind: EdgeKind) -> str:
    """The edges of this table from $src[k] to $dst[k]."""
    t = kind.table
    return (
        f"UNWIND range(0, size($src) - 1) AS k {seek('a', t.src, '$src[k]')} "
        f"{seek('b', t.dst, '$dst[k]')} "
        f"MATCH (a)-[e:{quoted(t.type.name)}]->(b) DELETE e"
    )


def renew(
    users: NodeKind, columns: Sequence[str], edges: Sequence[tuple[EdgeKind, Sequence[str]]]
) -> str:
    """Columns $u<i> of users, and the edges $e<j>_<i> in place of those that leave $keys: in one
    statement, of which a server makes one plan. One record: `n` users, then of each table how many
    edges went and came."""
    parts = [set_nodes(users, columns, "u")]
    for j, (kind, own) in enumerate(edges):
        parts += [
            f"{delete_edges_of(kind)} RETURN count(*) AS gone{j}",
            f"{create_edges(kind, own, f'e{j}_')} RETURN count(*) AS made{j}",
        ]
    counts = "".join(f", gone{j}, made{j}" for j in range(len(edges)))
    return "\n".join(f"CALL () {{ {part} }}" for part in parts) + f"\nRETURN n{counts}"
