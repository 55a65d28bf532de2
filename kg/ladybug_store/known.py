"""Ids of events that may be in the file, kept by the process that writes to it: an event whose id
is not among them can only be new.

The engine has no index on edges: that an id is not known between other nodes is found by reading
all ids of the type (0.7 µs each). A process that goes on writing reads them once, and keeps a
64-bit hash of each.

What is kept holds every id that is there, and may hold more: ids of users who were deleted, of a
write that was undone, or two that hash alike. An id too many costs a look at the file; one too few
would let an event be there twice. So new ids are noted before they are written, and everything is
forgotten as soon as something else may have written: with the file closed (another process may open
it), after a commit that failed, and before any write that does not say that it brings no events.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kg.ladybug_store.memory import allowed
from kg.ladybug_store.tables import READ_ROWS, count, pattern
from kg.schema import EdgeTable

MOST_BYTES = 1 << 29
"""8 bytes an event of all types together, or a sixteenth of the memory where that is less; types
beyond it are read at each upsert."""
RECENT = 1 << 16
"""New ids that are kept apart: adding one must not copy all."""

Hashes = NDArray[np.uint64]


class EventIds:
    """Of one open file. Only the thread that writes uses it."""

    def __init__(self) -> None:
        self._of: dict[str, _Known] = {}

    def forget(self, edge: EdgeTable | None = None) -> None:
        """All of a type's, or of every type's."""
        if edge is None:
            self._of = {}
        else:
            self._of.pop(edge.name, None)

    def new(self, connection: Any, edge: EdgeTable, ids: pa.ChunkedArray) -> int | None:
        """How many of these ids, unique and about to be written, no edge of the type has. None
        where that is not known for want of room."""
        there = count(connection, edge)
        known = self._of.get(edge.name)
        if known is None or len(known) < there:
            self.forget(edge)
            others = sum(len(k) for k in self._of.values())
            if 8 * (others + there) > min(MOST_BYTES, allowed() // 16):
                return None
            known = self._of[edge.name] = _Known(_hashes_of(connection, edge))
        hashes = _hashes(connection, ids)
        fresh = hashes[~known.may_have(hashes)]
        known.add(fresh)
        return len(fresh)


class _Known:
    def __init__(self, hashes: Hashes) -> None:
        self._all = np.sort(hashes)
        self._recent = np.empty(0, np.uint64)

    def __len__(self) -> int:
        return len(self._all) + len(self._recent)

    def may_have(self, hashes: Hashes) -> NDArray[np.bool_]:
        return _is_in(hashes, self._all) | _is_in(hashes, self._recent)

    def add(self, hashes: Hashes) -> None:
        self._recent = np.sort(np.concatenate([self._recent, hashes]))
        if len(self._recent) > RECENT:
            self._all = np.sort(np.concatenate([self._all, self._recent]))
            self._recent = np.empty(0, np.uint64)


def _is_in(asked: Hashes, among: Hashes) -> NDArray[np.bool_]:
    """`among` is sorted."""
    if not len(among):
        return np.zeros(len(asked), np.bool_)
    at = np.searchsorted(among, asked)
    found: NDArray[np.bool_] = among[np.minimum(at, len(among) - 1)] == asked
    return found


def _hashes_of(connection: Any, edge: EdgeTable) -> Hashes:
    """The engine hashes, which gives 8 bytes an event to read instead of a text."""
    text = f"MATCH {pattern(edge)} RETURN hash(e.{edge.type.key})"
    with connection.execute(text) as result:
        return _numbers(result.get_as_arrow(READ_ROWS).column(0))


def _hashes(connection: Any, ids: pa.ChunkedArray) -> Hashes:
    with connection.execute(
        "LOAD FROM $rows RETURN hash(c0)", {"rows": pa.table({"c0": ids})}
    ) as r:
        return _numbers(r.get_as_arrow(READ_ROWS).column(0))


def _numbers(column: pa.ChunkedArray) -> Hashes:
    return np.asarray(pc.fill_null(column, 0).to_numpy(), np.uint64)
