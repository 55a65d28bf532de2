"""Users' and events' ids → pseudonyms by HMAC-SHA-256, with a ring of keys that only grows.

A pseudonym is `p1_` and 32 hexadecimal digits (128 bits) under one key. Rotation puts another key
on top: `p2_…` is the hash of `p1_…` under the second key, so that a graph is re-keyed without the
ids it was made from, and whoever holds an old key alone can no longer compute anything. The ring
file is all keys, oldest first; losing it is losing the way from an id to its user.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from kg.config import Settings, settings
from kg.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

LETTERS = {"user": "p", "event": "e", "value": "h"}
"""First letter of what is made of each kind of text."""
_KEY = re.compile(r"[0-9a-f]{64}")
_HEAD = "# kg pseudonym keys, oldest first. Keep this file secret, and keep it.\n"


@dataclass(frozen=True)
class Keyring:
    """Keys of 32 bytes, oldest first."""

    keys: tuple[bytes, ...]

    @cached_property
    def id(self) -> str:
        """Names the ring without giving it away; its number is how many keys there are."""
        return key_id(self.keys)

    def user(self, id_: str) -> str:
        """The pseudonym of a user's id as the source has it."""
        return self._through("user", id_, 0)

    def users(self, ids: pl.Series) -> pl.Series:
        """[N] pseudonyms of users' ids; null stays null."""
        return self._column("user", ids, distinct=True)

    def events(self, ids: pl.Series) -> pl.Series:
        """[N] the same of events' ids."""
        return self._column("event", ids, distinct=False)

    def values(self, texts: pl.Series) -> pl.Series:
        """[N] keyed hashes of an attribute that a policy hashes."""
        return self._column("value", texts, distinct=True)

    def steps(self, id_: str) -> list[str]:
        """A user's id as it was before any key, after the first, …, after all."""
        found = [id_]
        for depth in range(len(self.keys)):
            found.append(self._step("user", found[-1], depth))
        return found

    def raised(self, kind: str, ids: pl.Series) -> pl.Series:
        """[N] ids with the newest key put on top of those that lack it; those that have it stay."""
        top = len(self.keys) - 1
        done = ids.str.contains(_shape(kind, top + 1))
        return self._map(ids, lambda id_: self._step(kind, id_, top), ~done.fill_null(True))

    def _column(self, kind: str, ids: pl.Series, *, distinct: bool) -> pl.Series:
        import polars as pl

        if not distinct:
            made = [None if v is None else self._through(kind, v, 0) for v in ids.to_list()]
            return pl.Series(ids.name, made, pl.String)
        return self._map(ids, lambda id_: self._through(kind, id_, 0), ids.is_not_null())

    @staticmethod
    def _map(ids: pl.Series, one: Callable[[str], str], where: pl.Series) -> pl.Series:
        import polars as pl

        # a keyed hash has no column form: one call a distinct id
        old = ids.filter(where).unique()
        new = pl.Series([one(v) for v in old.to_list()], dtype=pl.String)
        return ids.replace(old, new) if len(old) else ids

    def _through(self, kind: str, id_: str, depth: int) -> str:
        for n in range(depth, len(self.keys)):
            id_ = self._step(kind, id_, n)
        return id_

    def _step(self, kind: str, id_: str, depth: int) -> str:
        message = self._begun[kind, depth].copy()
        message.update(id_.encode())
        return f"{LETTERS[kind]}{depth + 1}_{message.hexdigest()[:32]}"

    @cached_property
    def _begun(self) -> dict[tuple[str, int], hmac.HMAC]:
        """Each key with the kind of text already in it: half the time of beginning anew."""
        return {
            (kind, depth): hmac.new(key, f"{kind}\0".encode(), "sha256")
            for kind in LETTERS
            for depth, key in enumerate(self.keys)
        }


def _shape(kind: str, depth: int) -> str:
    return rf"^{LETTERS[kind]}{depth}_[0-9a-f]{{32}}$"


def key_id(keys: tuple[bytes, ...]) -> str:
    return f"{len(keys)}-{sha256(b'kg key id' + b''.join(keys)).hexdigest()[:12]}"


def depth_of(id_: str) -> int:
    """How many keys the ring of this name has."""
    return int(id_.partition("-")[0])


def is_pseudonym(id_: str, depth: int) -> bool:
    return re.match(_shape("user", depth), id_) is not None


def new_key() -> bytes:
    return secrets.token_bytes(32)


def configured(chosen: Settings | None = None) -> Keyring | None:
    """The ring that KG_PSEUDONYM_KEY_FILE names or KG_PSEUDONYM_KEY holds; None where neither is
    set. Raises ConfigError."""
    chosen = chosen or settings()
    if chosen.pseudonym_key_file is not None:
        return read_ring(chosen.pseudonym_key_file)
    if chosen.pseudonym_key is not None:
        return _parse(chosen.pseudonym_key.get_secret_value(), "KG_PSEUDONYM_KEY")
    return None


def read_ring(path: Path) -> Keyring:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"pseudonym keys {path}: cannot be read ({_why(e)})") from e
    return _parse(text, f"pseudonym keys {path}")


def _why(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or "" if isinstance(error, OSError) else "not text"


def _parse(text: str, where: str) -> Keyring:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    words = " ".join(lines).replace(",", " ").split()
    if not words or not all(_KEY.fullmatch(word) for word in words):
        # never the text itself: it is a secret
        raise ConfigError(
            f"{where}: not keys of 64 hexadecimal digits; `kg keys new FILE` makes one"
        )
    return Keyring(tuple(bytes.fromhex(word) for word in words))


def write_ring(path: Path, ring: Keyring) -> None:
    """A new file for its owner's eyes. Raises ConfigError where it exists or cannot be written."""
    text = _HEAD + "".join(f"{key.hex()}\n" for key in ring.keys)
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as e:
        raise ConfigError(f"{path} exists: keys are never overwritten; name another file") from e
    except OSError as e:
        raise ConfigError(f"cannot write {path}: {e.strerror}") from e
    with os.fdopen(file, "w", encoding="utf-8") as sink:
        sink.write(text)
        sink.flush()
        os.fsync(sink.fileno())
