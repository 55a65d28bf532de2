"""Vectors of single texts out of a cache of every encoder; all keys there are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gnn.text_cache import HEADER, MAGIC, SUFFIX, Keys, Shard, TextCache, open_shard


def erase(cache: Path, keys: Keys) -> int:
    """Remove the vectors of these keys; returns how many there were. A shard is written anew
    without them before the old one goes. Raises CacheError."""
    removed = 0
    for folder, shard in _shards(cache):
        gone = _among(shard.keys, keys)
        if not gone.any():
            continue
        kept = TextCache(folder, shard.vectors.shape[1])
        kept.append(shard.keys[~gone], np.asarray(shard.vectors[~gone]))
        shard.path.unlink(missing_ok=True)
        removed += int(gone.sum())
    return removed


def cached_keys(cache: Path) -> Iterator[Keys]:
    """[n, 2] of each shard."""
    for _, shard in _shards(cache):
        yield shard.keys


def _shards(cache: Path) -> Iterator[tuple[Path, Shard]]:
    for path in sorted(cache.glob(f"*/*{SUFFIX}")):
        with path.open("rb") as file:
            head = file.read(HEADER.size)
        if len(head) == HEADER.size and head.startswith(MAGIC):
            shard = open_shard(path, HEADER.unpack(head)[2])
            if shard is not None:
                yield path.parent, shard


def _among(keys: Keys, wanted: Keys) -> NDArray[np.bool_]:
    pair = np.dtype([("a", np.uint64), ("b", np.uint64)])
    flat = np.ascontiguousarray(keys).view(pair).reshape(-1)
    found: NDArray[np.bool_] = np.isin(flat, np.ascontiguousarray(wanted).view(pair).reshape(-1))
    return found
