"""How profiles are usually written back: maps through UNWIND, edges deleted and created; and the
least a statement can do for the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Protocol

import ladybug
import neo4j
import pyarrow as pa

from benchmarks.usual import Quiet
from kg.config import Neo4jSettings

NAMES = ("score", "rank", "basis", "evidenceCount", "topEvidence", "evidenceShare", "asOf",
         "horizonDays", "modelVersion")  # fmt: skip
BATCH = 1_000
EDGES = 2_500
"""Of a bare statement: whole users' edges."""


Floor = tuple[str, Callable[[], None]]
"""How the least of a step is done, and that."""


class Usual(Protocol):
    users: int
    """Whose rows are enough to measure by"""
    how: dict[str, str]

    def vectors(self, users: pa.Table) -> None: ...

    def profiles(self, users: pa.Table) -> None: ...

    def edges(self, rows: pa.Table) -> None: ...

    def floors(self, users: pa.Table, edges: pa.Table) -> dict[str, Floor]: ...

    def without_index(self) -> None: ...

    def close(self) -> None: ...


class OnNeo4j:
    users = 20_000
    how: ClassVar = {
        "embeddings": "SET of lists in maps, 1,000 a batch",
        "15 properties": "SET u += map, 1,000 a batch",
        "replaced edges": "delete and create of maps, 1,000 a batch",
    }

    def __init__(self, url: str) -> None:
        settings = Neo4jSettings()
        secret = settings.secret()
        auth = None if secret is None else (settings.username, secret)
        self.driver = neo4j.GraphDatabase.driver(url, auth=auth)
        self.database = settings.database

    def close(self) -> None:
        self.driver.close()

    def vectors(self, users: pa.Table) -> None:
        self._each(
            "UNWIND $rows AS r MATCH (u:User {userId: r.userId}) SET u.embedding = r.embedding",
            users.select(["userId", "embedding"]),
        )

    def profiles(self, users: pa.Table) -> None:
        self._each("UNWIND $rows AS r MATCH (u:User {userId: r.userId}) SET u += r", users)

    def edges(self, rows: pa.Table) -> None:
        create = (
            "UNWIND $rows AS r MATCH (u:User {userId: r.src}) MATCH (i:Item {itemId: r.dst}) "
            f"CREATE (u)-[:INTERESTED_IN {{{', '.join(f'{n}: r.{n}' for n in NAMES)}}}]->(i)"
        )
        delete = "UNWIND $ids AS id MATCH (:User {userId: id})-[e:INTERESTED_IN]->(:Item) DELETE e"
        with self.driver.session(database=self.database) as session:
            for at in range(0, rows.num_rows, BATCH):
                batch = rows.slice(at, BATCH).to_pylist()
                ids = sorted({r["src"] for r in batch})

                def replace(
                    tx: neo4j.ManagedTransaction, ids: list[str], batch: list[dict[str, Any]]
                ) -> None:
                    tx.run(delete, ids=ids).consume()
                    tx.run(create, rows=batch).consume()

                session.execute_write(replace, ids, batch)

    def floors(self, users: pa.Table, edges: pa.Table) -> dict[str, Floor]:
        """Columns in key order, look-ups by key, nothing checked or compared."""
        edges = edges.sort_by([("src", "ascending"), ("dst", "ascending")])
        return {
            "embeddings": ("SET of a column, nothing else", lambda: self._bare_vectors(users)),
            "replaced edges": (
                f"DELETE and CREATE of columns, {len(NAMES)} properties",
                lambda: self._bare_edges(edges),
            ),
        }

    def _bare_vectors(self, users: pa.Table) -> None:
        text = (
            "UNWIND range(0, size($ids) - 1) AS k MATCH (u:User {userId: $ids[k]}) "
            "SET u.embedding = $vectors[k]"
        )
        width = users["embedding"].type.list_size
        with self.driver.session(database=self.database) as session:
            for at in range(0, users.num_rows, BATCH):
                part = users.slice(at, BATCH).combine_chunks()
                flat = part["embedding"].chunk(0).flatten().to_numpy().reshape(-1, width)
                given = {"ids": Quiet(part["userId"].to_pylist()), "vectors": Quiet(flat.tolist())}
                session.execute_write(lambda tx, g: tx.run(text, g).consume(), given)

    def _bare_edges(self, rows: pa.Table) -> None:
        delete = (
            "UNWIND $ids AS id MATCH (u:User {userId: id}) "
            "MATCH (u)-[e:INTERESTED_IN]->(:Item) DELETE e"
        )
        create = (
            "UNWIND range(0, size($src) - 1) AS k "
            "MATCH (u:User {userId: $src[k]}) MATCH (i:Item {itemId: $dst[k]}) "
            f"CREATE (u)-[:INTERESTED_IN {{{', '.join(f'{n}: ${n}[k]' for n in NAMES)}}}]->(i)"
        )

        def replace(tx: neo4j.ManagedTransaction, ids: Quiet, columns: dict[str, Quiet]) -> None:
            tx.run(delete, ids=ids).consume()
            tx.run(create, columns).consume()

        names = ["src", "dst", *NAMES]
        with self.driver.session(database=self.database) as session:
            for at in range(0, rows.num_rows, EDGES):
                part = rows.slice(at, EDGES)
                ids = Quiet(part["src"].unique().to_pylist())
                columns = {n: Quiet(part[n].to_pylist()) for n in names}
                session.execute_write(replace, ids, columns)

    def without_index(self) -> None:
        self.driver.execute_query("DROP INDEX kg_User_embedding IF EXISTS", database_=self.database)

    def _each(self, text: str, rows: pa.Table) -> None:
        with self.driver.session(database=self.database) as session:
            for at in range(0, rows.num_rows, BATCH):
                batch = rows.slice(at, BATCH).to_pylist()
                session.execute_write(lambda tx, b: tx.run(text, rows=b).consume(), batch)


