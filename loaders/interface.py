"""What a source gives and what staging leaves behind: the seam between bytes and the graph.

A source turns files into *raw batches*; `loaders.stage` cleans them, drops duplicates, writes one
folder of Parquet files per table of `kg.schema` and returns a `Staged`. Nothing has touched a store
by then, so a load that fails or is refused (`--strict`) has changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

Progress = Callable[[str, int, int | None], None]
"""`progress(label, done, total)`; total is None where it is not known."""

REJECT_COLUMNS = ("file", "line", "reason", "raw")


class FileReport(BaseModel):
    """One file's rows: `rows == written + merged + rejected`, always."""

    file: str
    holds: str
    """What its rows are: "ratings", "reviews", "items", "friends", …; "not read" for a file in the
    folder that the source does not know."""
    rows: int
    written: int
    merged: int
    """Duplicates of a row that is written, here or earlier in the load."""
    rejected: int


class FieldReport(BaseModel):
    """What became of a field at the loader's door."""

    field: str
    """table.property"""
    action: str
    """drop | mask | hash | keep"""
    rows: int = 0
    """Rows in which something was masked, or hashed."""
    found: dict[str, int] = {}
    """Rows by what was masked in them."""


class LoadReport(BaseModel):
    source: str
    files: list[FileReport]
    findings: dict[str, int] = {}
    """Rows in which a check found something, rejected or not; a row may be in several ("rating off
    the scale 1 to 5", "exact duplicate", "no user", "cancellation", "outlier price"). The one that
    counts something else is "keys with several rows": keys."""
    reject_reasons: dict[str, int] = {}
    tables: dict[str, int] = {}
    """Rows staged by table."""
    rejects: str | None = None
    """The rejects file, where there are any."""
    protection: list[FieldReport] = []
    """Every field of the load, and what became of it."""
    key_id: str | None = None
    """The pseudonym key users' ids were hashed with; null where they are the source's own."""
    tombstones: int = 0
    """How many erased users this load knew of, whose rows it rejects."""

    @property
    def rows(self) -> int:
        return sum(f.rows for f in self.files)

    @property
    def written(self) -> int:
        return sum(f.written for f in self.files)

    @property
    def merged(self) -> int:
        return sum(f.merged for f in self.files)

    @property
    def rejected(self) -> int:
        return sum(f.rejected for f in self.files)


@dataclass(frozen=True)
class Staged:
    """Cleaned tables on disk. Keys are unique within a table (node key, `eventId`, or src+dst), and
    both ends of every edge are in the node tables."""

    folder: Path
    tables: Mapping[str, Sequence[Path]]
    attributes: Mapping[str, pa.Schema]
    """Columns a source adds to what `kg.schema` declares, by table."""
    report: LoadReport

    def batches(self, table: str, rows: int = 200_000) -> Iterator[pa.Table]:
        """The table in pieces of at most `rows` rows, in declared column types."""
        for path in self.tables[table]:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=rows):
                    yield pa.Table.from_batches([batch])
