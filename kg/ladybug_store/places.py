"""Ends of edges as numbers: keys ↔ the engine's offsets, for as long as a transaction lasts.

Two million edges are read, compared and told apart by one number each in a third of the time that
their two texts take. An offset is a node's place in its table, below 2^31 here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kg.ladybug_store.tables import pattern, property_of, read
from kg.schema import DST, NODE_BY_LABEL, SRC, EdgeTable

ENDS = "_ends"
"""Column: the source's offset · 2^32 + the target's; -1 where a key is no node's."""
BITS = 32
TARGET = (1 << BITS) - 1
"""The bits of the target's."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _Nodes:
    keys: pa.Array
    offsets: Ints

    def row_of_offset(self) -> Ints:
        """Offsets have gaps where nodes were deleted."""
        rows = np.full(self.offsets.max(initial=-1) + 1, -1, np.int64)
        rows[self.offsets] = np.arange(len(self.offsets))
        return rows


class Places:
    """Nodes that come while these are in use are strangers to them."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._nodes: dict[str, _Nodes] = {}

    def of(self, label: str, keys: pa.ChunkedArray) -> Ints:
        """[n] offset of each; -1 for a stranger."""
        nodes = self._of(label)
        row = pc.fill_null(pc.index_in(keys, nodes.keys), -1).to_numpy()
        found: Ints = np.append(nodes.offsets, -1)[row]
        return found

    def ends(self, edge: EdgeTable, rows: pa.Table) -> Ints:
        """[n] `ENDS` of rows with src and dst."""
        src, dst = self.of(edge.src, rows[SRC]), self.of(edge.dst, rows[DST])
        return np.where((src < 0) | (dst < 0), -1, (src << BITS) | dst)

    def keys(self, edge: EdgeTable, ends: Ints) -> pa.Table:
        """src and dst again; of no strangers."""
        parts = ((SRC, edge.src, ends >> BITS), (DST, edge.dst, ends & TARGET))
        columns = {}
        for end, label, offsets in parts:
            nodes = self._of(label)
            columns[end] = nodes.keys.take(pa.array(nodes.row_of_offset()[offsets]))
        return pa.table(columns)

    def scan(self, edge: EdgeTable, names: Sequence[str]) -> pa.Table:
        """`ENDS` and these columns of all edges, in stored form."""
        properties = [property_of(edge, n) for n in names]
        wanted = ", ".join(["offset(id(a))", "offset(id(b))", *properties])
        found = read(self._connection, f"MATCH {pattern(edge)} RETURN {wanted}")
        src, dst = (found.column(k).to_numpy().astype(np.int64, copy=False) for k in (0, 1))
        ends = pa.chunked_array([pa.array((src << BITS) | dst)])
        return pa.table({ENDS: ends, **{n: found.column(k + 2) for k, n in enumerate(names)}})

    def _of(self, label: str) -> _Nodes:
        if label not in self._nodes:
            node = NODE_BY_LABEL[label]
            text = f"MATCH {pattern(node)} RETURN n.{node.key}, offset(id(n))"
            found = read(self._connection, text)
            keys = found.column(0).combine_chunks()
            offsets = found.column(1).to_numpy().astype(np.int64, copy=False)
            self._nodes[label] = _Nodes(keys, offsets)
        return self._nodes[label]
