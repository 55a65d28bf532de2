"""Rows as they are and rows as they should be → which are new, which are others, which have gone.

Values are compared exactly: a score that moved in its last bit is another score. What a row says of
where it came from (`modelVersion`) is no value of it: a row that is the same keeps the version that
last changed it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

VERSION = "modelVersion"
MARK = "staleSince"
"""Says that a profile is due, and nothing of the user: taking it away is no change of the release's
making."""

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Changes:
    """Between two tables of the same columns; rows are numbers in the table they are of."""

    at: Ints
    """[new] the row of the old table with the same key, -1 where there is none"""
    differs: Mapping[str, Bools]
    """[new] by column, of rows that are in both; whether the value is another"""
    gone: Ints
    """Rows of the old table whose key the new one lacks"""

    @property
    def created(self) -> Ints:
        return np.flatnonzero(self.at < 0)

    @property
    def changed(self) -> Ints:
        return np.flatnonzero(self._any(self.differs))

    @property
    def changed_but_for_the_mark(self) -> Bools:
        """[new] whether the release has another thing to say of a row that is in both"""
        return self._any([name for name in self.differs if name != MARK])

    def _any(self, names: Sequence[str] | Mapping[str, Bools]) -> Bools:
        found = np.zeros(len(self.at), np.bool_)
        for name in names:
            found |= self.differs[name]
        return found

    def columns(self) -> list[str]:
        """Those in which any row differs."""
        return [name for name, differs in self.differs.items() if differs.any()]


def changes(old: pa.Table, new: pa.Table, key: Sequence[str]) -> Changes:
    """Keys are unique in both; columns are those of `new`, all of which `old` has."""
    at, gone = _matched(old.select(list(key)), new.select(list(key)))
    in_both = at >= 0
    differs = {}
    for name in new.column_names:
        if name not in key:
            differs[name] = _differs(name, old[name], new[name], at) & in_both
    return Changes(at, differs, gone)


def _matched(old: pa.Table, new: pa.Table) -> tuple[Ints, Ints]:
    if old.equals(new):
        return np.arange(new.num_rows), np.empty(0, np.int64)
    names = old.column_names
    rows_of_old = _frame(old).with_row_index("_old")
    found = _frame(new).join(rows_of_old, on=names, how="left", maintain_order="left")["_old"]
    at = found.cast(pl.Int64).fill_null(-1).to_numpy()
    left = np.ones(old.num_rows, np.bool_)
    left[at[at >= 0]] = False
    return at, np.flatnonzero(left)


def _differs(name: str, old: pa.ChunkedArray, new: pa.ChunkedArray, at: Ints) -> Bools:
    before, after = _series(old), _series(new)
    if len(before) != len(at) or not np.array_equal(at, np.arange(len(at))):
        before = before.gather(pl.Series(at, dtype=pl.Int64).set(pl.Series(at < 0), None))
    if name == VERSION:
        return (before.is_null() != after.is_null()).to_numpy()
    return before.ne_missing(after).to_numpy()


def _series(column: pa.ChunkedArray) -> pl.Series:
    """Vectors as their bytes, which compare at once."""
    is_list = pa.types.is_fixed_size_list(column.type) or pa.types.is_list(column.type)
    if is_list and pa.types.is_floating(column.type.value_type):
        column = pa.chunked_array([_bytes(c) for c in column.chunks], pa.large_binary())
    made = pl.from_arrow(column)
    assert isinstance(made, pl.Series)
    return made


def _bytes(vectors: pa.Array) -> pa.Array:
    lists = vectors.cast(pa.large_list(pa.float32()))
    starts = np.ascontiguousarray(lists.offsets.to_numpy() * 4)
    numbers = np.ascontiguousarray(lists.values.to_numpy(zero_copy_only=False))
    buffers = [None, pa.py_buffer(starts), pa.py_buffer(numbers)]
    whole = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(lists), buffers)
    return pc.if_else(lists.is_valid(), whole, pa.scalar(None, pa.large_binary()))


def _frame(rows: pa.Table) -> pl.DataFrame:
    made = pl.from_arrow(rows)
    assert isinstance(made, pl.DataFrame)
    return made


def keeping_versions(old: pa.Table, new: pa.Table, found: Changes) -> pa.Table:
    """The new rows; where nothing but the mark differs, with the version that the old row has."""
    if VERSION not in new.column_names:
        return new
    same = (found.at >= 0) & ~found.changed_but_for_the_mark
    if not same.any():
        return new
    before = old[VERSION].take(pa.array(found.at, mask=found.at < 0))
    kept = pc.if_else(pa.array(same), before, new[VERSION])
    return new.set_column(new.schema.get_field_index(VERSION), VERSION, kept)
