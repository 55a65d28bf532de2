"""Arrow tables at the door: checked, typed and in the form the file keeps; and back again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.errors import StoreError
from kg.ladybug_store.catalog import Columns, Target, stored_as, unknown
from kg.ladybug_store.encoding import (
    bytes_to_lists,
    bytes_to_vectors,
    lists_to_bytes,
    vectors_to_bytes,
)
from kg.schema import DST, SRC, NodeType, Type

Rows: TypeAlias = pa.Table | Iterable[pa.Table]


def keys_of(target: Target) -> tuple[str, ...]:
    """Columns that every row must have a value in: a node's key, or an edge's ends and key."""
    if isinstance(target, NodeType):
        return (target.key,)
    return (SRC, DST, *([target.type.key] if target.type.key else []))


def identity_of(target: Target) -> tuple[str, ...]:
    """Columns that tell one row from another."""
    return (target.key,) if isinstance(target, NodeType) else target.key


def name_of(target: Target) -> str:
    return target.label if isinstance(target, NodeType) else target.name


def batches(rows: Rows) -> Iterator[pa.Table]:
    yield from (rows,) if isinstance(rows, pa.Table) else rows


def stored(target: Target, rows: pa.Table, there: Columns) -> pa.Table:
    """The rows as the file keeps them: key columns first, then the properties that are given.

    Raises `StoreError` for unknown or missing columns, nulls in keys, other types, numbers that
    are not finite, vectors of several widths, nulls inside lists."""
    name = name_of(target)
    if len(set(rows.column_names)) < rows.num_columns:
        raise StoreError(f"{name}: a column is there twice: {', '.join(rows.column_names)}")
    kinds = there if isinstance(target, NodeType) else {SRC: Type.STRING, DST: Type.STRING, **there}
    unknown(name, rows.column_names, kinds)
    keys = keys_of(target)
    for key in keys:
        if key not in rows.column_names:
            raise StoreError(f"{name}: the rows have no column {key}")
        if rows[key].null_count:
            raise StoreError(f"{name}.{key}: {rows[key].null_count} rows have no value in it")
    on_edge = not isinstance(target, NodeType)
    order = [*keys, *(c for c in rows.column_names if c not in keys)]
    return pa.table({c: _stored(f"{name}.{c}", rows[c], kinds[c], on_edge=on_edge) for c in order})


def _stored(where: str, column: pa.ChunkedArray, kind: Type, *, on_edge: bool) -> pa.ChunkedArray:
    if kind is Type.VECTOR:
        return _vectors_as_bytes(where, column)
    if column.type != kind.arrow:
        column = _cast(where, column, kind)
    if kind is Type.DOUBLE:
        _all_finite(where, column)
    if kind is Type.STRINGS:
        _no_nulls_inside(where, column)
        if on_edge:
            return lists_to_bytes(column)
    return column


def _cast(where: str, column: pa.ChunkedArray, kind: Type) -> pa.ChunkedArray:
    """Narrower numbers, other string layouts and columns of nothing; nothing that could lose."""
    source = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    alike = {
        Type.STRING: pa.types.is_string,
        Type.INT64: pa.types.is_integer,
        Type.DOUBLE: lambda t: pa.types.is_floating(t) or pa.types.is_integer(t),
        Type.BOOL: pa.types.is_boolean,
        Type.STRINGS: lambda t: pa.types.is_list(t) or pa.types.is_large_list(t),
    }[kind]
    is_text = pa.types.is_large_string(source) or pa.types.is_string_view(source)
    if alike(source) or pa.types.is_null(source) or (kind is Type.STRING and is_text):
        try:
            return column.cast(kind.arrow)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as e:
            raise StoreError(f"{where}: {e}") from e
    raise StoreError(f"{where}: is {kind.value} in the store and {column.type} here")


def _all_finite(where: str, column: pa.ChunkedArray) -> None:
    bad = pc.sum(pc.invert(pc.is_finite(column))).as_py()
    if bad:
        raise StoreError(f"{where}: {bad} rows are NaN or infinite; clean them or leave them null")


def _no_nulls_inside(where: str, column: pa.ChunkedArray) -> None:
    if pc.list_flatten(column).null_count:
        raise StoreError(f"{where}: lists with a null inside; leave the null out")


def _vectors_as_bytes(where: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_null(column.type):
        return column.cast(pa.binary())
    value_type = getattr(column.type, "value_type", None)
    if value_type is None or not pa.types.is_floating(value_type):
        raise StoreError(f"{where}: is {Type.VECTOR.value} in the store and {column.type} here")
    widths = pc.list_value_length(column).drop_null().unique().to_pylist()
    if len(widths) > 1:
        several = ", ".join(str(w) for w in sorted(widths))
        raise StoreError(f"{where}: vectors of several widths ({several})")
    width = widths[0] if widths else 0
    numbers = pc.list_flatten(column)
    finite = pc.fill_null(pc.is_finite(numbers), False).to_numpy()
    bad = np.count_nonzero(~finite.reshape(-1, width).all(axis=1)) if width else 0
    if bad:
        raise StoreError(f"{where}: {bad} vectors hold NaN, infinity or nothing")
    return vectors_to_bytes(column, width)


def with_nulls(
    rows: pa.Table, names: Collection[str], there: Columns, *, on_edge: bool
) -> pa.Table:
    """The rows with these columns of nothing added, in stored form."""
    for name in sorted(names):
        is_blob = stored_as(there[name], on_edge=on_edge) == "BLOB"
        kind = pa.binary() if is_blob else there[name].arrow
        rows = rows.append_column(name, pa.nulls(rows.num_rows, kind))
    return rows


def read_back(column: pa.ChunkedArray, kind: Type, *, on_edge: bool) -> pa.ChunkedArray:
    """A column as the file gave it, in its declared type."""
    if kind is Type.VECTOR:
        return bytes_to_vectors(column)
    if kind is Type.STRINGS and on_edge:
        return bytes_to_lists(column)
    return column.cast(kind.arrow)
