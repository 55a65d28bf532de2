"""A checksum beside a file that was closed, by which damage that came since is found.

The engine checks no page when it reads one. So the writer who closes a file last leaves its
checksum in `.sum`, whoever opens the file compares, and whoever opens it to write takes the
checksum away first. A file whose writer was killed has none until it is closed again.

A large file that is as old and as long as when it was closed is not summed for those who only read:
damage to it that left no trace in the folder is found by the next writer.

A sum of 64-bit words over each page of 4 KiB, and BLAKE2b over the sums: it runs at the speed of
memory, and a changed bit, a page that is another's, zeroed, missing or torn shows. It is no proof
against somebody who means harm.
"""

from __future__ import annotations

import json
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import numpy as np

from kg.errors import StoreError

PAGE = 4096
AT_ONCE = 1 << 26
"""Bytes summed together."""


LARGE = 1 << 28
"""Bytes from which a sum takes longer (0.1 s) than opening the file."""


def check(path: Path, *, read_only: bool) -> None:
    """While nobody has the file open here: closing it drops the engine's lock. Raises StoreError
    where it is not what was closed."""
    try:
        said = json.loads(_sum_of(path).read_text(encoding="ascii"))
        known = said["bytes"], said["checksum"]
        closed_at = said["modified"], said["inode"]
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise StoreError(f"{_sum_of(path)}: cannot be read ({e}); remove it to go on") from e
    if not path.exists():
        return
    now = path.stat()
    untouched = now.st_size == known[0] and (now.st_mtime_ns, now.st_ino) == closed_at
    if read_only and untouched and now.st_size >= LARGE:
        return
    if known != (now.st_size, _checksum(path)):
        raise StoreError(
            f"{path}: not the file that was closed: damaged, or another was put in its place. Take "
            f"a copy of before or load anew; where it shall be this one, remove {_sum_of(path)}"
        )


def remove(path: Path) -> None:
    _sum_of(path).unlink(missing_ok=True)


def write(path: Path) -> None:
    """Where there is no room for it, there is none: what was written is safe without."""
    now = path.stat()
    said = json.dumps({"bytes": now.st_size, "checksum": _checksum(path),
                       "modified": now.st_mtime_ns, "inode": now.st_ino})  # fmt: skip
    part = path.with_name(path.name + ".sum.part")
    try:
        part.write_text(said, encoding="ascii")
        part.replace(_sum_of(path))
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _sum_of(path: Path) -> Path:
    return path.with_name(path.name + ".sum")


def _checksum(path: Path) -> str:
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(AT_ONCE):
            block += bytes(-len(block) % PAGE)
            words = np.frombuffer(block, np.uint64).reshape(-1, PAGE // 8)
            digest.update(words.sum(axis=1, dtype=np.uint64).tobytes())
    return digest.hexdigest()
