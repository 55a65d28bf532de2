"""Readers beside a writer: who may look at the file while somebody changes it.

The engine lets a read-only process open a file that another process writes, and does not protect
it afterwards: once the writer has checkpointed, pages the reader has yet to fetch hold something
else, and it answers with wrong rows. (An open issue of the engine; a writer's own threads have
similar races.) So every read holds this lock shared, and everything that changes committed pages
(commit, checkpoint, opening and closing to write) holds it exclusively, and counts the changes so
that a reader knows when to open the file anew. Bulk work before a commit only writes pages that
nobody refers to yet, and is done without it.

Two lock files lie beside the store: `.lock`, and `.gate`, which a waiting writer keeps shut so that
a stream of readers cannot keep it out. The operating system releases both when a process dies.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from kg.errors import StoreUnavailable

PATIENCE_S = 300.0
_POLL_S = 0.005
_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)


class FileLock:
    def __init__(self, store: Path) -> None:
        self._store = store
        self._lock = store.with_name(store.name + ".lock")
        self._gate = store.with_name(store.name + ".gate")

    @contextmanager
    def shared(self) -> Iterator[int]:
        """Nobody changes the file meanwhile. Yields the number of changes so far."""
        with self._opened(os.O_RDONLY) as files:
            if files is None:  # nobody has ever written here, and we cannot either
                yield 0
                return
            lock, gate = files
            deadline = time.monotonic() + PATIENCE_S
            self._take(gate, fcntl.LOCK_SH, deadline)
            self._take(lock, fcntl.LOCK_SH, deadline)
            fcntl.flock(gate, fcntl.LOCK_UN)
            yield _count(lock)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Nobody reads the file meanwhile."""
        with self._opened(os.O_RDWR) as files:
            if files is None:
                raise StoreUnavailable(f"{self._store}: no permission to write beside it")
            lock, gate = files
            deadline = time.monotonic() + PATIENCE_S
            self._take(gate, fcntl.LOCK_EX, deadline)
            self._take(lock, fcntl.LOCK_EX, deadline)
            # before the change: a writer that dies in it has changed the file all the same
            os.pwrite(lock, (_count(lock) + 1).to_bytes(8, "little"), 0)
            yield

    @contextmanager
    def _opened(self, how: int) -> Iterator[tuple[int, int] | None]:
        """Both files, made where they are missing; None where that is not allowed."""
        with ExitStack() as files:  # closing them releases what was taken
            try:
                lock = _open(self._lock, how)
                files.callback(os.close, lock)
                gate = _open(self._gate, how)
                files.callback(os.close, gate)
            except OSError as e:
                if e.errno not in _NOT_ALLOWED:
                    raise StoreUnavailable(f"{self._store}: {e.strerror}") from e
                yield None
                return
            yield lock, gate

    def _take(self, file: int, how: int, deadline: float) -> None:
        while True:
            try:
                fcntl.flock(file, how | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StoreUnavailable(
                        f"{self._store}: in use by others for {PATIENCE_S:.0f} s; try again"
                    ) from None
                time.sleep(_POLL_S)


def _open(path: Path, how: int) -> int:
    try:
        return os.open(path, how | os.O_CLOEXEC)
    except FileNotFoundError:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


def _count(file: int) -> int:
    return int.from_bytes(os.pread(file, 8, 0), "little")
