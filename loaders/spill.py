"""Rows of one table on their way to disk, by bucket: a bucket is small enough to look at whole.

A row goes to the bucket of its key's hash, so that rows with one key meet in one bucket. Few rows
stay in memory; beyond that they are written as Arrow files with one record batch a bucket.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

ROW, FILE, OK = "__row", "__file", "__ok"
"""Hash of the source row (null: not a row of its own); number of its file; not rejected."""
NO_FILE = -1
MARKS: dict[str, pl.DataType] = {ROW: pl.UInt64(), FILE: pl.Int32(), OK: pl.Boolean()}

IN_MEMORY = 1 << 25


class Spill:
    """Add frames with any of the columns, then `seal`, then read bucket by bucket; rows come in the
    order they were added."""

    def __init__(
        self, folder: Path, columns: Mapping[str, pl.DataType], key: list[str], buckets: int
    ) -> None:
        self._folder = folder
        self._columns = dict(columns)
        self._key = key
        self._buckets = buckets
        self._waiting: list[pl.DataFrame] = []
        self._bytes = 0
        self._files: list[Path] = []

    def add(self, frame: pl.DataFrame) -> None:
        absent = [pl.lit(None, t).alias(n) for n, t in self._columns.items() if n not in frame]
        fitted = frame.with_columns(absent).select(
            pl.col(n).cast(t) for n, t in self._columns.items()
        )
        self._waiting.append(fitted)
        self._bytes += int(fitted.estimated_size())
        if self._buckets > 1 and self._bytes > IN_MEMORY:
            self._flush()

    def _flush(self) -> None:
        rows = pl.concat(self._waiting)
        self._waiting, self._bytes = [], 0
        whole = pl.all_horizontal(pl.col(self._key).is_not_null())
        own = pl.struct(self._key).hash()
        hashed = pl.when(whole).then(own).otherwise(pl.col(ROW)) if ROW in rows.columns else own
        bucket = rows.select((hashed % self._buckets).alias("b"))["b"].to_numpy()
        order = np.argsort(bucket, kind="stable")
        rows = rows[order]
        ends = np.searchsorted(bucket[order], np.arange(self._buckets), side="right").tolist()
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{len(self._files):05}.arrow"
        table = rows.to_arrow().combine_chunks()
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with (
            pa.OSFile(str(path), "wb") as sink,
            pa.ipc.new_file(sink, table.schema, options=options) as writer,
        ):
            for begin, end in zip([0, *ends], ends, strict=False):
                batches = table.slice(begin, end - begin).to_batches()
                writer.write_batch(
                    batches[0] if batches else pa.RecordBatch.from_pylist([], table.schema)
                )
        self._files.append(path)

    def seal(self) -> None:
        if self._buckets > 1 and self._waiting:
            self._flush()

    def read(self, bucket: int) -> pl.DataFrame:
        if not self._files:
            if self._waiting and (bucket == 0 or self._buckets == 1):
                return pl.concat(self._waiting)
            return pl.DataFrame(schema=self._columns)
        frames = []
        for path in self._files:
            with pa.OSFile(str(path)) as source:
                batch = pa.ipc.open_file(source).get_batch(bucket)
                frames.append(pl.DataFrame(batch, schema=self._columns))
        return pl.concat(frames)
