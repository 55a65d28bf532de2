"""What a caller gives to write → checked rows, readable twice, in parts of one transaction.

Batches from an iterable are checked one by one and kept in a temporary file, so that nothing is
written before the last of them was seen to be right, and memory holds one at a time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import numpy as np
import polars as pl
import pyarrow as pa

from kg.errors import StoreError
from kg.neo4j_store.checks import checked
from kg.neo4j_store.kinds import EdgeKind, NodeKind

TRANSACTION_ROWS = 50_000
TRANSACTION_BYTES = 32 << 20
"""What one transaction may hold: a server with the default heap takes ten of these at a time."""

STATEMENT_ROWS = 10_000

SORTED_ROWS, SORTED_BYTES = 2_000_000, 1 << 28
"""Rows of a load that are put in order together."""


@dataclass(frozen=True)
class Rows:
    """Checked rows of one table."""

    batches: Callable[[], Iterator[pa.Table]]
    num_rows: int
    nbytes: int

    def transactions(self, by: tuple[str, ...] = ()) -> Iterator[pa.Table]:
        """Parts that one transaction can hold: in the order given, or each in the order of the
        columns `by`, as far as memory allows with neighbours in one transaction or the next."""
        if not by:
            return _parts(self.batches(), self.transaction_rows)
        ordered = (in_order(group, by) for group in self.groups())
        return _parts(ordered, self.transaction_rows)

    def groups(self) -> Iterator[pa.Table]:
        """Parts that memory can hold while they are put in order."""
        return _parts(self.batches(), self._size(SORTED_ROWS, SORTED_BYTES))

    @property
    def transaction_rows(self) -> int:
        return self._size(TRANSACTION_ROWS, TRANSACTION_BYTES)

    def _size(self, rows: int, nbytes: int) -> int:
        """Rows of a part that has at most so many rows and bytes."""
        return max(1, min(rows, nbytes * self.num_rows // self.nbytes)) if self.nbytes else rows


def _parts(tables: Iterable[pa.Table], size: int) -> Iterator[pa.Table]:
    """The same rows in tables of `size`."""
    waiting: list[pa.Table] = []
    n = 0
    for table in tables:
        for piece in pieces(table, size):
            waiting.append(piece)
            n += piece.num_rows
            if n >= size:
                joined = pa.concat_tables(waiting)
                yield joined.slice(0, size)
                waiting, n = [joined.slice(size)], n - size
    if n:
        yield pa.concat_tables(waiting)


def in_order(table: pa.Table, by: tuple[str, ...]) -> pa.Table:
    frame = pl.from_arrow(table.select(list(dict.fromkeys(by))))
    assert isinstance(frame, pl.DataFrame)
    order = frame.with_row_index("kg row").sort(by)["kg row"]
    return table.take(order.to_arrow())


@contextmanager
def gathered(kind: NodeKind | EdgeKind, given: pa.Table | Iterable[pa.Table]) -> Iterator[Rows]:
    """Raises StoreError as `checked` does, and where batches differ in their columns."""
    if isinstance(given, pa.Table):
        table = checked(kind, given)
        yield Rows(lambda: iter((table,)), table.num_rows, table.nbytes)
        return
    with tempfile.TemporaryFile(prefix="kg-") as spool:
        yield _spooled(kind, given, spool)


def _spooled(kind: NodeKind | EdgeKind, given: Iterable[pa.Table], spool: IO[bytes]) -> Rows:
    writer: pa.ipc.RecordBatchStreamWriter | None = None
    rows = nbytes = 0
    for batch in given:
        table = checked(kind, batch)
        if writer is None:
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            schema = table.schema
            writer = pa.ipc.new_stream(spool, schema, options=options)
        elif set(table.column_names) != set(schema.names):
            raise StoreError(
                f"{kind.name}: one batch has the columns {schema.names}, another "
                f"{table.column_names}"
            )
        writer.write_table(table.select(schema.names))
        rows, nbytes = rows + table.num_rows, nbytes + table.nbytes
    if writer is None:
        return Rows(lambda: iter(()), 0, 0)
    writer.close()

    def batches() -> Iterator[pa.Table]:
        spool.seek(0)
        for batch in pa.ipc.open_stream(spool):
            yield pa.Table.from_batches([batch])

    return Rows(batches, rows, nbytes)


def pieces(table: pa.Table, size: int = STATEMENT_ROWS) -> Iterator[pa.Table]:
    for start in range(0, table.num_rows, size):
        yield table.slice(start, size)


def last_of_each_key(table: pa.Table, key: tuple[str, ...]) -> pa.Table:
    """Without the rows that a later row of the same key overwrites."""
    frame = pl.from_arrow(table.select(list(key)))
    assert isinstance(frame, pl.DataFrame)
    kept = frame.with_row_index("kg row").unique(list(key), keep="last")["kg row"].sort()
    return table if len(kept) == table.num_rows else table.take(kept.to_arrow())


def refuse_repeated_keys(kind: NodeKind | EdgeKind, rows: Rows) -> None:
    """Raises StoreError where a key comes twice: CREATE would make two of it."""
    hashes = [np.empty(0, np.uint64)]
    for batch in rows.batches():
        frame = pl.from_arrow(batch.select(list(kind.key)))
        assert isinstance(frame, pl.DataFrame)
        hashes.append(frame.hash_rows(seed=0).to_numpy())
    every = np.sort(np.concatenate(hashes))
    repeated = np.count_nonzero(every[1:] == every[:-1])
    if repeated:
        raise StoreError(
            f"{kind.name}: {repeated} rows repeat the {' and '.join(kind.key)} of another row; "
            "upsert takes such rows, the last one wins"
        )
