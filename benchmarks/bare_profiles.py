"""A release replaced as the engine's own way has it: tables dropped, created and copied whole,
with nothing compared, checked or kept beside them."""

from __future__ import annotations

from pathlib import Path

import ladybug
import pyarrow as pa

from kg.store import ReleaseTables

COPY_ROWS = 200_000
TYPES = {pa.float64(): "DOUBLE", pa.int64(): "INT64", pa.string(): "STRING",
         pa.list_(pa.string()): "STRING[]"}  # fmt: skip
JOINS = {"INTERESTED_IN.Category": ("User", "Category"), "INTERESTED_IN.Item": ("User", "Item")}


class Bare:
    """A file of its own, in which nothing else refers to the nodes."""

    def __init__(self, folder: Path, release: ReleaseTables) -> None:
        self.release = release
        self.database = ladybug.Database(
            folder / "bare.lbug", max_db_size=1 << 40, checkpoint_threshold=1 << 30
        )
        self.connection = ladybug.Connection(self.database)
        self.connection.execute("CREATE NODE TABLE Category(categoryId STRING PRIMARY KEY)")
        ends = release.edges["INTERESTED_IN.Category"]["dst"].unique()
        self._copy("COPY Category FROM $rows", pa.table({"categoryId": ends}))
        self._create()
        self.connection.execute("CHECKPOINT")

    def close(self) -> None:
        self.connection.close()
        self.database.close()

    def replace(self) -> None:
        self.connection.execute("BEGIN TRANSACTION")
        for name in ("INTERESTED_IN", "User", "Item"):
            self.connection.execute(f"DROP TABLE {name}")
        self._create()
        self.connection.execute("COMMIT")
        self.connection.execute("CHECKPOINT")

    def _create(self) -> None:
        for label, rows in (("User", self.release.users), ("Item", self.release.items)):
            first, *_ = rows.column_names
            declared = ", ".join(f"{c} {_type(rows, c)}" for c in rows.column_names)
            self.connection.execute(f"CREATE NODE TABLE {label}({declared}, PRIMARY KEY ({first}))")
            self._copy(f"COPY {label} FROM $rows", rows)
        some = self.release.edges["INTERESTED_IN.Item"]
        pairs = ", ".join(f"FROM {a} TO {b}" for a, b in JOINS.values())
        declared = ", ".join(f"{c} {_type(some, c)}" for c in some.column_names[2:])
        self.connection.execute(f"CREATE REL TABLE INTERESTED_IN({pairs}, {declared})")
        for name, (a, b) in JOINS.items():
            text = f"COPY INTERESTED_IN FROM $rows (from='{a}', to='{b}')"
            self._copy(text, self.release.edges[name])

    def _copy(self, text: str, rows: pa.Table) -> None:
        rows = rows.rename_columns([f"c{k}" for k in range(rows.num_columns)])
        for at in range(0, rows.num_rows, COPY_ROWS):
            self.connection.execute(text, {"rows": rows.slice(at, COPY_ROWS)})


def _type(rows: pa.Table, column: str) -> str:
    kind = rows.schema.field(column).type
    return TYPES.get(kind) or f"FLOAT[{kind.list_size}]"
