"""Parquet → batches of string columns; a row's line is its number in the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kg.errors import InputError
from loaders.files import HARMLESS, unchanged
from loaders.interface import Progress
from loaders.lines import MARK, NOT_TEXT
from loaders.plan import LINE, SPAN, Batch, free_names

_DAMAGE = (pa.ArrowException, OSError, UnicodeDecodeError)
"""What Arrow raises for a damaged file; the last where a column's name is no text."""
_ROWS = 1 << 16
_SIZE = 1 << 26
"""Bytes of text looked at at once: a dictionary can say a long text a million times."""
_STEEPEST = 1000
"""Bytes of text that a byte of such a file may give."""
_MOST = 1 << 28
"""Bytes that a batch may have at the worst without being looked at that way, which is slower."""
_YEARS = range(1, 10_000)
"""What ISO text has room for; a moment of another year comes as its number."""


@dataclass
class Parquet:
    """A Parquet file. Times come as ISO text, nested values as JSON text. Raises InputError where
    it is none, cannot be read on, or names a column twice."""

    path: Path
    missing: Sequence[str] = ()
    also: Sequence[str] = ()
    """Columns that the file may lack; then they are null."""
    progress: Progress | None = None
    columns: tuple[str, ...] = field(init=False)
    size: int = field(init=False)
    """Bytes, unpacked."""
    _folded: tuple[str, ...] = field(init=False)
    """Columns that can be read as dictionaries."""
    _texts: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        with self._open() as file:
            schema, about = file.schema_arrow, file.metadata
            self.size = sum(about.row_group(n).total_byte_size for n in range(about.num_row_groups))
        names = schema.names
        twice = next((n for n, count in Counter(names).items() if count > 1), None)
        if twice is not None:
            raise InputError(f"{self.path}: names the column {twice!r} twice")
        free_names(self.path, names)
        self.columns = tuple(f.name for f in schema if _readable(f.type))
        self._folded = tuple(f.name for f in schema if pa.types.is_string(f.type))
        self._texts = tuple(f.name for f in schema if _is_text(_unfolded(f.type)))

    def _open(self, **how: Any) -> pq.ParquetFile:
        try:
            file = pq.ParquetFile(self.path, **how)
            file.schema_arrow.names  # noqa: B018  # which may be no text
            return file
        except _DAMAGE as e:
            raise InputError(f"{self.path}: is not a Parquet file ({_in_a_line(e)})") from e

    def _frames(self) -> Iterator[pl.DataFrame]:
        """Cells as text; those of bytes that are no text are MARK."""
        with (
            self._open() as file,
            self._open(read_dictionary=list(self._folded)) as folded,
            unchanged(self.path),
        ):
            total, done, unfolded = file.metadata.num_rows, 0, 0
            try:
                most = max(HARMLESS, _STEEPEST * self.path.stat().st_size)
                for group in range(file.num_row_groups):
                    source = folded if self._unfolds_to_much(folded, group) else file
                    for batch in source.iter_batches(_ROWS, [group], list(self.columns)):
                        unfolded += _text_size(batch)
                        if unfolded > most:
                            raise InputError(
                                f"{self.path}: unfolds to more than {_STEEPEST} times its size, as "
                                "a bomb does"
                            )
                        yield from (self._cells(part) for part in _in_size(batch))
                        done += len(batch)
                        if self.progress:
                            self.progress(self.path.name, done, total)
            except _DAMAGE as e:
                raise InputError(f"{self.path}: damaged or cut short ({_in_a_line(e)})") from e

    def _unfolds_to_much(self, folded: pq.ParquetFile, group: int) -> bool:
        """A batch of this row group may be long though the file is short: each of its rows can name
        the longest text of its dictionary."""
        about = folded.metadata.row_group(group)
        rows = min(about.num_rows, _ROWS)
        if not rows or not self._folded or rows * about.total_byte_size < _SIZE:
            return False
        first = next(folded.iter_batches(1, [group], list(self._folded)))
        longest = (pc.max(pc.binary_length(c.dictionary)).as_py() or 0 for c in first.columns)
        return bool(rows * sum(longest) > _MOST)

    def _cells(self, batch: pa.RecordBatch) -> pl.DataFrame:
        plain = {name: _plain(batch.column(name)) for name in self.columns}
        frame = pl.DataFrame({name: pl.Series(name, column) for name, column in plain.items()})
        texts = frame.select(_as_text(name, frame.schema[name]) for name in self.columns)
        says = ~pl.all().is_in(["", *self.missing])
        return texts.select(pl.when(says).then(pl.all()))

    def batches(self) -> Iterator[Batch]:
        line = 1
        for cells in self._frames():
            numbers = pl.Series(LINE, np.arange(line, line + len(cells)), dtype=pl.Int64)
            line += len(cells)
            absent = [pl.lit(None, pl.String).alias(c) for c in self.also if c not in self.columns]
            frame = cells.with_columns(*absent, numbers, pl.lit(1, pl.Int64).alias(SPAN))
            texts = [c for c in self.columns if c in self._texts]
            bad = frame.select(pl.any_horizontal(pl.col(texts) == MARK) if texts else pl.lit(False))
            flags = bad.to_series().fill_null(False)
            broken = frame.filter(flags).select(LINE, SPAN, pl.lit(NOT_TEXT).alias("reason"))
            yield Batch(frame.filter(~flags), broken)

    def raw(self, records: pl.DataFrame) -> Iterator[pl.Series]:
        """A Parquet row has no text of its own: its cells as JSON stand in."""
        line, wanted = 1, records[LINE]
        for cells in self._frames():
            here = wanted.filter((wanted >= line) & (wanted < line + len(cells))) - line
            if len(here):
                rows = cells[here.to_list()]
                yield rows.select(pl.struct(pl.all()).struct.json_encode())[:, 0]
            line += len(cells)
            if not len(wanted) or line > wanted[-1]:
                return


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _readable(kind: pa.DataType) -> bool:
    """Columns of other types (bytes, durations, maps, nested times) are left out, as if the file
    had none."""
    kind = _unfolded(kind)
    spans = pa.types.is_duration(kind) or pa.types.is_interval(kind)
    moments: bool = pa.types.is_temporal(kind) and not spans
    return moments or pa.types.is_decimal(kind) or pa.types.is_null(kind) or _in_json(kind)


