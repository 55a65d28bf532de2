"""`GraphStore` on an embedded Ladybug file: `ladybug://relative/path` or `ladybug:///absolute`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import pyarrow as pa

from kg.around import around
from kg.errors import ConfigError, StoreError, StoreUnavailable, WriteRefused
from kg.ladybug_store import catalog, export, few, guard, load, plan, query, release, replace
from kg.ladybug_store.columns import Rows
from kg.ladybug_store.engine import Engine, Writing, acquire, one_line
from kg.ladybug_store.engine import release as give_back
from kg.ladybug_store.nearest import nearest
from kg.ladybug_store.tables import count
from kg.profile import embedded
from kg.schema import NODE_BY_LABEL
from kg.store import Nearest, PlanStep, QueryResult, ReleaseTables, Snapshot, WriteCount

SCHEME = "ladybug://"


class LadybugStore:
    dialect: Literal["ladybug", "neo4j"] = "ladybug"

    def __init__(self, url: str, engine: Engine, *, read_only: bool) -> None:
        self.url = url
        self._engine: Engine | None = engine
        self._read_only = read_only

    @classmethod
    def open(cls, url: str, *, read_only: bool = False) -> Self:
        """Handles on one file share it within a process. Raises `StoreUnavailable` (another process
        writes to it), `NotFound` (nothing there to read), `StoreError` (no Ladybug file)."""
        path = url.removeprefix(SCHEME)
        if not path or path == url:
            raise ConfigError(f"store URL {url!r}: say ladybug://PATH")
        return cls(url, acquire(Path(path), read_only=read_only), read_only=read_only)

    def ensure_schema(self, attributes: Mapping[str, pa.Schema] | None = None) -> None:
        self._may_write()
        with self._reading() as connection:
            complete = not catalog.missing(connection, attributes or {})
        if complete:
            return
        with self._writing() as writing:
            for statement in catalog.missing(writing.connection, attributes or {}):
                writing.connection.execute(statement)

    def missing_schema(self) -> list[str]:
        with self._reading() as connection:
            return catalog.missing(connection, {})

    def attributes(self) -> dict[str, pa.Schema]:
        with self._reading() as connection:
            return catalog.attributes(connection)

    def counts(self) -> dict[str, int]:
        with self._reading() as connection:
            return export.counts(connection)

    def bulk_load(self, table: str, rows: Rows) -> WriteCount:
        with self._writing() as writing:
            return load.bulk_load(writing, table, rows)

    def upsert(self, table: str, rows: Rows) -> WriteCount:
        with self._writing(keeps_ids=True) as writing:
            return load.upsert(writing, table, rows)

    def export(
        self,
        nodes: Mapping[str, Sequence[str]],
        edges: Mapping[str, Sequence[str]],
        *,
        until: int | None = None,
    ) -> Snapshot:
        with self._reading() as connection:
            return export.export(connection, nodes, edges, until)

    def write_release(self, tables: ReleaseTables) -> dict[str, WriteCount]:
        with self._writing(keeps_ids=True) as writing:
            return release.write_release(writing, tables)

    def around(
        self,
        users: Sequence[str],
        edges: Mapping[str, Sequence[str]],
        *,
        friend_events: int | None = None,
    ) -> Snapshot:
        with self._reading() as connection:
            return around(
                users,
                edges,
                partial(few.there, connection),
                lambda asks: [few.asked(connection, ask) for ask in asks],
                friend_events,
            )

    def renew_profiles(
        self, users: pa.Table, edges: Mapping[str, pa.Table]
    ) -> dict[str, WriteCount]:
        with self._writing(keeps_ids=True) as writing:
            return few.renew_profiles(writing, users, edges)

    def nearest(
        self, label: str, vector: Sequence[float], k: int, *, exact: bool = False
    ) -> Nearest:
        node = NODE_BY_LABEL[embedded(label)]
        with self._reading() as connection:
            return nearest(connection, node, vector, k)  # this file has no index: always exact

    def replace_edges(self, table: str, rows: pa.Table) -> WriteCount:
        with self._writing(keeps_ids=True) as writing:
            return replace.replace_edges(writing, table, rows)

    def query(
        self,
        text: str,
        params: Mapping[str, Any] | None = None,
        *,
        read_only: bool = True,
        timeout_s: float = 30.0,
        max_rows: int = 10_000,
    ) -> QueryResult:
        params = params or {}
        if not read_only:
            self._may_write()
        found = query.checked(text, params, read_only=read_only)
        if read_only:
            with self._reading() as connection:
                return query.run(connection, text, found, params, timeout_s, max_rows)
        with self._writing(keeps_ids=guard.brings_no_edges(found)) as writing:
            return query.run(writing.connection, text, found, params, timeout_s, max_rows)

    def explain(self, text: str, params: Mapping[str, Any] | None = None) -> list[PlanStep]:
        given = params or {}
        query.checked(text, given, read_only=True)
        found = query.checked(f"EXPLAIN {text}", given, read_only=True)
        with self._reading() as connection:
            rows = query.run(connection, f"EXPLAIN {text}", found, given, 30.0, 1).rows
        return plan.steps(str(rows[0][0]))

    def delete_users(self, user_ids: Sequence[str]) -> WriteCount:
        ids = list(dict.fromkeys(user_ids))
        node = NODE_BY_LABEL["User"]
        with self._writing(keeps_ids=True) as writing:
            before = count(writing.connection, node)
            if ids:
                writing.connection.execute(
                    f"LOAD FROM $rows MATCH (n:{node.label} {{{node.key}: c0}}) DETACH DELETE n",
                    {"rows": pa.table({"c0": pa.array(ids, pa.string())})},
                )
            deleted = before - count(writing.connection, node)
        return WriteCount(deleted=deleted, unchanged=len(ids) - deleted)

    def close(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            give_back(engine, read_only=self._read_only)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        with self._explained(), self._open().reading() as connection:
            yield connection

    @contextmanager
    def _writing(self, *, keeps_ids: bool = False) -> Iterator[Writing]:
        self._may_write()
        with self._explained(), self._open().writing(keeps_ids=keeps_ids) as writing:
            yield writing

    def _open(self) -> Engine:
        if self._engine is None:
            raise StoreUnavailable(f"{self.url}: this handle is closed")
        return self._engine

    def _may_write(self) -> None:
        if self._read_only:
            raise WriteRefused(f"{self.url}: opened to read only")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """The engine's own errors as ours."""
        try:
            yield
        except RuntimeError as e:
            raise StoreError(f"{self.url}: {one_line(e)}") from e
        except OSError as e:
            raise StoreUnavailable(f"{self.url}: {e.strerror}") from e
