"""A bulk commit that was killed: all of it, or none.

The engine's log holds what a transaction did except the rows it copied in; those are safe only
when the checkpoint that ends the commit is done. Killed between the two, it replays the rest: the
edge table is replaced, and empty. So a bulk commit announces itself in a file first, with the rows
each table will have, and begins with an empty log. Whoever opens the store and finds the
announcement lets the engine recover and counts. Where rows are missing, the file goes back to what
it was when it was found (the last checkpoint, which the killed commit has only added pages to), and
the log, which holds nothing but that commit, goes.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ladybug

from kg.errors import StoreError
from kg.ladybug_store.catalog import target
from kg.ladybug_store.tables import count

_OF_THE_ENGINE = (
    ".wal",
    ".wal.checkpoint",
    ".shadow",
    ".checkpoint.intent.lock",
    ".checkpoint.apply.lock",
)


def log_of(path: Path) -> Path:
    return _beside(path, ".wal")


def announce(path: Path, rows: Mapping[str, int]) -> None:
    """Before the commit: the rows each table it copies into will have."""
    _write(_announcement(path), json.dumps(dict(rows)).encode())


def withdraw(path: Path) -> None:
    """After its checkpoint."""
    _announcement(path).unlink(missing_ok=True)


def is_announced(path: Path) -> bool:
    return _announcement(path).exists()


def recover(path: Path, open_to_write: Callable[[], Any]) -> bool:
    """Under the exclusive lock, with no database open. Returns whether the commit was finished;
    otherwise it is undone. Can be killed and done again."""
    try:
        rows = json.loads(_announcement(path).read_bytes())
        found = _beside(path, ".undo")
        if not found.exists():
            _copy(path, found)
        complete = _is_complete(open_to_write, rows)
        if not complete:
            for name in _OF_THE_ENGINE:
                _beside(path, name).unlink(missing_ok=True)
            found.replace(path)
            _sync(path.parent)
        found.unlink(missing_ok=True)
        withdraw(path)
        return complete
    except OSError as e:
        raise StoreError(
            f"{path}: a write was cut off, and undoing it failed: {e.strerror}; make room for "
            f"a copy of the file beside it and open it again"
        ) from e


def _is_complete(open_to_write: Callable[[], Any], rows: Mapping[str, int]) -> bool:
    try:
        with open_to_write() as database, ladybug.Connection(database) as connection:
            return all(count(connection, target(name)) == n for name, n in rows.items())
    except (RuntimeError, StoreError):
        return False


def _announcement(path: Path) -> Path:
    return _beside(path, ".bulk")


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _copy(source: Path, copy: Path) -> None:
    part = _beside(copy, ".part")
    shutil.copyfile(source, part)
    _sync(part)
    part.replace(copy)
    _sync(copy.parent)


def _write(path: Path, content: bytes) -> None:
    part = _beside(path, ".part")
    part.write_bytes(content)
    _sync(part)
    part.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
