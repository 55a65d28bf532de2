"""Erased users as keyed hashes in the store: enough to know one again, too little to say who.

The key is KG_ERASURE_KEY_FILE, else a file made in KG_HOME at the first erasure. A hash is taken of
the id as the store had it; a load compares a row's user at every stage of its pseudonym.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from kg.config import Settings, settings
from kg.errors import ConfigError
from kg.privacy.keys import Keyring, new_key, read_ring, write_ring
from kg.schema import NODE_BY_LABEL
from kg.store import GraphStore

if TYPE_CHECKING:
    import polars as pl

_NODE = NODE_BY_LABEL["Tombstone"]
FILE = "erasure.key"


@dataclass(frozen=True)
class ErasureKey:
    key: bytes

    @property
    def id(self) -> str:
        return sha256(b"kg erasure key" + self.key).hexdigest()[:12]

    def tombstone(self, user_id: str) -> str:
        return self._hash(f"user\0{user_id}".encode())

    def text(self, key: bytes) -> str:
        """Of a text by its key in the cache (16 bytes)."""
        return self._hash(b"text\0" + key)

    def signature(self, report: bytes) -> str:
        return hmac.digest(self.key, b"report\0" + report, "sha256").hex()

    def _hash(self, message: bytes) -> str:
        return hmac.digest(self.key, message, "sha256").hex()[:32]


def key_file(chosen: Settings) -> Path:
    return chosen.erasure_key_file or chosen.home / FILE


def erasure_key(chosen: Settings | None = None, *, make: bool = False) -> ErasureKey:
    """The key of tombstones and reports; with `make` a new one where there is none. Raises
    ConfigError."""
    chosen = chosen or settings()
    path = key_file(chosen)
    if make and not path.exists():
        os.makedirs(path.parent, exist_ok=True)
        write_ring(path, Keyring((new_key(),)))
    if not path.exists():
        raise ConfigError(f"no erasure key at {path}; KG_ERASURE_KEY_FILE names another place")
    return ErasureKey(read_ring(path).keys[0])


@dataclass(frozen=True)
class Tombstones:
    """All of a store's: hashes by how many keys the id had gone through."""

    key: ErasureKey
    by_depth: dict[int, frozenset[str]]
    count: int
    texts: frozenset[str]

    def erased(self, ring: Keyring | None) -> Callable[[pl.Series], pl.Series]:
        """Which of users' ids, as the source has them, are of erased ones."""
        import polars as pl

        def column(ids: pl.Series) -> pl.Series:
            known = ids.unique().drop_nulls().to_list()
            gone = [u for u in known if self.knows(dict(enumerate((ring or Keyring(())).steps(u))))]
            return ids.is_in(pl.Series(gone, dtype=pl.String).implode())

        return column

    def knows(self, steps: Mapping[int, str]) -> bool:
        """`steps[d]` is a user's id after d keys."""
        return any(
            depth in steps and self.key.tombstone(steps[depth]) in hashes
            for depth, hashes in self.by_depth.items()
        )


def read(store: GraphStore, chosen: Settings | None = None) -> Tombstones | None:
    """None where nobody was erased. Raises ConfigError where their key is not the one here."""
    count = store.counts().get(_NODE.label, 0)
    if not count:
        return None
    stones = store.export({_NODE.label: ("keyId", "depth", "texts")}, {})
    rows = stones.nodes[_NODE.label].to_pylist()
    key = erasure_key(chosen)
    others = sorted({row["keyId"] for row in rows} - {key.id})
    if others:
        raise ConfigError(
            f"{store.url} has tombstones of the erasure key {others[0]}, and this is {key.id}: "
            "KG_ERASURE_KEY_FILE must name the key they were made with"
        )
    by_depth: dict[int, set[str]] = {}
    for row in rows:
        by_depth.setdefault(row["depth"], set()).add(row["tombstone"])
    texts = frozenset(t for row in rows for t in row["texts"] or ())
    frozen = {depth: frozenset(hashes) for depth, hashes in by_depth.items()}
    return Tombstones(key, frozen, count, texts)


def write(
    store: GraphStore,
    key: ErasureKey,
    users: Sequence[str],
    depth: int,
    texts: Sequence[Sequence[str]],
    now: int,
) -> None:
    """One a user; `texts[k]` are hashes of the texts whose vectors go with user k."""
    columns = {
        "tombstone": [key.tombstone(u) for u in users],
        "keyId": [key.id] * len(users),
        "depth": [depth] * len(users),
        "at": [now] * len(users),
        "texts": [list(t) for t in texts],
    }
    schema = _NODE.arrow
    table = pa.table({f.name: pa.array(columns[f.name], f.type) for f in schema}, schema=schema)
    if table.num_rows:
        store.upsert(_NODE.label, table)
