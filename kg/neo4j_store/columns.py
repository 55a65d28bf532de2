"""Arrow columns ↔ the lists that travel over Bolt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class Column(list[Any]):
    """A large parameter. The driver formats every parameter for a debug line, even where nobody
    logs it; with the values spelled out that is nine tenths of its time."""

    def __repr__(self) -> str:
        return f"<{len(self):,} values>"


def sent(values: pa.ChunkedArray | pa.Array) -> Column:
    """One column as a parameter; vectors as lists of numbers, nulls as None."""
    if pa.types.is_list(values.type) and pa.types.is_floating(values.type.value_type):
        return Column(_vectors(values))
    return Column(values.to_pylist())


def _vectors(values: pa.ChunkedArray | pa.Array) -> list[Any]:
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if array.null_count:
        return list(array.to_pylist())
    flat = array.flatten().to_numpy(zero_copy_only=False)
    matrix = flat.reshape(len(array), -1 if len(array) else 0)
    return list(matrix.tolist())


def fixed_width(vectors: pa.ChunkedArray) -> pa.ChunkedArray:
    """Lists of float32 as fixed-size lists, where all have one width and any has a value."""
    widths = pc.unique(pc.drop_null(pc.list_value_length(vectors)))
    return vectors if len(widths) != 1 else vectors.cast(pa.list_(pa.float32(), widths[0].as_py()))


def rows_of(keys: pa.ChunkedArray | pa.Array, among: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """The row of each key among `among` (int64 [n]), -1 where it has none."""
    found = pc.index_in(keys, value_set=among).fill_null(-1)
    return np.asarray(found.to_numpy(), dtype=np.int64)
