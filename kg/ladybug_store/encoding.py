"""Vectors and lists of strings ↔ the bytes the file keeps for them (why: `catalog`).

A vector is its float32 numbers, little-endian. A list is JSON text, which no vector can be taken
for: as numbers its first and last byte, `[` and `]`, are far outside what an embedding holds.
"""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from kg.schema import Type

BYTES_A_PIECE = 1 << 30
"""An Arrow binary array holds less than 2 GiB."""


def vectors_to_bytes(column: pa.ChunkedArray, width: int) -> pa.ChunkedArray:
    """Lists of `width` float32 each, nulls allowed → binary."""
    rows = max(1, BYTES_A_PIECE // max(1, 4 * width))
    pieces = (column.slice(at, rows) for at in range(0, len(column), rows))
    return pa.chunked_array([_to_bytes(piece, 4 * width) for piece in pieces], pa.binary())


def _to_bytes(column: pa.ChunkedArray, size: int) -> pa.BinaryArray:
    numbers = pc.list_flatten(column).combine_chunks().to_numpy(zero_copy_only=False)
    present = column.is_valid().to_numpy()
    offsets = np.concatenate([[0], np.cumsum(present) * size]).astype(np.int32)
    buffers = [
        pa.array(present).buffers()[1],
        pa.py_buffer(offsets),
        pa.py_buffer(np.ascontiguousarray(numbers, "<f4")),
    ]
    return pa.BinaryArray.from_buffers(pa.binary(), len(present), buffers)


def bytes_to_vectors(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Binary of one length → fixed-size lists; where all are null, lists of unknown width."""
    sizes = pc.binary_length(column).drop_null().unique().to_pylist()
    if not sizes:
        return pa.chunked_array([pa.nulls(len(column), Type.VECTOR.arrow)])
    if len(sizes) > 1:
        raise ValueError(f"vectors of {len(sizes)} widths in one column")
    kind = pa.list_(pa.float32(), sizes[0] // 4)
    return pa.chunked_array([_to_vectors(c, sizes[0]) for c in column.chunks], kind)


def _to_vectors(chunk: pa.BinaryArray, size: int) -> pa.FixedSizeListArray:
    present = chunk.is_valid().to_numpy(zero_copy_only=False)
    numbers = np.zeros((len(chunk), size // 4), "<f4")
    solid = chunk.drop_null()
    if len(solid):
        start = np.frombuffer(solid.buffers()[1], np.int32)[solid.offset]
        data = np.frombuffer(solid.buffers()[2], np.uint8)[start : start + len(solid) * size]
        numbers[present] = data.view("<f4").reshape(len(solid), -1)
    mask = None if present.all() else pa.array(~present)
    return pa.FixedSizeListArray.from_arrays(pa.array(numbers.reshape(-1)), size // 4, mask=mask)


def lists_to_bytes(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Lists of strings, nulls allowed → binary JSON."""
    lists = _series(column)
    # polars writes JSON of structs only: {"":["a","b"]} without its first 4 and last 1 characters
    text = lists.alias("").to_frame().to_struct("").struct.json_encode().str.slice(4).str.head(-1)
    text = text.set(lists.is_null(), None)
    return pa.chunked_array([text.cast(pl.Binary).to_arrow().cast(pa.binary())])


def bytes_to_lists(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Binary JSON → lists of strings."""
    text = _series(column).cast(pl.String)
    lists = text.str.json_decode(pl.List(pl.String))
    return pa.chunked_array([lists.to_arrow().cast(Type.STRINGS.arrow)])


def _series(column: pa.ChunkedArray) -> pl.Series:
    made = pl.from_arrow(column)
    assert isinstance(made, pl.Series)
    return made


def plain(value: bytes) -> list[float] | list[str] | str:
    """One value for a reader: a vector, a list of strings, or the hex of bytes that are neither."""
    if value.startswith(b"[") and value.endswith(b"]"):
        try:
            found = json.loads(value)
        except ValueError:
            pass
        else:
            return list(found)
    if len(value) % 4:
        return value.hex()
    return list(np.frombuffer(value, "<f4").tolist())
