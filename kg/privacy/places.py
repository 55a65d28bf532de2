"""Where a person may be: the store, its releases, the text cache, exports and rejects. A place is
searched and cleaned by one function, so that a search looks where an erasure removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kg.audit import files_written
from kg.config import Settings, settings
from kg.privacy import files
from kg.privacy.tombstones import ErasureKey
from kg.releases import KEPT, exchange, verify, versions
from kg.schema import BEHAVIOURS, DST, EDGE_TABLES, SRC
from kg.store import GraphStore

TEXT = "text"
"""The folder of text vectors in KG_HOME."""
_ALL = 100_000_000
_TIMEOUT_S = 600.0
_TEXTS_AT_ONCE = 1_000


@dataclass(frozen=True)
class Places:
    releases: Path
    cache: Path
    files: tuple[Path, ...]
    """Exports, query results and rejects that the audit file knows of."""

    @classmethod
    def of(cls, store: GraphStore, releases: Path, chosen: Settings | None = None) -> Places:
        home = (chosen or settings()).home
        known = files_written(home, store.url)
        left = [p for p in sorted(home.glob("*rejects*.jsonl")) if p not in known]
        return cls(releases, home / TEXT, (*known, *left))


def in_store(store: GraphStore, ids: Sequence[str]) -> dict[str, int]:
    """Nodes and edges of these users, by table; the evidence of others that cites them."""
    found = {}
    counts = store.counts()
    asked = {"ids": list(ids)}
    for name, edge in EDGE_TABLES.items():
        ends = [e for e, label in (("a", edge.src), ("b", edge.dst)) if label == "User"]
        if counts.get(name) and ends:
            where = " OR ".join(f"{e}.userId IN $ids" for e in ends)
            text = (
                f"MATCH (a:{edge.src})-[e:{edge.type.name}]->(b:{edge.dst}) WHERE {where} "
                "RETURN count(e) AS n"
            )
            found[name] = int(store.query(text, asked, timeout_s=_TIMEOUT_S).rows[0][0])
    text = "MATCH (u:User) WHERE u.userId IN $ids RETURN count(u) AS n"
    found["User"] = int(store.query(text, asked, timeout_s=_TIMEOUT_S).rows[0][0])
    return {name: n for name, n in found.items() if n}


def citing(store: GraphStore, ids: Sequence[str]) -> int:
    """Interests of others whose evidence names these users; gone with the next refresh."""
    counts = store.counts()
    cited = files.cites(ids)
    total = 0
    for name in (n for n in EDGE_TABLES if n.startswith("INTERESTED_IN") and counts.get(n)):
        evidence = store.export({}, {name: ("topEvidence",)}).edges[name]["topEvidence"]
        flat = pc.list_flatten(evidence)
        parents = pc.list_parent_indices(evidence)
        hit = pc.is_in(flat, pa.array(cited, pa.string()))
        total += len(pc.unique(parents.filter(hit)))
    return total


def in_release(folder: Path, ids: Sequence[str], *, remove: bool) -> int:
    """Rows of a release's tables that are of these users, or cite them."""
    verify(folder)
    found, changed = 0, {}
    named = [folder / "users.parquet", *sorted((folder / "edges").glob("*.parquet"))]
    for path in [*named, *(p for p in [folder / KEPT] if p.is_file())]:
        kept, count = files.without(pq.read_table(path), ids)
        if count:
            found += count
            changed[path.relative_to(folder).with_suffix("").as_posix()] = kept
    if changed and remove:
        exchange(folder, changed)
    return found


def in_releases(folder: Path, ids: Sequence[str], *, remove: bool) -> dict[str, int]:
    found = {v: in_release(folder / v, ids, remove=remove) for v in versions(folder)}
    return {version: n for version, n in found.items() if n}


def in_files(places: Places, ids: Sequence[str], *, remove: bool) -> dict[str, int]:
    found = {str(path): files.clean(path, ids, remove=remove) for path in places.files}
    return {path: n for path, n in found.items() if n}


def texts_of(store: GraphStore, ids: Sequence[str], where: str = "") -> list[tuple[str, str]]:
    """(user, text) of reviews of these users that nobody else wrote word for word."""
    if not store.counts().get("REVIEWED"):
        return []
    asked = {"ids": list(ids)}
    mine = store.query(
        "MATCH (u:User)-[r:REVIEWED]->(:Item) WHERE u.userId IN $ids AND r.text IS NOT NULL "
        "RETURN u.userId AS u, r.text AS t",
        asked, max_rows=_ALL, timeout_s=_TIMEOUT_S,
    ).rows  # fmt: skip
    distinct = list(dict.fromkeys(text for _, text in mine))
    shared: set[str] = set()
    for start in range(0, len(distinct), _TEXTS_AT_ONCE):
        rows = store.query(
            "MATCH (u:User)-[r:REVIEWED]->(:Item) WHERE r.text IN $texts AND NOT u.userId IN $ids "
            "RETURN DISTINCT r.text AS t",
            asked | {"texts": distinct[start : start + _TEXTS_AT_ONCE]},
            max_rows=_ALL, timeout_s=_TIMEOUT_S,
        ).rows  # fmt: skip
        shared |= {row[0] for row in rows}
    return [(user, text) for user, text in mine if text not in shared]


def remove_vectors(cache: Path, texts: Sequence[str]) -> int:
    """Vectors of these texts, of every encoder."""
    if not texts or not cache.is_dir():
        return 0
    from gnn.text_erase import erase
    from gnn.text_keys import distinct, keys_of

    return erase(cache, keys_of(distinct(list(texts))[0]))


def text_marks(key: ErasureKey, texts: Sequence[str]) -> list[str]:
    """Keyed hashes of texts, by which their vectors would be known again."""
    from gnn.text_keys import distinct, keys_of

    raw = keys_of(distinct(list(texts))[0]).tobytes()
    return [key.text(raw[k : k + 16]) for k in range(0, len(raw), 16)]


def vectors_marked(cache: Path, key: ErasureKey, marks: frozenset[str]) -> int:
    """Vectors in the cache that are of texts marked as erased."""
    if not marks or not cache.is_dir():
        return 0
    from gnn.text_erase import cached_keys

    found = 0
    for keys in cached_keys(cache):
        raw = keys.tobytes()
        found += sum(key.text(raw[k : k + 16]) in marks for k in range(0, len(raw), 16))
    return found


def ends_of_users(name: str) -> tuple[str, ...]:
    edge = EDGE_TABLES[name]
    return tuple(end for end, label in ((SRC, edge.src), (DST, edge.dst)) if label == "User")


def event_tables(store: GraphStore) -> list[str]:
    counts = store.counts()
    return [name for name in BEHAVIOURS if counts.get(name)]
