"""The store seam: what the rest of the system asks of a graph database. Read this first.

Everything bulk is an Arrow table as `kg.schema` declares it. Adapters import this file and nothing
imports an adapter: `open_store` finds it by the URL's scheme.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from types import TracebackType
from typing import Any, Literal, Protocol, Self
from urllib.parse import urlsplit

import pyarrow as pa

from kg.errors import ConfigError


@dataclass(frozen=True)
class WriteCount:
    """What a write did. `created + updated + unchanged` equals the rows sent, or the write raised
    `CountMismatch` and left nothing behind."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    touched: tuple[pa.Array, ...] | None = field(default=None, compare=False, repr=False)
    """Keys of the users at the edges that were created or updated, perhaps of a few more; None
    where the store does not tell: of nodes, and of a bulk load."""

    def numbers(self) -> dict[str, int]:
        """To be shown: how many, and never who."""
        return {
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "deleted": self.deleted,
        }

    def __add__(self, other: WriteCount) -> WriteCount:
        told = [c.touched for c in (self, other) if c.created or c.updated]
        known = [t for t in told if t is not None]
        return WriteCount(
            self.created + other.created,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.deleted + other.deleted,
            sum(known, ()) if len(known) == len(told) else None,
        )


@dataclass(frozen=True)
class QueryResult:
    """Rows of a reader's query, bounded by its row cap. Values are plain Python: nodes and
    relationships come as dicts of their properties, vectors as lists of floats."""

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool = False

    def records(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class PlanStep:
    """One step of a query's plan, fed by the steps after it that are one deeper."""

    depth: int
    operator: str
    """In the store's own words"""
    details: str
    rows: float | None = None
    """How many the store expects; None where it does not say"""


@dataclass(frozen=True)
class Snapshot:
    """Arrays for the model. `nodes[label]` has the key column and the columns asked for; a node's
    row in it is its integer id. `edges[table]` has `src`, `dst` as those ids (int64) and the
    columns asked for."""

    nodes: dict[str, pa.Table]
    edges: dict[str, pa.Table]
    consistent: bool = True
    """False when another writer was at work while it was read."""
    until: int | None = None


@dataclass(frozen=True)
class Nearest:
    """Nodes by the cosine of their embedding with a vector, highest first."""

    keys: list[str]
    cosine: list[float]
    """Of the whole vectors, float32 accuracy."""
    exact: bool
    """False: found through the server's approximate index, which may miss some."""


@dataclass(frozen=True)
class ReleaseTables:
    """What a publish writes, in one step for the reader."""

    release: pa.Table
    """One row of the ProfileRelease node."""
    users: pa.Table
    """userId and columns of `kg.profile.USER_PROFILE`; a declared column that is absent is set to
    null."""
    items: pa.Table
    """itemId and columns of `kg.profile.ITEM_PROFILE`."""
    edges: dict[str, pa.Table] = field(default_factory=dict)
    """Edge tables written by us; each replaces all there was in it."""
    categories: pa.Table | None = None
    """Derived categories (`derived` true), where the source has none. Those of earlier releases are
    removed, with their IN_CATEGORY edges, by every publish."""
    item_category: pa.Table | None = None
    """IN_CATEGORY edges of the derived categories."""


class GraphStore(Protocol):
    """A property graph with columnar doors. Every method raises `StoreUnavailable` within seconds
    where the server or file cannot be reached."""

    url: str
    """As opened, without credentials."""
    dialect: Literal["ladybug", "neo4j"]

    def ensure_schema(self, attributes: Mapping[str, pa.Schema] | None = None) -> None:
        """Constraints, tables and columns of `kg.schema` and `kg.profile`. Idempotent. `attributes`
        names columns a source adds to a table ("User" → country: string)."""

    def missing_schema(self) -> list[str]:
        """What `ensure_schema` would make: names of constraints, or statements. Not empty after an
        offline import, say; without its keys a server looks at every node to find one."""

    def attributes(self) -> dict[str, pa.Schema]:
        """Columns that sources added to what `kg.schema` and `kg.profile` declare, by table; only
        tables that have any."""

    def counts(self) -> dict[str, int]:
        """Rows of every node label and edge table that has any."""

    def bulk_load(self, table: str, rows: pa.Table | Iterable[pa.Table]) -> WriteCount:
        """First load into an empty table: the store's fastest path. Keys are unique in `rows`
        (the loader saw to it); an edge whose end is missing raises `CountMismatch`."""

    def upsert(self, table: str, rows: pa.Table | Iterable[pa.Table]) -> WriteCount:
        """Idempotent: the same rows twice give the same graph; a known key takes the columns given
        (null overwrites) and keeps the others. Duplicate keys in `rows`: last row wins."""

    def export(
        self,
        nodes: Mapping[str, Sequence[str]],
        edges: Mapping[str, Sequence[str]],
        *,
        until: int | None = None,
    ) -> Snapshot:
        """Columns of whole tables as arrays, in bounded memory. `until` keeps events with
        `at` < until (and those without a time)."""

    def write_release(self, tables: ReleaseTables) -> dict[str, WriteCount]:
        """Publish: a reader sees the old profile of a user or the new one, never a mix (beside a
        publish on a server: read through `kg.steady`). Only what differs from what is live is
        written, value by value, exactly; a row that stays keeps the `modelVersion` that last
        changed it. Counts: `unchanged` rows were left alone, `deleted` profiles were cleared."""

    def around(
        self,
        users: Sequence[str],
        edges: Mapping[str, Sequence[str]],
        *,
        friend_events: int | None = None,
    ) -> Snapshot:
        """What a few users' profiles are made of, at a cost that grows with them alone: of the
        event and social tables in `edges` (with the columns asked for) all ties of these users,
        all events of theirs, and of those they listen to all events, or the latest `friend_events`
        of each type. `nodes["User"]` begins with `users` that are there, in the order given;
        `nodes["Item"]` has what the events touch."""

    def renew_profiles(
        self, users: pa.Table, edges: Mapping[str, pa.Table]
    ) -> dict[str, WriteCount]:
        """Some users' profiles anew: the columns given of `kg.profile.USER_PROFILE` (others stay),
        and all edges from these users in the tables given. A reader of a user sees the old or the
        new. Raises CountMismatch for users and ends that are not there."""

    def nearest(
        self, label: str, vector: Sequence[float], k: int, *, exact: bool = False
    ) -> Nearest:
        """The `k` nodes of a label ("User", "Item") whose `embedding` is nearest to `vector`, ties
        by key. Nodes without one, with one of zeros or of another width are not asked; a vector of
        zeros is near to nothing. `exact` reads all vectors, even where the store has an index."""

    def replace_edges(self, table: str, rows: pa.Table) -> WriteCount:
        """All edges of a table we write, for these; all or nothing."""

    def query(
        self,
        text: str,
        params: Mapping[str, Any] | None = None,
        *,
        read_only: bool = True,
        timeout_s: float = 30.0,
        max_rows: int = 10_000,
    ) -> QueryResult:
        """One statement. Raises `WriteRefused`, `QueryError`, `QueryTimeout`."""

    def explain(self, text: str, params: Mapping[str, Any] | None = None) -> list[PlanStep]:
        """How the store would answer a reader's query; nothing is run. Raises as `query`."""

    def delete_users(self, user_ids: Sequence[str]) -> WriteCount:
        """The nodes and everything attached to them."""

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None: ...


STORES: dict[str, str] = {
    "ladybug": "kg.ladybug_store:LadybugStore",
    "bolt": "kg.neo4j_store:Neo4jStore",
    "bolt+s": "kg.neo4j_store:Neo4jStore",
    "bolt+ssc": "kg.neo4j_store:Neo4jStore",
    "neo4j": "kg.neo4j_store:Neo4jStore",
    "neo4j+s": "kg.neo4j_store:Neo4jStore",
    "neo4j+ssc": "kg.neo4j_store:Neo4jStore",
}


def open_store(url: str, *, read_only: bool = False) -> GraphStore:
    """Open `ladybug://PATH`, `bolt://HOST:PORT` or `neo4j://HOST:PORT` (credentials come from the
    environment, never from the URL). Raises `ConfigError` for a scheme nobody serves."""
    scheme = urlsplit(url).scheme
    if scheme not in STORES:
        known = ", ".join(f"{s}://" for s in STORES)
        if not scheme:
            raise ConfigError(
                f"store URL {url!r}: a file's is ladybug://{url}, a server's begins "
                f"with one of {known}"
            )
        raise ConfigError(f"store URL {url!r}: scheme {scheme!r} is not one of {known}")
    module, name = STORES[scheme].split(":")
    store: GraphStore = getattr(import_module(module), name).open(url, read_only=read_only)
    return store
