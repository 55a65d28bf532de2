"""Text keys → vectors on disk: memory-mapped float16 shards that are written once and checked.

A shard is one file: a header, the keys (16 bytes each), the vectors. It is written under another
name, flushed and renamed, so it is there whole or not at all; sizes and checksums find one that was
torn or altered all the same, and it is dropped and its texts encoded again. Several processes may
read and write one folder: the worst that happens is that two of them encode the same text.
No text is stored; a key is the BLAKE2b-128 hash of one.
"""

from __future__ import annotations

import fcntl
import os
import struct
import tempfile
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gnn.errors import CacheError

Keys = NDArray[np.uint64]
"""[N, 2]: the two halves of a 16-byte hash."""
Halves = NDArray[np.float16]

MAGIC = b"KGTEXT1\n"
HEADER = struct.Struct("<8sQQII")  # magic, rows, dim, checksum of keys, checksum of vectors
SUFFIX, UNFINISHED = ".shard", ".part"


@dataclass
class Shard:
    path: Path
    keys: Keys
    vectors: Halves
    """[n, dim], mapped, not read."""
    checksum: int
    checked: bool = False

    def sound(self) -> bool:
        """Whether the vectors are those that were written; reads them all the first time."""
        if not self.checked:
            self.checked = zlib.crc32(self.vectors.reshape(-1).view(np.uint8).data) == self.checksum
        return self.checked


@dataclass
class TextCache:
    """The shards of one folder, that is, of one encoder with one way of pooling."""

    folder: Path
    dim: int
    shards: dict[str, Shard] = field(default_factory=dict)
    _index: tuple[Keys, NDArray[np.int64], list[Shard]] | None = None

    def __post_init__(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for path in self.folder.glob("*" + UNFINISHED):
                _sweep(path)
        except OSError as e:
            raise _unwritable(self.folder, e) from e

    def find(self, keys: Keys) -> tuple[NDArray[np.bool_], Halves]:
        """Which of the keys are known [N], and the vectors of those [known, dim], in order."""
        self._rescan()
        while True:
            known, vectors, broken = self._look_up(keys)
            if not broken:
                return known, vectors
            for shard in broken:
                self._drop(shard.path)

    def append(self, keys: Keys, vectors: Halves) -> None:
        """Keep [N, dim] vectors. Raises CacheError, and leaves nothing, if they cannot be."""
        if not len(keys):
            return
        keys, vectors = np.ascontiguousarray(keys), np.ascontiguousarray(vectors)
        name = blake2b(keys.tobytes(), digest_size=16).hexdigest() + SUFFIX
        try:
            _write(self.folder / name, keys, vectors)
        except OSError as e:
            raise _unwritable(self.folder, e) from e

    def _rescan(self) -> None:
        """Open what this or another process has added, forget what is gone."""
        there = {p.name: p for p in self.folder.glob("*" + SUFFIX)}
        new = [name for name in sorted(there) if name not in self.shards]
        gone = [name for name in self.shards if name not in there]
        if not new and not gone and self._index is not None:
            return
        for name in gone:
            del self.shards[name]
        for name in new:
            shard = open_shard(there[name], self.dim)
            if shard is None:
                self._drop(there[name])
            else:
                self.shards[name] = shard
        self._reindex()

    def _reindex(self) -> tuple[Keys, NDArray[np.int64], list[Shard]]:
        shards = list(self.shards.values())
        keys = np.concatenate([np.empty((0, 2), np.uint64), *(s.keys for s in shards)])
        order = np.lexsort((keys[:, 1], keys[:, 0]))
        self._index = keys[order], order, shards
        return self._index

    def _look_up(self, keys: Keys) -> tuple[NDArray[np.bool_], Halves, list[Shard]]:
        stored, order, shards = self._index or self._reindex()
        if not len(stored):
            return np.zeros(len(keys), bool), np.empty((0, self.dim), np.float16), []
        # By the first half; where two keys share it (one in 10^7 caches of a million), the second
        # key is not found and its text is encoded each time.
        at = np.minimum(np.searchsorted(stored[:, 0], keys[:, 0]), len(stored) - 1)
        known = (stored[at] == keys).all(1)
        row = order[at[known]]
        ends = np.cumsum([len(s.keys) for s in shards])
        owner = np.searchsorted(ends, row, side="right")
        broken = [shards[k] for k in np.unique(owner) if not shards[k].sound()]
        vectors = np.empty((len(row), self.dim), np.float16)
        if not broken:
            for k in np.unique(owner):
                mine = owner == k
                begin = ends[k] - len(shards[k].keys)
                vectors[mine] = shards[k].vectors[row[mine] - begin]
        return known, vectors, broken

    def _drop(self, path: Path) -> None:
        self.shards.pop(path.name, None)
        self._index = None
        try:
            path.unlink(missing_ok=True)
        except OSError as e:
            raise _unwritable(path, e) from e


def open_shard(path: Path, dim: int) -> Shard | None:
    """None if the file is not a whole shard of this width."""
    try:
        with path.open("rb") as file:
            head = file.read(HEADER.size)
            if len(head) < HEADER.size:
                return None
            magic, rows, width, key_sum, vector_sum = HEADER.unpack(head)
            whole = HEADER.size + rows * (16 + 2 * width)
            if magic != MAGIC or width != dim or os.fstat(file.fileno()).st_size != whole:
                return None
            raw = file.read(rows * 16)
            if zlib.crc32(raw) != key_sum:
                return None
        vectors = np.memmap(path, np.float16, "r", HEADER.size + len(raw), (rows, width))
    except FileNotFoundError:
        return None
    except OSError as e:
        raise CacheError(f"text cache {path}: {e.strerror}; check its permissions") from e
    return Shard(path, np.frombuffer(raw, np.uint64).reshape(rows, 2), vectors, vector_sum)


def _write(path: Path, keys: Keys, vectors: Halves) -> None:
    raw, body = keys.tobytes(), vectors.reshape(-1).view(np.uint8).data
    head = HEADER.pack(MAGIC, *vectors.shape, zlib.crc32(raw), zlib.crc32(body))
    handle, temporary = tempfile.mkstemp(suffix=UNFINISHED, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)  # while it is held, somebody is at it
            file.write(head + raw)
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
            os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _sweep(path: Path) -> None:
    """Remove what a killed writer left."""
    with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()


def _unwritable(path: Path, error: OSError) -> CacheError:
    return CacheError(
        f"text cache {path}: {error.strerror}; free some space or choose another folder (KG_HOME)"
    )