class OnLadybug:
    """A file of its own: one process holds one writer on a file."""

    users = 2_000
    how: ClassVar = {
        "embeddings": "SET of a FLOAT[64] by maps, 1,000 a batch",
        "15 properties": "SET by maps, 1,000 a batch",
        "replaced edges": "delete and create of maps, 1,000 a batch",
    }

    def __init__(self, folder: Path) -> None:
        self.database = ladybug.Database(folder / "usual.lbug", max_db_size=1 << 40)
        self.connection = ladybug.Connection(self.database)
        self.columns: list[str] = []
        self.has_items = False

    def close(self) -> None:
        self.connection.close()
        self.database.close()

    def vectors(self, users: pa.Table) -> None:
        self._there(users)
        text = "UNWIND $rows AS r MATCH (u:User {userId: r.userId}) SET u.embedding = r.embedding"
        self._each(text, users.select(["userId", "embedding"]))

    def profiles(self, users: pa.Table) -> None:
        self._there(users)
        sets = ", ".join(f"u.{c} = r.{c}" for c in self.columns)
        self._each(f"UNWIND $rows AS r MATCH (u:User {{userId: r.userId}}) SET {sets}", users)

    def edges(self, rows: pa.Table) -> None:
        self._ends_there(rows)
        create = (
            "UNWIND $rows AS r MATCH (u:User {userId: r.src}) MATCH (i:Item {itemId: r.dst}) "
            f"CREATE (u)-[:INTERESTED_IN {{{', '.join(f'{n}: r.{n}' for n in NAMES)}}}]->(i)"
        )
        delete = (
            "UNWIND $rows AS r MATCH (u:User {userId: r.src})-[e:INTERESTED_IN]->(i:Item) DELETE e"
        )
        for at in range(0, rows.num_rows, BATCH):
            batch = rows.slice(at, BATCH)
            self._each(delete, pa.table({"src": batch["src"].unique()}))
            self._each(create, batch)

    def floors(self, users: pa.Table, edges: pa.Table) -> dict[str, Floor]:
        """None for so few rows; `benchmarks.bare_profiles` for all of them."""
        return {}

    def without_index(self) -> None:
        """There is none."""

    def _there(self, users: pa.Table) -> None:
        if self.columns:
            return
        self.columns = [c for c in users.column_names if c != "userId"]
        types = {pa.float64(): "DOUBLE", pa.int64(): "INT64", pa.string(): "STRING"}
        declared = [
            f"{c} {types.get(users.schema.field(c).type, 'FLOAT[64]')}" for c in self.columns
        ]
        self.connection.execute(
            f"CREATE NODE TABLE User(userId STRING PRIMARY KEY, {', '.join(declared)})"
        )
        rows = pa.table({"c0": users["userId"]})
        self.connection.execute("COPY User(userId) FROM $rows", {"rows": rows})

    def _ends_there(self, rows: pa.Table) -> None:
        if self.has_items:
            return
        self.has_items = True
        self.connection.execute("CREATE NODE TABLE Item(itemId STRING PRIMARY KEY)")
        items = pa.table({"c0": rows["dst"].unique()})
        self.connection.execute("COPY Item FROM $rows", {"rows": items})
        types = {"score": "DOUBLE", "evidenceShare": "DOUBLE", "basis": "STRING",
                 "modelVersion": "STRING", "topEvidence": "STRING[]"}  # fmt: skip
        declared = ", ".join(f"{n} {types.get(n, 'INT64')}" for n in NAMES)
        self.connection.execute(f"CREATE REL TABLE INTERESTED_IN(FROM User TO Item, {declared})")

    def _each(self, text: str, rows: pa.Table) -> None:
        for at in range(0, rows.num_rows, BATCH):
            self.connection.execute(text, {"rows": rows.slice(at, BATCH).to_pylist()})
