"""Rows of a bulk load → rounds of blocks, one block a writer, no two of which lock the same node.

Who creates an edge locks both its ends until the transaction is over, so two writers of any rows
wait for each other, or deadlock. Nodes are put in N parts by a hash of their key, and an edge
belongs to the cell (part of src, part of dst). In round r writer w has the cell (w, (w + r) mod N):
a Latin square.

Deadlocks become few, not none: a new edge is linked to the newest one of each end, and that record
may be wanted from its other end, by another writer, too.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
import pyarrow as pa

from kg.neo4j_store.rows import in_order
from kg.schema import DST, SRC

_TURN = "kg turn"


def turns(writers: int) -> np.ndarray:
    """When a cell is written: int64 [parts of src, parts of dst], round * writers + writer."""
    part = np.arange(writers)
    return (part[None, :] - part[:, None]) % writers * writers + part[:, None]


def edge_rounds(rows: pa.Table, writers: int) -> Iterator[list[pa.Table]]:
    """Edges between two labels: each round's blocks, one a writer, each in the order of (src, dst);
    some may be empty."""
    src, dst = (_part(rows[end], writers) for end in (SRC, DST))
    of_row = turns(writers)[src, dst]
    ordered = in_order(rows.append_column(_TURN, pa.array(of_row)), (_TURN, SRC, DST))
    sizes = np.bincount(of_row, minlength=writers**2)
    blocks = _cut(ordered.drop_columns(_TURN), sizes)
    for first in range(0, len(blocks), writers):
        yield blocks[first : first + writers]


def node_round(rows: pa.Table, writers: int, key: tuple[str, ...]) -> list[pa.Table]:
    """One round: new nodes of different keys lock nothing of each other's. Every writer has a range
    of keys."""
    ends = np.arange(writers + 1) * rows.num_rows // writers
    return _cut(in_order(rows, key), np.diff(ends))


def _part(keys: pa.ChunkedArray, parts: int) -> np.ndarray:
    """The same for a key wherever it stands: int64 [n]."""
    series = pl.from_arrow(keys)
    assert isinstance(series, pl.Series)
    return (series.hash(seed=0).to_numpy() % np.uint64(parts)).astype(np.int64)


def _cut(rows: pa.Table, sizes: np.ndarray) -> list[pa.Table]:
    ends = np.cumsum(sizes)
    return [rows.slice(end - size, size) for end, size in zip(ends, sizes, strict=True)]
