"""`GraphStore` over a Neo4j server (Community is enough), 5.26 or newer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import pyarrow as pa

from kg.errors import StoreUnavailable, WriteRefused
from kg.neo4j_store import ddl, few, text
from kg.neo4j_store.connection import Server, connect, run
from kg.neo4j_store.delete import delete_users
from kg.neo4j_store.export import export
from kg.neo4j_store.kinds import edge_kind, kind_of, node_kind
from kg.neo4j_store.query import explain, query
from kg.neo4j_store.release import write_release
from kg.neo4j_store.replace import replace_edges
from kg.neo4j_store.vector_index import nearest
from kg.neo4j_store.write import bulk_load, upsert
from kg.profile import embedded
from kg.schema import EDGE_TABLES, NODE_BY_LABEL
from kg.store import (
    GraphStore,
    Nearest,
    PlanStep,
    QueryResult,
    ReleaseTables,
    Snapshot,
    WriteCount,
)


class Neo4jStore:
    """Docstrings of the methods: `kg.store.GraphStore`."""

    dialect: Literal["ladybug", "neo4j"] = "neo4j"

    def __init__(self, server: Server, *, read_only: bool) -> None:
        self.url = server.url
        self.server_version = server.version
        self._open: Server | None = server
        self._read_only = read_only

    @classmethod
    def open(cls, url: str, *, read_only: bool = False) -> Self:
        """Credentials and database from `NEO4J_*` (`kg.config.Neo4jSettings`). Raises ConfigError
        or StoreUnavailable within about five seconds."""
        return cls(connect(url), read_only=read_only)

    def ensure_schema(self, attributes: Mapping[str, pa.Schema] | None = None) -> None:
        ddl.ensure_schema(self._writer(), attributes)

    def missing_schema(self) -> list[str]:
        return list(ddl.missing_constraints(self._server()))

    def attributes(self) -> dict[str, pa.Schema]:
        added = ddl.read_attributes(self._server())
        return {
            table: pa.schema([(name, type_.arrow) for name, type_ in columns.items()])
            for table, columns in added.items()
            if columns
        }

    def counts(self) -> dict[str, int]:
        statement = text.counts(NODE_BY_LABEL, EDGE_TABLES.values())
        found = self._server().read(lambda tx: run(tx, statement).values())
        return {name: n for name, n in found if n}

    def bulk_load(self, table: str, rows: pa.Table | Iterable[pa.Table]) -> WriteCount:
        server = self._writer()
        return bulk_load(server, kind_of(table, ddl.read_attributes(server)), rows)

    def upsert(self, table: str, rows: pa.Table | Iterable[pa.Table]) -> WriteCount:
        server = self._writer()
        return upsert(server, kind_of(table, ddl.read_attributes(server)), rows)

    def export(
        self,
        nodes: Mapping[str, Sequence[str]],
        edges: Mapping[str, Sequence[str]],
        *,
        until: int | None = None,
    ) -> Snapshot:
        server = self._server()
        return export(server, nodes, edges, ddl.read_attributes(server), until)

    def write_release(self, tables: ReleaseTables) -> dict[str, WriteCount]:
        return write_release(self._writer(), tables)

    def around(
        self,
        users: Sequence[str],
        edges: Mapping[str, Sequence[str]],
        *,
        friend_events: int | None = None,
    ) -> Snapshot:
        return self._server().read(
            partial(few.around, users=users, edges=edges, friend_events=friend_events)
        )

    def renew_profiles(
        self, users: pa.Table, edges: Mapping[str, pa.Table]
    ) -> dict[str, WriteCount]:
        return few.renew_profiles(self._writer(), users, edges)

    def nearest(
        self, label: str, vector: Sequence[float], k: int, *, exact: bool = False
    ) -> Nearest:
        return nearest(self._server(), node_kind(embedded(label), {}), vector, k, exact=exact)

    def replace_edges(self, table: str, rows: pa.Table) -> WriteCount:
        return replace_edges(self._writer(), edge_kind(table, {}), rows)

    def query(
        self,
        text: str,
        params: Mapping[str, Any] | None = None,
        *,
        read_only: bool = True,
        timeout_s: float = 30.0,
        max_rows: int = 10_000,
    ) -> QueryResult:
        server = self._server() if read_only else self._writer()
        return query(
            server,
            text,
            params or {},
            read_only=read_only,
            timeout_s=timeout_s,
            max_rows=max_rows,
        )

    def explain(self, text: str, params: Mapping[str, Any] | None = None) -> list[PlanStep]:
        return explain(self._server(), text, params or {})

    def delete_users(self, user_ids: Sequence[str]) -> WriteCount:
        return delete_users(self._writer(), node_kind("User", {}), user_ids)

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def _server(self) -> Server:
        if self._open is None:
            raise StoreUnavailable(f"{self.url} was closed; open it again")
        return self._open

    def _writer(self) -> Server:
        server = self._server()
        if self._read_only:
            raise WriteRefused(f"{self.url} was opened to read only")
        return server


if TYPE_CHECKING:
    _fits: type[GraphStore] = Neo4jStore
