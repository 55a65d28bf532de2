"""The store's door: a table as it came → the same rows in the declared types, or a clear no.

Columns by vectorised checks, once; what is inside trusts them.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from kg.errors import StoreError
from kg.neo4j_store.kinds import EdgeKind, NodeKind
from kg.schema import Type

KEY_BYTES = 8_000
"""A key is indexed, and an index entry holds 8,164 bytes (Neo4j, "Range index size limits")."""


def checked(kind: NodeKind | EdgeKind, rows: pa.Table) -> pa.Table:
    """Raises StoreError: unknown or missing column, wrong type, null key, number not finite."""
    needed = kind.key if isinstance(kind, NodeKind) else kind.needed
    for column in needed:
        if column not in rows.column_names:
            raise StoreError(f"{kind.name}: the column {column!r} is missing")
    if len(set(rows.column_names)) < rows.num_columns:
        raise StoreError(f"{kind.name}: a column comes twice among {rows.column_names}")
    for column in rows.column_names:
        if column not in kind.columns:
            raise StoreError(
                f"{kind.name}: no column {column!r} is declared; "
                "ensure_schema(attributes=…) declares what a source adds"
            )
    typed = pa.table({c: _typed(kind.name, c, rows[c], kind.columns[c]) for c in rows.column_names})
    for column in needed:
        _check_key(kind.name, column, typed[column])
    return typed


def _typed(table: str, column: str, values: pa.ChunkedArray, wanted: Type) -> pa.ChunkedArray:
    if wanted is Type.VECTOR:
        return _vector(table, column, values)
    if not _fits(values.type, wanted):
        raise StoreError(f"{table}.{column}: {values.type} was given, {wanted.arrow} is declared")
    try:
        cast = values.cast(wanted.arrow)
    except pa.ArrowInvalid as e:
        raise StoreError(f"{table}.{column} as {wanted.arrow}: {e}") from e
    if wanted is Type.DOUBLE:
        _refuse(table, column, pc.invert(pc.is_finite(cast)), "NaN or infinite")
    if wanted is Type.STRINGS:
        _refuse_lists(table, column, cast, pc.is_null(pc.list_flatten(cast)), "null")
    return cast


def _fits(given: pa.DataType, wanted: Type) -> bool:
    """Whether every value of one type has its place in the other."""
    t = pa.types
    if t.is_null(given) or given == wanted.arrow:
        return True
    if t.is_dictionary(given):
        given = given.value_type
    match wanted:
        case Type.STRING:
            return bool(t.is_string(given) or t.is_large_string(given) or t.is_string_view(given))
        case Type.INT64:
            return bool(t.is_integer(given))
        case Type.DOUBLE:
            return bool(t.is_floating(given) or t.is_integer(given))
        case Type.STRINGS:
            return _is_list(given) and _fits(given.value_type, Type.STRING)
        case _:
            return False


def _is_list(given: pa.DataType) -> bool:
    t = pa.types
    return bool(t.is_list(given) or t.is_large_list(given) or t.is_fixed_size_list(given))


def _vector(table: str, column: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """As a list of float32 of one width."""
    if pa.types.is_null(values.type):
        return values.cast(Type.VECTOR.arrow)
    if not _is_list(values.type) or not pa.types.is_floating(values.type.value_type):
        raise StoreError(f"{table}.{column}: {values.type} was given, a vector is declared")
    as_lists = values.cast(Type.VECTOR.arrow)
    widths = pc.unique(pc.drop_null(pc.list_value_length(as_lists)))
    if len(widths) > 1:
        raise StoreError(f"{table}.{column}: vectors of {len(widths)} widths in one table")
    bad = pc.fill_null(pc.invert(pc.is_finite(pc.list_flatten(as_lists))), True)
    _refuse_lists(table, column, as_lists, bad, "NaN or infinite")
    return as_lists


def _refuse(table: str, column: str, bad: pa.ChunkedArray, what: str) -> None:
    count = pc.sum(pc.fill_null(bad, False)).as_py() or 0
    if count:
        raise StoreError(f"{table}.{column}: {count} rows are {what}")


def _refuse_lists(
    table: str, column: str, lists: pa.ChunkedArray, bad: pa.ChunkedArray, what: str
) -> None:
    """`bad` marks the values inside the lists; the error counts rows."""
    if pc.any(bad).as_py():
        rows = pc.list_parent_indices(lists.combine_chunks()).filter(bad.combine_chunks())
        count = len(pc.unique(rows))
        raise StoreError(f"{table}.{column}: {count} rows have a value that is {what}")


def _check_key(table: str, column: str, values: pa.ChunkedArray) -> None:
    if values.null_count:
        raise StoreError(f"{table}.{column}: {values.null_count} rows have no key")
    _refuse(
        table,
        column,
        pc.greater(pc.binary_length(values), KEY_BYTES),
        f"longer than the {KEY_BYTES:,} bytes Neo4j can index",
    )
