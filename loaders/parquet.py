"""Parquet → batches of string columns; a row's line is its number in the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from polars._typing import PolarsDataType

from kg.errors import InputError
from loaders.interface import Progress
from loaders.plan import BROKEN, LINE, SPAN, Batch

_ROWS = 1 << 16


@dataclass
class Parquet:
    """A Parquet file. Times come as ISO text, nested values as JSON text. Raises InputError where
    it is none, or cannot be read on."""

    path: Path
    missing: Sequence[str] = ()
    also: Sequence[str] = ()
    """Columns that the file may lack; then they are null."""
    progress: Progress | None = None
    columns: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        with self._open() as file:
            empty = pl.DataFrame(file.schema_arrow.empty_table())
        self.columns = tuple(n for n, dtype in empty.schema.items() if _readable(dtype))

    def _open(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self.path)
        except (pa.ArrowInvalid, OSError) as e:
            raise InputError(f"{self.path}: is not a Parquet file ({e})") from e

    def _frames(self) -> Iterator[pl.DataFrame]:
        with self._open() as file:
            total, done = file.metadata.num_rows, 0
            try:
                for batch in file.iter_batches(batch_size=_ROWS):
                    frame = self._cells(pl.DataFrame(batch))
                    done += len(frame)
                    if self.progress:
                        self.progress(self.path.name, done, total)
                    yield frame
            except (pa.ArrowInvalid, OSError) as e:
                raise InputError(f"{self.path}: damaged or cut short ({e})") from e

    def _cells(self, frame: pl.DataFrame) -> pl.DataFrame:
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
            yield Batch(frame, pl.DataFrame(schema=BROKEN))

    def raw(self, records: pl.DataFrame) -> Iterator[pl.Series]:
        """A Parquet row has no text of its own: its cells as JSON stand in."""
        line, wanted = 1, records[LINE]
        for cells in self._frames():
            here = wanted.filter((wanted >= line) & (wanted < line + len(cells))) - line
            if len(here):
                rows = cells[here.to_list()]
                yield rows.select(pl.struct(pl.all()).struct.json_encode())[:, 0]
            line += len(cells)


def _readable(dtype: PolarsDataType) -> bool:
    """Columns of other types (bytes, nested times) are left out, as if the file had none."""
    if isinstance(dtype, (pl.List, pl.Array)):
        return _in_json(dtype.inner)
    if isinstance(dtype, pl.Struct):
        return all(_in_json(f.dtype) for f in dtype.fields)
    return dtype not in (pl.Binary, pl.Object)


def _in_json(dtype: PolarsDataType) -> bool:
    nested = isinstance(dtype, (pl.List, pl.Array, pl.Struct))
    return _readable(dtype) if nested else dtype in (pl.String, pl.Boolean) or dtype.is_numeric()


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if dtype == pl.String:
        return column
    if isinstance(dtype, pl.Datetime):
        utc = column.dt.convert_time_zone("UTC") if dtype.time_zone else column
        text = utc.dt.strftime("%Y-%m-%dT%H:%M:%S%.f")
        return text + "Z" if dtype.time_zone else text
    if isinstance(dtype, (pl.List, pl.Array, pl.Struct)):
        wrapped = pl.struct(column.alias("v")).struct.json_encode()
        json = wrapped.str.strip_prefix('{"v":').str.strip_suffix("}")
        return pl.when(column.is_not_null()).then(json).alias(name)
    return column.cast(pl.String)
