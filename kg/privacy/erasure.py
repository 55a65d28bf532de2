"""Forgetting a person: out of the store and out of every release folder, with a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel

from kg.errors import NotFound
from kg.releases import KEPT, exchange, verify, versions
from kg.schema import EDGE_TABLES
from kg.stale import has_profiles, mark, with_listeners
from kg.store import GraphStore


class Forgotten(BaseModel):
    """What was found and removed. No content, only counts."""

    users: int
    """Nodes removed from the store, with all their edges."""
    releases: dict[str, int]
    """Rows removed from each release's tables."""
    remains: tuple[str, ...] = (
        "source files and rejects.jsonl files you keep: remove the rows there, or the next load "
        "brings the user back",
        "text vectors in the cache, which carry no user id: delete its folder to be rid of them",
        "item vectors learned with this user's events, until the next `kg retrain`",
    )


def forget(store: GraphStore, releases: Path, user_ids: Sequence[str], *, now: int) -> Forgotten:
    """Remove users from releases first, then from the store, so that a run that stops half-way can
    be repeated. Those whose profiles hold a part of them are marked stale as of `now` (epoch s),
    for the next refresh. Raises NotFound where nothing anywhere knows one of them."""
    gone = list(dict.fromkeys(user_ids))
    _mark_listeners(store, gone, now)
    rows = {v: _forget_in_release(releases / v, gone) for v in versions(releases)}
    deleted = store.delete_users(gone).deleted
    if not deleted and not any(rows.values()):
        raise NotFound(f"none of {len(gone)} users is in {store.url} or its releases")
    return Forgotten(users=deleted, releases={v: n for v, n in rows.items() if n})


def _mark_listeners(store: GraphStore, gone: list[str], now: int) -> None:
    if has_profiles(store):
        asked = pa.array(gone, pa.string())
        near = with_listeners(store, asked)
        mark(store, near.filter(pc.invert(pc.is_in(near, asked))), at=now)


def _forget_in_release(folder: Path, user_ids: list[str]) -> int:
    verify(folder)
    gone = pa.array(user_ids, pa.string())
    removed, changed = 0, {}
    named = [folder / "users.parquet", *sorted((folder / "edges").glob("*.parquet"))]
    for path in [*named, *(p for p in [folder / KEPT] if p.is_file())]:
        table = kept = pq.read_table(path)
        for column in _user_columns(path):
            kept = kept.filter(pc.invert(pc.is_in(kept[column], gone)))
        if kept.num_rows < table.num_rows:
            removed += table.num_rows - kept.num_rows
            changed[path.relative_to(folder).with_suffix("").as_posix()] = kept
    if changed:
        exchange(folder, changed)
    return removed


def _user_columns(path: Path) -> list[str]:
    if path.name in ("users.parquet", Path(KEPT).name):
        return ["userId"]
    table = EDGE_TABLES[path.stem]
    return [end for end, label in (("src", table.src), ("dst", table.dst)) if label == "User"]
