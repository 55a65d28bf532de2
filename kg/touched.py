"""Edges that a write created or changed → the users whose profiles they bear on at first hand."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from kg.schema import DST, SRC, EdgeTable


def users_at(edge: EdgeTable, rows: pa.Table) -> tuple[pa.Array, ...]:
    """Keys of the users at either end of these rows, each once an end; `WriteCount.touched`."""
    ends = [end for end, label in ((SRC, edge.src), (DST, edge.dst)) if label == "User"]
    return tuple(pc.unique(rows[end]).cast(pa.string()) for end in ends if rows.num_rows)
