"""A user's id → all we hold on this person, for the person (a subject access request)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kg.config import Settings, settings
from kg.person import user_properties
from kg.privacy.places import Places, citing, in_files
from kg.privacy.state import stored_id
from kg.releases import KEPT, verify, versions
from kg.schema import DST, EDGE_TABLES, NODE_BY_LABEL, SRC, EdgeTable
from kg.store import GraphStore

_ALL = 100_000_000
_TIMEOUT_S = 600.0


def holdings(
    store: GraphStore, releases: Path, user: str, chosen: Settings | None = None
) -> dict[str, Any]:
    """Properties, events and ties with all they carry, what was inferred, rows in releases, and how
    often exports and other users' evidence name the person. Raises NotFound."""
    id_ = stored_id(store, user)
    properties = user_properties(store, id_)
    counts = store.counts()
    edges: dict[str, list[dict[str, Any]]] = {}
    for name, edge in EDGE_TABLES.items():
        if counts.get(name) and "User" in (edge.src, edge.dst):
            theirs = [row for end in _user_ends(edge) for row in _edges(store, edge, end, id_)]
            if theirs:
                edges[name] = theirs
    names = list(dict.fromkeys([id_, user]))
    return {
        "userId": id_,
        "store": store.url,
        "properties": {k: v for k, v in sorted(properties.items()) if v is not None},
        "edges": edges,
        "citedByOthers": citing(store, [id_]),
        "releases": {v: rows for v in versions(releases) if (rows := _rows(releases / v, id_))},
        "files": in_files(Places.of(store, releases, chosen or settings()), names, remove=False),
    }


def _user_ends(edge: EdgeTable) -> list[str]:
    return [end for end, label in ((SRC, edge.src), (DST, edge.dst)) if label == "User"]


def _edges(store: GraphStore, edge: EdgeTable, end: str, id_: str) -> list[dict[str, Any]]:
    a, b = NODE_BY_LABEL[edge.src].key, NODE_BY_LABEL[edge.dst].key
    mine = "a" if end == SRC else "b"
    found = store.query(
        f"MATCH (a:{edge.src})-[e:{edge.type.name}]->(b:{edge.dst}) WHERE {mine}.userId = $id "
        f"RETURN a.{a} AS src, b.{b} AS dst, e AS e",
        {"id": id_}, max_rows=_ALL, timeout_s=_TIMEOUT_S,
    ).rows  # fmt: skip
    return [{"src": src, "dst": dst, **properties} for src, dst, properties in found]


def _rows(folder: Path, id_: str) -> dict[str, list[dict[str, Any]]]:
    verify(folder)
    found = {}
    for path in [folder / "users.parquet", *sorted((folder / "edges").glob("*.parquet")),
                 *(p for p in [folder / KEPT] if p.is_file())]:  # fmt: skip
        table = pq.read_table(path)
        columns = (
            ["userId"] if "userId" in table.column_names else _user_ends(EDGE_TABLES[path.stem])
        )
        hits = [pc.equal(table[c], pa.scalar(id_)) for c in columns]
        rows = table.filter(hits[0] if len(hits) == 1 else pc.or_(*hits))
        if rows.num_rows:
            found[path.relative_to(folder).with_suffix("").as_posix()] = rows.to_pylist()
    return found
