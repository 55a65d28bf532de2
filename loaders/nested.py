"""Lists inside a cell (JSON text, comma text) → list columns."""

from __future__ import annotations

import json

import polars as pl

_STRINGS = pl.List(pl.String)
_PATHS = pl.List(_STRINGS)


def strings(cell: pl.Expr) -> pl.Expr:
    """`["a", "b"]` → its elements; any other text → null."""
    listed = pl.when(cell.str.starts_with("[")).then(cell)
    return listed.map_batches(lambda s: _decode(s, _STRINGS), return_dtype=_STRINGS)


def paths(cell: pl.Expr) -> pl.Expr:
    """`[["a", "b"], ["c"]]` → two paths, `["a", "b"]` → one; any other text → null."""
    one = pl.concat_str(pl.lit("["), cell, pl.lit("]"))
    listed = (
        pl.when(cell.str.contains(r"^\[\s*\[")).then(cell).when(cell.str.starts_with("[")).then(one)
    )
    return listed.map_batches(lambda s: _decode(s, _PATHS), return_dtype=_PATHS)


def split(cell: pl.Expr, separator: str) -> pl.Expr:
    """Text with separators, or a list, → trimmed elements without the empty ones."""
    parts = pl.coalesce(strings(cell), cell.str.split(separator))
    trimmed = pl.element().str.strip_chars()
    return parts.list.eval(trimmed.filter(trimmed != ""))


def _decode(texts: pl.Series, dtype: pl.DataType) -> pl.Series:
    if texts.null_count() == len(texts):
        return pl.Series(texts.name, [None] * len(texts), dtype=dtype)
    try:
        return texts.str.json_decode(dtype)
    except pl.exceptions.ComputeError:
        # some cell only looks like a list, or holds objects; those few are found one by one
        good = pl.Series([t is not None and _is_list(t, dtype) for t in texts], dtype=pl.Boolean)
        return _decode_halves(texts.to_frame("t").select(pl.when(good).then("t"))["t"], dtype)


def _decode_halves(texts: pl.Series, dtype: pl.DataType) -> pl.Series:
    """What one reader of JSON takes and the other does not becomes null, and no other cell."""
    if texts.null_count() == len(texts):
        return pl.Series(texts.name, [None] * len(texts), dtype=dtype)
    try:
        return texts.str.json_decode(dtype)
    except pl.exceptions.ComputeError:
        if len(texts) == 1:
            return pl.Series(texts.name, [None], dtype=dtype)
    middle = len(texts) // 2
    halves = texts[:middle], texts[middle:]
    return pl.concat([_decode_halves(half, dtype) for half in halves])


def _is_list(text: str, dtype: pl.DataType) -> bool:
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    inner = found
    if dtype == _PATHS:
        if not (isinstance(found, list) and all(isinstance(f, list) for f in found)):
            return False
        inner = [e for f in found for e in f]
    return isinstance(inner, list) and not any(isinstance(e, (dict, list)) for e in inner)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
