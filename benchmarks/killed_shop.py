"""A small shop in a folder and a store: kept in states that can be put back, and all of it said as
plain values, so that two ends of a story can be compared."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import neo4j
import pyarrow.parquet as pq

from kg.arrays import graph_hash, read_graph
from kg.config import Neo4jSettings, Settings
from kg.privacy.erasure import search
from kg.profile import ITEM_PROFILE, USER_PROFILE
from kg.releases import verify, versions
from kg.schema import EDGE_TABLES
from kg.stale import MARK
from kg.store import GraphStore, open_store
from tests.neo4j_server.wipe import wipe

OURS = [name for name, table in EDGE_TABLES.items() if table.type.written_by_us]
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "NEO4J_USERNAME", "NEO4J_PASSWORD", "NEO4J_DATABASE")
CLOCK = {"publishedAt", "createdAt"}
"""What a second run may say otherwise."""


@dataclass
class Site:
    """`folder` holds everything but a server's graph."""

    url: str
    folder: Path
    encoder: Path
    graphs: dict[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.clear()

    @property
    def releases(self) -> Path:
        return self.folder / "now" / "releases"

    @property
    def home(self) -> Path:
        return self.folder / "now" / "home"

    @property
    def temporary(self) -> Path:
        return self.folder / "now" / "tmp"

    @property
    def environment(self) -> dict[str, str]:
        """Of a `kg` that works here."""
        return {k: v for k, v in os.environ.items() if k in KEPT_VARIABLES} | {
            "KG_STORE": self.url,
            "KG_HOME": str(self.home),
            "KG_RELEASES": str(self.releases),
            "KG_ENCODER": str(self.encoder),
            "TMPDIR": str(self.temporary),
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
        }

    @property
    def on_server(self) -> bool:
        return not self.url.startswith("ladybug:")

    def clear(self) -> None:
        shutil.rmtree(self.folder / "now", ignore_errors=True)
        self.temporary.mkdir(parents=True)
        if self.on_server:
            wipe(self.url)

    def save(self, name: str) -> None:
        shutil.copytree(self.folder / "now", self.folder / name)
        if self.on_server:
            self.graphs[name] = _captured(self.url)

    def restore(self, name: str) -> None:
        self.clear()
        shutil.copytree(self.folder / name, self.folder / "now", dirs_exist_ok=True)
        if self.on_server:
            _put(self.url, self.graphs[name])


def site_at(store: str | None, folder: Path, encoder: Path) -> Site:
    """On the server named (whose data goes), else on an embedded store in the folder."""
    return Site(store or f"ladybug://{folder}/now/kg.lbug", folder, encoder)


def all_of(site: Site, users: list[str]) -> dict[str, Any]:
    """The graph, the profiles, the releases' files and what `kg forget --verify` finds of users;
    and what lies about that nobody owns."""
    with open_store(site.url, read_only=True) as store:
        said = {"graph": graph_hash(read_graph(store)), "counts": store.counts()}
        said |= _written(store)
        home = Settings(home=site.home)
        known = search(store, site.releases, users, home).model_dump() if users else None
    return said | {
        "found of users": known,
        "releases": {v: _sums(site.releases / v) for v in versions(site.releases)},
        "left over": left_over(site),
    }


def trained(site: Site) -> set[str]:
    """What is in the candidates, but for their names: one value where all agree."""
    return {_content(site.releases / v) for v in versions(site.releases)}


def left_over(site: Site) -> list[str]:
    """Files of work that is no longer done."""
    hidden = [p for p in site.releases.rglob("*") if p.name.startswith(".")]
    parts = [p for p in site.home.rglob("*") if p.name.endswith(".part")]
    work = [p for p in site.temporary.iterdir() if p.suffix != ".py"]  # PyG's: generated code
    return sorted(p.name for p in [*hidden, *parts, *work])


def _written(store: GraphStore) -> dict[str, Any]:
    """All that is written by us, by key; moments of the clock aside."""
    columns = {n: tuple(f.name for f in EDGE_TABLES[n].arrow if f.name not in ("src", "dst"))
               for n in OURS}  # fmt: skip
    nodes = {
        "User": tuple(p.name for p in USER_PROFILE),
        "Item": tuple(p.name for p in ITEM_PROFILE),
        "ProfileRelease": ("status",),
        "Tombstone": (),
    }
    snapshot = store.export(nodes, columns)
    keys = {label: table.column(0).to_pylist() for label, table in snapshot.nodes.items()}
    said: dict[str, Any] = {}
    for label in nodes:
        rows = snapshot.nodes[label].to_pylist()
        said[label] = sorted(repr({k: v is not None if k == MARK else v for k, v in r.items()})
                             for r in rows)  # fmt: skip
    for name in OURS:
        table = EDGE_TABLES[name]
        said[name] = sorted(
            repr((keys[table.src][r.pop("src")], keys[table.dst][r.pop("dst")], r))
            for r in snapshot.edges[name].to_pylist()
        )
    return said


def _sums(folder: Path) -> str:
    verify(folder)
    return (folder / "SHA256SUMS").read_text(encoding="utf-8")


def _content(folder: Path) -> str:
    verify(folder)
    digest = sha256()
    for path in sorted(folder.rglob("*.parquet")):
        table = pq.read_table(path)
        kept = [c for c in table.column_names if c != "modelVersion"]
        digest.update(repr((path.relative_to(folder), table.select(kept).to_pydict())).encode())
    for path in sorted(folder.rglob("*.safetensors")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _captured(url: str) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Nodes by label and edges by type of a small graph."""
    nodes: dict[str, list[Any]] = {}
    edges: dict[str, list[Any]] = {}
    with _driver(url) as driver, driver.session(database=Neo4jSettings().database) as session:
        for r in session.run("MATCH (n) RETURN elementId(n), labels(n)[0], properties(n)"):
            nodes.setdefault(r[1], []).append((r[0], r[2]))
        text = "MATCH (a)-[e]->(b) RETURN elementId(a), elementId(b), type(e), properties(e)"
        for r in session.run(text):
            edges.setdefault(r[2], []).append([r[0], r[1], r[3]])
    return nodes, edges


def _put(url: str, graph: tuple[Mapping[str, list[Any]], Mapping[str, list[Any]]]) -> None:
    nodes, edges = graph
    place: dict[str, str] = {}
    with _driver(url) as driver, driver.session(database=Neo4jSettings().database) as session:
        for label, rows in nodes.items():
            made = session.run(
                f"UNWIND $rows AS r CREATE (n:`{label}`) SET n += r RETURN elementId(n)",
                rows=[properties for _, properties in rows],
            ).value()
            place |= dict(zip((old for old, _ in rows), made, strict=True))
        for name, rows in edges.items():
            session.run(
                "UNWIND $rows AS r MATCH (a) WHERE elementId(a) = r[0] "
                f"MATCH (b) WHERE elementId(b) = r[1] CREATE (a)-[e:`{name}`]->(b) SET e += r[2]",
                rows=[[place[a], place[b], properties] for a, b, properties in rows],
            ).consume()


def _driver(url: str) -> neo4j.Driver:
    said = Neo4jSettings()
    secret = said.secret()
    auth = None if secret is None else (said.username, secret)
    return neo4j.GraphDatabase.driver(url, auth=auth, notifications_min_severity="OFF")
