"""Nearest nodes by their embedding: through the server's vector index, or exactly without it.

Changing a vector that is indexed costs some ten times what writing it costs, and building an index
over all of them 0.5 ms each. So a publish that changes most vectors drops the index first, every
publish makes the one that is missing when it is done, and the server fills it while readers are
answered without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import neo4j
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.neo4j_store.columns import Column
from kg.neo4j_store.connection import Server, run
from kg.neo4j_store.kinds import NodeKind
from kg.neo4j_store.text import quoted
from kg.profile import EMBEDDING
from kg.store import Nearest

CANDIDATES = 4
"""Nodes the index is asked for, for each that is wanted: it ranks by shortened vectors, we by the
whole ones."""
MOST = 1_000
"""Beyond this many candidates reading all vectors is the faster way."""

INDEXES = "SHOW VECTOR INDEXES YIELD name, state, options WHERE name = $name RETURN state, options"


def name_of(label: str) -> str:
    return f"kg_{label}_{EMBEDDING}"


def nearest(
    server: Server, kind: NodeKind, vector: Sequence[float], k: int, *, exact: bool
) -> Nearest:
    """Cosines of whole vectors, whichever way the nodes were found."""
    wanted = np.asarray(vector, np.float64)
    if not k or not wanted.any():
        return Nearest([], [], exact=True)
    indexed = not exact and k * CANDIDATES <= MOST and _width_served(server, kind) == len(wanted)
    statement = _by_index(kind) if indexed else _by_reading(kind)
    given = {
        "name": name_of(kind.name),
        "vector": Column(wanted.tolist()),
        "k": k * CANDIDATES if indexed else k,
        "width": len(wanted),
    }
    keys, vectors = server.read(lambda tx: list(run(tx, statement, given).single(strict=True)))
    if not keys:
        return Nearest([], [], exact=not indexed)
    matrix = np.asarray(vectors, np.float64)
    cosine = matrix @ wanted / (np.linalg.norm(matrix, axis=1) * np.linalg.norm(wanted))
    order = np.lexsort((np.asarray(keys, object), -cosine))[:k]
    return Nearest([keys[i] for i in order], cosine[order].tolist(), exact=not indexed)


def _width_served(server: Server, kind: NodeKind) -> int | None:
    """Numbers of a vector in the index; None where there is none, or it is being filled."""
    found = server.read(lambda tx: run(tx, INDEXES, name=name_of(kind.name)).single())
    if found is None or found["state"] != "ONLINE":
        return None
    width: int = found["options"]["indexConfig"]["vector.dimensions"]
    return width


def _by_index(kind: NodeKind) -> str:
    return (
        "CALL db.index.vector.queryNodes($name, $k, $vector) YIELD node AS n "
        f"RETURN collect(n.{quoted(kind.type.key)}), collect(n.{EMBEDDING})"
    )


def _by_reading(kind: NodeKind) -> str:
    return (
        f"MATCH (n:{quoted(kind.name)}) WHERE size(n.{EMBEDDING}) = $width "
        f"AND any(x IN n.{EMBEDDING} WHERE x <> 0) "
        f"WITH n, vector.similarity.cosine(n.{EMBEDDING}, $vector) AS near "
        f"ORDER BY near DESC, n.{quoted(kind.type.key)} LIMIT $k "
        f"RETURN collect(n.{quoted(kind.type.key)}), collect(n.{EMBEDDING})"
    )


@dataclass
class VectorIndex:
    """One label's index during a publish."""

    server: Server
    kind: NodeKind
    width: int | None
    """Of the release's vectors; None where it has none: then there is no index either."""
    dropped: bool = field(default=False, init=False)

    def before(self, changed: pa.Table, compared: int) -> None:
        """To be called before `changed` of `compared` nodes are written."""
        if self.dropped or EMBEDDING not in changed.column_names:
            return
        if 2 * changed.num_rows > compared or self._other_width():
            self.server.statement(f"DROP INDEX {quoted(name_of(self.kind.name))} IF EXISTS")
            self.dropped = True

    def after(self) -> None:
        """Once all vectors are written."""
        if self.width is None or self._other_width():
            self.server.statement(f"DROP INDEX {quoted(name_of(self.kind.name))} IF EXISTS")
        if self.width is not None:
            self.server.statement(
                f"CREATE VECTOR INDEX {quoted(name_of(self.kind.name))} IF NOT EXISTS "
                f"FOR (n:{quoted(self.kind.name)}) ON (n.{EMBEDDING}) OPTIONS {{indexConfig: "
                f"{{`vector.dimensions`: {self.width}, "
                "`vector.similarity_function`: 'cosine'}}"
            )

    def _other_width(self) -> bool:
        found = self.server.read(partial(_options, name=name_of(self.kind.name)))
        return found is not None and found["indexConfig"]["vector.dimensions"] != self.width


def _options(tx: neo4j.ManagedTransaction, name: str) -> dict[str, dict[str, object]] | None:
    found = run(tx, INDEXES, name=name).single()
    return None if found is None else dict(found["options"])


def width_of(rows: pa.Table) -> int | None:
    """Numbers of a vector in a release's table."""
    if EMBEDDING not in rows.column_names:
        return None
    widths = pc.drop_null(pc.list_value_length(rows[EMBEDDING]))
    return int(widths[0].as_py()) if len(widths) else None