def _in_json(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _in_json(kind.value_type)
    if pa.types.is_struct(kind):
        return kind.num_fields > 0 and all(
            _in_json(kind.field(i).type) for i in range(kind.num_fields)
        )
    numbers = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return bool(_is_text(kind) or numbers or pa.types.is_boolean(kind))


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _unfolded(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _in_size(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch in parts of no more text than _SIZE, or of one row."""
    if len(batch) == 1 or _text_size(batch) <= _SIZE:
        yield batch
        return
    middle = len(batch) // 2
    yield from _in_size(batch.slice(0, middle))
    yield from _in_size(batch.slice(middle))


def _text_size(batch: pa.RecordBatch) -> int:
    """Bytes of the text that is folded in dictionaries."""
    size = 0
    for column in batch.columns:
        if pa.types.is_dictionary(column.type) and pa.types.is_string(column.type.value_type):
            lengths = pc.binary_length(column.dictionary).take(column.indices)
            size += pc.sum(lengths.cast(pa.int64())).as_py() or 0
    return size


def _plain(column: pa.Array) -> pa.Array:
    """The same in a type that the frame has."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return column.cast(
            pa.timestamp(kind.unit, "UTC")
        )  # the instant is in UTC, whatever the zone
    if pa.types.is_decimal256(kind):
        return column.cast(pa.string())
    if _is_text(kind):
        return _text(column)
    if pa.types.is_nested(kind):
        column.validate(full=True)
    return column


def _text(column: pa.Array) -> pa.Array:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        # only a batch with damage in it comes here: value by value
        read = [
            None if b is None else _decoded(b) for b in column.cast(pa.large_binary()).to_pylist()
        ]
        return pa.array(read, pa.large_string())
    return column


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return MARK


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if dtype == pl.String:
        return column
    if isinstance(dtype, (pl.Datetime, pl.Date)):
        return _iso(column, dtype).alias(name)
    if isinstance(dtype, (pl.List, pl.Array, pl.Struct)):
        wrapped = pl.struct(column.alias("v")).struct.json_encode()
        json = wrapped.str.strip_prefix('{"v":').str.strip_suffix("}")
        return pl.when(column.is_not_null()).then(json).alias(name)
    return column.cast(pl.String)


def _iso(column: pl.Expr, dtype: pl.Datetime | pl.Date) -> pl.Expr:
    first, last = date(_YEARS.start, 1, 1), date(_YEARS.stop - 1, 12, 31)
    number = column.to_physical()
    if isinstance(dtype, pl.Date):
        low, high = ((day - date(1970, 1, 1)).days for day in (first, last))
    else:
        day = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}[dtype.time_unit]
        low, high = (day * (d - date(1970, 1, 1)).days for d in (first, last))
    shown = pl.when(number.is_between(max(low, -(2**63)), min(high, 2**63 - 1))).then(column)
    if isinstance(dtype, pl.Date):
        return pl.coalesce(shown.dt.strftime("%Y-%m-%d"), number.cast(pl.String))
    utc = shown.dt.convert_time_zone("UTC") if dtype.time_zone else shown
    text = utc.dt.strftime("%Y-%m-%dT%H:%M:%S%.f")
    text = text + "Z" if dtype.time_zone else text
    return pl.coalesce(text, number.cast(pl.String))
