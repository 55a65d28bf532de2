"""Users' ids → nothing of them anywhere we know of, a tombstone, and a signed report.

The tombstone comes first and the store last: whoever is half erased cannot be loaded again, and a
run that stops half-way is repeated with the same result.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel

from kg.config import Settings, settings
from kg.errors import ConfigError, NotFound
from kg.files import STAGED, sweep
from kg.privacy import tombstones
from kg.privacy.keys import depth_of
from kg.privacy.places import (
    Places,
    citing,
    in_files,
    in_releases,
    in_store,
    remove_vectors,
    text_marks,
    texts_of,
    vectors_marked,
)
from kg.privacy.state import pseudonyms, refuse_unfinished, ring_of, stored_ids
from kg.privacy.tombstones import ErasureKey, erasure_key
from kg.releases import DRAFT, GOING
from kg.resume import TRAINING
from kg.stale import has_profiles, mark, with_listeners
from kg.store import GraphStore


class Forgotten(BaseModel):
    """What was found and removed. No content and no ids: counts, and the tombstones' hashes."""

    store: str
    at: int
    """Epoch seconds."""
    users: int
    """Nodes removed from the store, with all their edges."""
    edges: dict[str, int]
    """Edges removed with them, by table."""
    texts: int
    """Vectors removed from the text cache."""
    releases: dict[str, int]
    """Rows removed from each release's tables, or that cited the users and no longer do."""
    files: dict[str, int]
    """The same of exports, query results and rejects files."""
    stale: int
    """Users whose profiles hold a part of these: marked, for the next refresh."""
    tombstones: list[str]
    key_id: str
    """The erasure key."""
    remains: tuple[str, ...] = (
        "source files you keep: a load rejects these users' rows, but the files still have them",
        "copies of exports, backups and logs that this project does not know of",
        "what others' profiles took from these users, until the next `kg refresh`",
        "item vectors learned with these users' events, until the next `kg retrain`",
    )
    signature: str = ""
    """HMAC-SHA-256 of all the above under the erasure key."""

    def signed(self, key: ErasureKey) -> Forgotten:
        return self.model_copy(update={"signature": key.signature(self._message())})

    def is_signed_by(self, key: ErasureKey) -> bool:
        return self.signature == key.signature(self._message())

    def _message(self) -> bytes:
        said = self.model_dump(mode="json", exclude={"signature"})
        return json.dumps(said, sort_keys=True, ensure_ascii=False).encode()


def forget(
    store: GraphStore,
    releases: Path,
    user_ids: Sequence[str],
    *,
    now: int,
    chosen: Settings | None = None,
) -> Forgotten:
    """Remove users: those whose profiles hold a part of them are marked stale as of `now` (epoch
    s). Ids are the source's or, where the store has pseudonyms, either. Raises NotFound where
    nothing anywhere knows one of them, ConfigError for keys that are not the store's."""
    chosen = chosen or settings()
    store.ensure_schema()
    said = pseudonyms(store)
    refuse_unfinished(store, said)
    depth = depth_of(said.key_id) if said and said.key_id else 0
    ids = stored_ids(store, list(dict.fromkeys(user_ids)))
    everywhere = _names(store, user_ids, ids)
    places = Places.of(store, releases, chosen)
    there = in_store(store, ids)
    key = erasure_key(chosen, make=True)
    known = tombstones.read(store, chosen)
    if (
        not there
        and not in_releases(releases, ids, remove=False)
        and not (
            known and all(known.key.tombstone(i) in known.by_depth.get(depth, ()) for i in ids)
        )
    ):
        raise NotFound(f"none of {len(ids)} users is in {store.url} or its releases")

    texts = texts_of(store, ids)
    _write_tombstones(store, key, ids, depth, texts, now)
    removed = remove_vectors(places.cache, [text for _, text in texts])
    stale = _mark_listeners(store, ids, now)
    rows = in_releases(releases, ids, remove=True)
    written = in_files(places, _with_marks(everywhere, chosen), remove=True)
    deleted = store.delete_users(ids).deleted
    _sweep_all(releases)
    return Forgotten(
        store=store.url,
        at=now,
        users=deleted,
        edges={name: n for name, n in there.items() if name != "User"},
        texts=removed,
        releases=rows,
        files=written,
        stale=stale,
        tombstones=[key.tombstone(i) for i in ids],
        key_id=key.id,
    ).signed(key)


