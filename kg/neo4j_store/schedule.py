"""Rows of a bulk load → rounds of blocks, one block a writer, no two of which lock the same node.

Who creates an edge locks both its ends until the transaction is over, so two writers of any rows
wait for each other, or deadlock. Nodes are put in parts by a hash of their key, and an edge belongs
to the cell (part of src, part of dst). Between two labels N writers need N parts of each: in round
r writer w has the cell (w, (w + r) mod N), a Latin square. Within one label a node is source here
and target there, so a writer needs two parts for itself: 2N parts, and as rounds those of a
tournament in which every two parts meet once (the circle method,
https://en.wikipedia.org/wiki/Round-robin_tournament).

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


def turns(writers: int, *, one_label: bool) -> np.ndarray:
    """When a cell is written: int64 [parts of src, parts of dst], round * writers + writer.

    Two labels: [N, N], N rounds. One label: [2N, 2N], 2N - 1 rounds."""
    if one_label:
        return _tournament(writers)
    part = np.arange(writers)
    return (part[None, :] - part[:, None]) % writers * writers + part[:, None]


def _tournament(writers: int) -> np.ndarray:
    parts = 2 * writers
    turn = np.empty((parts, parts), np.int64)
    for round_ in range(parts - 1):
        # the last part stays, the others go round: the k-th before it meets the k-th behind
        seats = [parts - 1, *((round_ + k) % (parts - 1) for k in range(parts - 1))]
        for writer in range(writers):
            p, q = seats[writer], seats[-1 - writer]
            turn[p, q] = turn[q, p] = round_ * writers + writer
            if round_ == 0:
                # edges that stay inside a part go where the part is anyway
                turn[p, p] = turn[q, q] = writer
    return turn


def edge_rounds(rows: pa.Table, writers: int, *, one_label: bool) -> Iterator[list[pa.Table]]:
    """Each round's blocks, one a writer, each in the order of (src, dst); some may be empty."""
    turn = turns(writers, one_label=one_label)
    src, dst = (_part(rows[end], len(turn)) for end in (SRC, DST))
    of_row = turn[src, dst]
    ordered = in_order(rows.append_column(_TURN, pa.array(of_row)), (_TURN, SRC, DST))
    sizes = np.bincount(of_row, minlength=turn.max() + 1)
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
