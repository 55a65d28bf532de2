"""Lists inside a cell (JSON text, comma text) → list columns."""

from __future__ import annotations

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
    """A cell that only looks like a list, or holds objects, becomes null; those few are found by
    halving, so that no cell is read in another way because of its neighbours."""
    if texts.null_count() == len(texts):
        return pl.Series(texts.name, [None] * len(texts), dtype=dtype)
    try:
        return texts.str.json_decode(dtype)
    except pl.exceptions.ComputeError:
        if len(texts) == 1:
            return pl.Series(texts.name, [None], dtype=dtype)
    middle = len(texts) // 2
    halves = texts[:middle], texts[middle:]
    return pl.concat([_decode(half, dtype) for half in halves])