def _sweep_all(releases: Path) -> None:
    """What loads, trainings and exchanges that were killed have left of anybody."""
    sweep(Path(tempfile.gettempdir()), STAGED)
    for prefix in (DRAFT, GOING, TRAINING):
        sweep(releases, prefix)


def _names(store: GraphStore, given: Sequence[str], stored: Sequence[str]) -> list[str]:
    """What files may call these users: the source's ids, and the pseudonyms of every key so far."""
    distinct = list(dict.fromkeys(given))
    steps = [name for own in _steps(store, distinct, stored) for name in own.values()]
    return list(dict.fromkeys([*stored, *given, *steps]))


def _with_marks(names: list[str], chosen: Settings) -> list[str]:
    """With what marks their rows where a file has no ids (`kg.vectors`)."""
    if not tombstones.key_file(chosen).exists():
        return names
    key = erasure_key(chosen)
    return [*names, *(key.tombstone(name) for name in names)]


def _write_tombstones(
    store: GraphStore,
    key: ErasureKey,
    ids: list[str],
    depth: int,
    texts: list[tuple[str, str]],
    now: int,
) -> None:
    """An earlier one's marks of texts stay: the texts may be gone by now."""
    mine = {i: [text for user, text in texts if user == i] for i in ids}
    made = {i: text_marks(key, own) if own else [] for i, own in mine.items()}
    stones = store.export({"Tombstone": ("texts",)}, {}).nodes["Tombstone"].to_pylist()
    before = {row["tombstone"]: row["texts"] or [] for row in stones}
    marks = [list(dict.fromkeys([*before.get(key.tombstone(i), []), *made[i]])) for i in ids]
    tombstones.write(store, key, ids, depth, marks, now)


def _mark_listeners(store: GraphStore, gone: list[str], now: int) -> int:
    if not has_profiles(store):
        return 0
    asked = pa.array(gone, pa.string())
    near = with_listeners(store, asked)
    others = near.filter(pc.invert(pc.is_in(near, asked)))
    mark(store, others, at=now)
    return len(others)


class Found(BaseModel):
    """What is still known of users; all zero and empty where nothing is."""

    store: dict[str, int]
    """Nodes and edges, by table."""
    cited: int
    """Interests of others whose evidence names them."""
    releases: dict[str, int]
    files: dict[str, int]
    vectors: int
    """In the text cache, of texts that were theirs alone."""
    tombstones: int
    """Of these users: all of them, where they were erased here."""

    @property
    def nothing(self) -> bool:
        return not (self.store or self.cited or self.releases or self.files or self.vectors)


def search(
    store: GraphStore, releases: Path, user_ids: Sequence[str], chosen: Settings | None = None
) -> Found:
    """Look for users in every place an erasure removes from. Changes nothing."""
    chosen = chosen or settings()
    ids = stored_ids(store, list(dict.fromkeys(user_ids)))
    everywhere = _names(store, user_ids, ids)
    known = tombstones.read(store, chosen)
    theirs = _steps(store, list(dict.fromkeys(user_ids)), ids)
    return Found(
        store=in_store(store, ids),
        cited=citing(store, ids),
        releases=in_releases(releases, ids, remove=False),
        files=in_files(
            Places.of(store, releases, chosen), _with_marks(everywhere, chosen), remove=False
        ),
        vectors=vectors_marked(chosen.home / "text", known.key, known.texts) if known else 0,
        tombstones=sum(map(known.knows, theirs)) if known else 0,
    )


def _steps(store: GraphStore, given: Sequence[str], stored: Sequence[str]) -> list[dict[int, str]]:
    """Each user's id after every number of keys that is known of it."""
    said = pseudonyms(store)
    depth = depth_of(said.key_id) if said and said.key_id else 0
    ring = ring_of(store, said) if list(given) != list(stored) else None
    return [
        dict(enumerate(ring.steps(g))) if ring and g != s else {depth: s}
        for g, s in zip(given, stored, strict=True)
    ]


def read_report(text: str) -> Forgotten:
    """Raises ConfigError."""
    try:
        return Forgotten.model_validate_json(text)
    except ValueError as e:
        raise ConfigError("this is no report of `kg forget --json`") from e
