"""The usual practice beside which ours is measured: what tutorials and first versions do.

Each takes the same tables of `kg.schema` and writes VIEWED under another name, so that the graph
under measurement stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ladybug
import neo4j
import polars as pl
import pyarrow as pa
import pyarrow.csv

from kg.config import Neo4jSettings

EDGE = "USUAL"
COLUMNS = ("eventId", "at", "weight")


class OnNeo4j:
    def __init__(self, url: str) -> None:
        settings = Neo4jSettings()
        secret = settings.secret()
        auth = None if secret is None else (settings.username, secret)
        self.driver = neo4j.GraphDatabase.driver(url, auth=auth)
        self.database = settings.database

    def close(self) -> None:
        self.clear()
        self.driver.close()

    def clear(self) -> None:
        while self._run(f"MATCH ()-[e:{EDGE}]->() WITH e LIMIT 20000 DELETE e RETURN count(*)"):
            pass
        self._run(f"DROP CONSTRAINT bench_{EDGE} IF EXISTS")

    def row_by_row(self, rows: pa.Table) -> None:
        """One MERGE statement a row."""
        with self.driver.session(database=self.database) as session:
            for row in rows.to_pylist():
                session.run(
                    "MERGE (u:User {userId: $src}) MERGE (i:Item {itemId: $dst}) "
                    f"MERGE (u)-[e:{EDGE} {{eventId: $eventId}}]->(i) "
                    "SET e.at = $at, e.weight = $weight",
                    row,
                ).consume()

    def merged(self, rows: pa.Table, name: str = EDGE, size: int = 10_000) -> None:
        """UNWIND over a list of maps, MERGE user, MERGE item, MERGE edge."""
        text = (
            "UNWIND $rows AS r MERGE (u:User {userId: r.src}) MERGE (i:Item {itemId: r.dst}) "
            f"MERGE (u)-[e:{name} {{eventId: r.eventId}}]->(i) SET e.at = r.at, e.weight = r.weight"
        )
        with self.driver.session(database=self.database) as session:
            for at in range(0, rows.num_rows, size):
                batch = rows.slice(at, size).to_pylist()
                session.execute_write(lambda tx, b: tx.run(text, rows=b).consume(), batch)

    def constrain(self) -> None:
        """No event twice, as our own schema has it."""
        self._run(
            f"CREATE CONSTRAINT bench_{EDGE} IF NOT EXISTS "
            f"FOR ()-[e:{EDGE}]-() REQUIRE e.eventId IS UNIQUE"
        )

    def floor(self, rows: pa.Table, size: int = 20_000) -> None:
        """The least a statement can do for these rows: columns, look-ups by key, CREATE."""
        rows = rows.sort_by([("src", "ascending"), ("dst", "ascending")])
        text = (
            "UNWIND range(0, size($src) - 1) AS k "
            "MATCH (u:User {userId: $src[k]}) MATCH (i:Item {itemId: $dst[k]}) "
            f"CREATE (u)-[:{EDGE} {{eventId: $eventId[k], at: $at[k], weight: $weight[k]}}]->(i)"
        )
        with self.driver.session(database=self.database) as session:
            for at in range(0, rows.num_rows, size):
                columns = {n: Quiet(c.to_pylist()) for n, c in _columns(rows.slice(at, size))}
                session.execute_write(lambda tx, c: tx.run(text, c).consume(), columns)

    def records(self, limit: int) -> int:
        """A record for every edge."""
        text = (
            "MATCH (u:User)-[e:VIEWED]->(i:Item) RETURN u.userId AS src, i.itemId AS dst, "
            f"e.eventId AS eventId, e.at AS at, e.weight AS weight LIMIT {limit}"
        )
        with self.driver.session(database=self.database) as session:
            return len([record.data() for record in session.run(text)])

    def _run(self, text: str) -> int:
        with self.driver.session(database=self.database) as session:
            found = session.run(text).single()  # type: ignore[arg-type] # made of constants above
        return int(found[0]) if found else 0


class OnLadybug:
    """A file of its own: one process holds one writer on a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = ladybug.Database(folder / "usual.lbug", max_db_size=1 << 40)
        self.connection = ladybug.Connection(self.database)
        self.connection.execute("CREATE NODE TABLE User(userId STRING PRIMARY KEY)")
        self.connection.execute("CREATE NODE TABLE Item(itemId STRING PRIMARY KEY)")
        for name in (EDGE, "FLOOR"):
            self.connection.execute(
                f"CREATE REL TABLE {name}(FROM User TO Item, eventId STRING, at INT64, "
                "weight DOUBLE)"
            )
        self.connection.execute("CREATE NODE TABLE U(id INT64 PRIMARY KEY)")
        self.connection.execute("CREATE NODE TABLE I(id INT64 PRIMARY KEY)")
        self.connection.execute("CREATE REL TABLE BARE(FROM U TO I)")

    def close(self) -> None:
        self.connection.close()
        self.database.close()

    def nodes(self, users: pa.ChunkedArray, items: pa.ChunkedArray) -> None:
        for label, keys in (("User", users), ("Item", items)):
            self.connection.execute(f"COPY {label} FROM $rows", {"rows": pa.table({"c0": keys})})
        for label, keys in (("U", users), ("I", items)):
            numbers = pa.table({"c0": pa.array(range(len(keys)))})
            self.connection.execute(f"COPY {label} FROM $rows", {"rows": numbers})

    def write_csv(self, rows: pa.Table) -> Path:
        file = self.folder / "edges.csv"
        pa.csv.write_csv(rows, file)
        return file

    def from_csv(self, file: Path) -> None:
        self.connection.execute(f"COPY {EDGE} FROM '{file}' (header=true)")
        self.connection.execute("CHECKPOINT")

    def floor(self, rows: pa.Table) -> None:
        """A bare COPY of the same columns."""
        self._copy("FLOOR", rows)

    def bare(self, rows: pa.Table) -> None:
        """A bare COPY of two integer keys, and nothing else on the edge."""
        self._copy("BARE", rows)

    def _copy(self, name: str, rows: pa.Table) -> None:
        rows = rows.rename_columns([f"c{k}" for k in range(rows.num_columns)])
        self.connection.execute(f"COPY {name} FROM $rows", {"rows": rows})
        self.connection.execute("CHECKPOINT")

    def row_by_row(self, rows: pa.Table) -> None:
        self.merged(rows, size=1)

    def merged(self, rows: pa.Table, size: int = 10_000) -> None:
        """UNWIND over a list of maps, MATCH both ends, MERGE the edge."""
        text = (
            "UNWIND $rows AS r MATCH (a:User {userId: r.src}) MATCH (b:Item {itemId: r.dst}) "
            f"MERGE (a)-[e:{EDGE} {{eventId: r.eventId}}]->(b) SET e.at = r.at, e.weight = r.weight"
        )
        for at in range(0, rows.num_rows, size):
            self.connection.execute(text, {"rows": rows.slice(at, size).to_pylist()})

    def records(self, limit: int) -> int:
        """A Python list for every edge."""
        text = (
            f"MATCH (a:User)-[e:{EDGE}]->(b:Item) "
            f"RETURN a.userId, b.itemId, e.eventId, e.at, e.weight LIMIT {limit}"
        )
        found, n = self.connection.execute(text), 0
        while found.has_next():
            found.get_next()
            n += 1
        return n


class Quiet(list[Any]):
    """The driver formats every parameter for a debug line."""

    def __repr__(self) -> str:
        return "<values>"


def _columns(rows: pa.Table) -> Iterator[tuple[str, pa.ChunkedArray]]:
    yield from zip(rows.column_names, rows.columns, strict=True)


def numbers(keys: pa.ChunkedArray) -> pa.Array:
    """`u17` → 17."""
    found = pl.from_arrow(keys)
    assert isinstance(found, pl.Series)
    return found.str.slice(1).cast(pl.Int64).to_arrow()
