"""Events older than an age → gone, with their texts' vectors; whoever did them is marked stale."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from kg.privacy.places import event_tables, remove_vectors
from kg.stale import has_profiles, mark, with_listeners
from kg.store import GraphStore

AT_ONCE = 50_000
_ALL = 100_000_000
_TIMEOUT_S = 600.0
_TEXTS_AT_ONCE = 1_000


@dataclass(frozen=True)
class Retained:
    """What a retention removed."""

    before: int
    """Epoch seconds; events of this moment and later stay, and those without a time."""
    events: dict[str, int]
    texts: int
    """Vectors in the text cache."""
    stale: int
    """Users marked for the next refresh."""


def retain(store: GraphStore, cache: Path, *, before: int, now: int) -> Retained:
    """Remove all events with `at` < before (epoch s). Users stay, and so do items. A run that stops
    half-way is finished by the next."""
    store.ensure_schema()
    tables = event_tables(store)
    users = _who(store, tables, before)
    stale = 0
    if has_profiles(store) and len(users):
        near = with_listeners(store, users)
        mark(store, near, at=now)
        stale = len(near)
    texts = remove_vectors(cache, _texts(store, before)) if "REVIEWED" in tables else 0
    events = {name: _delete(store, name, before) for name in tables}
    return Retained(before, {n: k for n, k in events.items() if k}, texts, stale)


def _who(store: GraphStore, tables: list[str], before: int) -> pa.Array:
    found: dict[str, None] = {}
    for name in tables:
        rows = store.query(
            f"MATCH (u:User)-[e:{name}]->(:Item) WHERE e.at < $before "
            "RETURN DISTINCT u.userId AS id",
            {"before": before}, max_rows=_ALL, timeout_s=_TIMEOUT_S,
        ).rows  # fmt: skip
        found |= dict.fromkeys(row[0] for row in rows)
    return pa.array(found, pa.string())


def _texts(store: GraphStore, before: int) -> list[str]:
    """Of reviews that go, and of none that stays."""
    rows = store.query(
        "MATCH (:User)-[r:REVIEWED]->(:Item) WHERE r.at < $before AND r.text IS NOT NULL "
        "RETURN DISTINCT r.text AS t",
        {"before": before}, max_rows=_ALL, timeout_s=_TIMEOUT_S,
    ).rows  # fmt: skip
    old = [row[0] for row in rows]
    kept: set[str] = set()
    for start in range(0, len(old), _TEXTS_AT_ONCE):
        rows = store.query(
            "MATCH (:User)-[r:REVIEWED]->(:Item) WHERE r.text IN $texts "
            "AND (r.at IS NULL OR r.at >= $before) RETURN DISTINCT r.text AS t",
            {"texts": old[start : start + _TEXTS_AT_ONCE], "before": before},
            max_rows=_ALL, timeout_s=_TIMEOUT_S,
        ).rows  # fmt: skip
        kept |= {row[0] for row in rows}
    return [text for text in old if text not in kept]


def _delete(store: GraphStore, name: str, before: int) -> int:
    """Some at a time: a server holds a transaction in memory."""
    total = 0
    while True:
        rows = store.query(
            f"MATCH (:User)-[e:{name}]->(:Item) WHERE e.at < $before WITH e LIMIT {AT_ONCE} "
            "DELETE e RETURN count(*) AS n",
            {"before": before}, read_only=False, timeout_s=_TIMEOUT_S,
        ).rows  # fmt: skip
        deleted = int(rows[0][0]) if rows else 0
        total += deleted
        if deleted < AT_ONCE:
            return total
