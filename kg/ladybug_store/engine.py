"""One open database file per process, shared by every handle on it: readings and writings.

A *reading* is a connection in a read-only transaction under the shared lock. A *writing* is the
process's one write transaction: others go on reading until it commits, which takes the exclusive
lock for that moment only.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import ladybug

from kg.errors import NotFound, StoreError, StoreUnavailable
from kg.ladybug_store import crash, seal
from kg.ladybug_store.known import EventIds
from kg.ladybug_store.lock import PATIENCE_S, FileLock
from kg.ladybug_store.memory import buffer_bytes

MAGIC = b"LBUG"
CHECKPOINT_BYTES = 1 << 28
"""Log size at which a commit checkpoints by itself; bulk writes do so when they are done."""
MAX_FILE_BYTES = 1 << 40
"""Address space kept for a file; the engine's own 8 TiB leaves room for few files in a process."""

Connection = ladybug.Connection


def one_line(error: BaseException) -> str:
    """What the engine said, without its pointers into the text and its links."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("See the docs", "^"))]
    return " ".join(kept).removeprefix("Runtime exception: ")


class Writing:
    """A write transaction. What is in `at_commit` runs last, while nobody reads: statements that
    other connections of this process must not see half done (the engine shows them a DROP)."""

    def __init__(self, engine: Engine, connection: Any) -> None:
        self.connection = connection
        self.at_commit: list[tuple[str, dict[str, Any]]] = []
        self.rows: dict[str, int] = {}
        """Of tables that were copied into: the rows they must have afterwards."""
        self.is_bulk = False
        self.ids = engine.ids
        self._engine = engine

    def bulk(self) -> None:
        """To be called before the first change of work that copies: it needs an empty log, and is
        folded into the file when it is done. Small writes stay in the log for a while."""
        if not self.is_bulk:
            self._engine.empty_log(self.connection)
            self.is_bulk = True


class Engine:
    """An open file. Made and shared by `acquire`, given back by `release`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.handles = 0
        self.writers = 0
        self.ids = EventIds()
        self._lock = FileLock(path)
        self._database: Any = None
        self._writable = False
        self._seen: object = None
        self._opening = threading.Lock()
        self._one_writer = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Any]:
        with self._readable() as database, ladybug.Connection(database) as connection:
            connection.execute("BEGIN TRANSACTION READ ONLY")
            yield connection  # closing it ends the transaction

    @contextmanager
    def writing(self, *, keeps_ids: bool = False) -> Iterator[Writing]:
        """`keeps_ids`: it brings no event, or adds to `ids` what it brings."""
        with self._alone(), ladybug.Connection(self._open_now()) as connection:
            if not keeps_ids:
                self.ids.forget()
            connection.execute("BEGIN TRANSACTION")
            writing = Writing(self, connection)
            try:
                yield writing
                with self._lock.exclusive():
                    self._commit(writing)
            except BaseException:
                _roll_back(connection)
                raise

    def empty_log(self, connection: Any) -> None:
        """In a transaction that has changed nothing yet."""
        log = crash.log_of(self.path)
        if log.exists() and log.stat().st_size:
            connection.execute("ROLLBACK")
            with self._lock.exclusive():
                connection.execute("CHECKPOINT")
            connection.execute("BEGIN TRANSACTION")

    def _commit(self, writing: Writing) -> None:
        connection = writing.connection
        connection.set_query_timeout(0)
        for statement, parameters in writing.at_commit:
            connection.execute(statement, parameters)
        if not writing.is_bulk:
            connection.execute("COMMIT")
            return
        crash.announce(self.path, writing.rows)
        try:
            connection.execute("COMMIT")
            connection.execute("CHECKPOINT")
        except BaseException as e:
            connection.close()
            self._close_database()
            done = crash.recover(self.path, lambda: self._open_file(read_only=False))
            self._database = self._open_file(read_only=False)
            if not isinstance(e, RuntimeError):
                raise
            if not done:  # the engine would say that it was committed
                said = one_line(e).split("will be recovered on restart:")[-1].strip()
                raise StoreError(f"{self.path}: nothing was written: {said}") from e
        crash.withdraw(self.path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One thread writes at a time; a write within a write would wait for itself."""
        if not self._one_writer.acquire(timeout=PATIENCE_S):
            raise StoreUnavailable(f"{self.path}: this process has been writing for too long")
        try:
            yield
        finally:
            self._one_writer.release()

    def open_to_write(self) -> None:
        if self._writable:
            return
        with self._lock.exclusive(), self._opening:  # in the order in which readers take them
            self._close_database()
            self._database = self._open(read_only=False)
            self._writable = True

    def close(self) -> None:
        """The writer's database, or all of it when nobody is left."""
        # closing a writer's folds the log into the file
        with self._lock.exclusive() if self._writable else nullcontext(), self._opening:
            whole = self._writable and self._database is not None
            self._close_database()
            self._writable = False
            if whole and not crash.log_of(self.path).exists():
                seal.write(self.path)

    @contextmanager
    def _readable(self) -> Iterator[Any]:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with self._lock.shared() as changes:
                try:
                    yield self._current(changes)
                    return
                except _Unfinished as e:
                    if time.monotonic() > deadline:
                        raise StoreUnavailable(str(e)) from e
            self._recover()

    def _current(self, changes: int) -> Any:
        """The database as committed now. Nobody else is using an older one: it became older under
        the exclusive lock."""
        with self._opening:
            if self._writable:
                return self._open_now()
            now = (changes, self.path.stat().st_ino)
            if self._database is None or self._seen != now:
                self._close_database()
                self._database = self._open(read_only=True)
                self._seen = now
            return self._database

    def _recover(self) -> None:
        """A writer died in a commit: opening to write finishes or undoes it."""
        with self._lock.exclusive():
            try:
                self._open(read_only=False).close()
            except StoreUnavailable:  # a writer is alive after all, and does it
                time.sleep(0.1)

    def _open(self, *, read_only: bool) -> Any:
        if crash.is_announced(self.path):
            if read_only:
                raise _Unfinished(f"{self.path}: a write was cut off and cannot be finished")
            crash.recover(self.path, lambda: self._open_file(read_only=False))
        seal.check(self.path, read_only=read_only)
        if not read_only:
            seal.remove(self.path)
        return self._open_file(read_only=read_only)

    def _open_file(self, *, read_only: bool) -> Any:
        try:
            return ladybug.Database(
                self.path,
                read_only=read_only,
                buffer_pool_size=buffer_bytes(),
                max_db_size=MAX_FILE_BYTES,
                checkpoint_threshold=CHECKPOINT_BYTES,
            )
        except RuntimeError as e:
            said = one_line(e)
            if "Could not set lock" in said:
                pid = re.search(r"PID (\d+)", said)
                who = f"process {pid[1]}" if pid else "another process"
                raise StoreUnavailable(
                    f"{self.path}: {who} is writing to it; wait for it, or open it to read only"
                ) from e
            if "read-only mode while checkpoint" in said:
                raise _Unfinished(f"{self.path}: {said}") from e
            raise StoreError(f"{self.path}: cannot be opened: {said}") from e

    def _open_now(self) -> Any:
        if self._database is None:
            raise StoreUnavailable(f"{self.path}: a write failed and left it shut; open it anew")
        return self._database

    def _close_database(self) -> None:
        self.ids.forget()  # from here on others may write
        if self._database is not None:
            self._database.close()
            self._database = None


class _Unfinished(Exception):
    pass


def _roll_back(connection: Any) -> None:
    try:
        connection.execute("ROLLBACK")
    except RuntimeError as e:
        if not any(said in str(e) for said in ("No active transaction", "closed")):
            raise  # otherwise the error that brought us here has ended it already


_engines: dict[Path, Engine] = {}
_registry = threading.Lock()


def acquire(path: Path, *, read_only: bool) -> Engine:
    """The process's engine for a file, opened. Raises `StoreUnavailable`, `NotFound`,
    `StoreError`."""
    path = path.resolve()
    with _registry:
        engine = _engines.get(path)
        if engine is None:
            _check(path, read_only=read_only)
            engine = Engine(path)
        if read_only:
            with engine.reading():
                pass
        else:
            engine.open_to_write()
            engine.writers += 1
        engine.handles += 1
        _engines[path] = engine
        return engine


def release(engine: Engine, *, read_only: bool) -> None:
    with _registry:
        engine.handles -= 1
        engine.writers -= not read_only
        if not engine.handles:
            del _engines[engine.path]
        if not engine.handles or (not read_only and not engine.writers):
            engine.close()


def _check(path: Path, *, read_only: bool) -> None:
    """Only before this process has the file open: closing any descriptor of it here would drop the
    engine's lock on it."""
    if path.is_dir():
        raise StoreError(f"{path}: a folder; an embedded store is a file")
    if not path.parent.is_dir():
        raise StoreUnavailable(f"{path}: there is no folder {path.parent}")
    if not path.exists():
        if read_only:
            raise NotFound(f"{path}: no store there yet; `kg load SOURCE PATH…` makes one")
        return
    try:
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
    except OSError as e:
        raise StoreUnavailable(f"{path}: {e.strerror}") from e
    if start and start != MAGIC:
        raise StoreError(f"{path}: not a Ladybug database; name another file")
    if not start and read_only:
        raise NotFound(f"{path}: an empty file; `kg load SOURCE PATH…` makes a store of it")
