"""Cells of text → typed columns: numbers, times, keys. A cell that cannot be read becomes null."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import polars as pl

from kg.schema import Type
from loaders.plan import Value

LONGEST_KEY = 8_000
"""Bytes; a store's index holds no longer ones (Neo4j: 8,164)."""
EPOCH_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000}
_DAYS = ("%d", "%e", "%j", "%D", "%F", "%c", "%x", "%v", "%+", "%s")
"""Words of a time format that say the day."""
_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")


def key(cell: pl.Expr) -> pl.Expr:
    """A node's key as it is; null where there is nothing but white space."""
    return pl.when(cell.str.contains(r"\S")).then(cell)


def composite(cells: Sequence[pl.Expr]) -> pl.Expr:
    r"""A readable key of several cells: `a|b|c`. A bar or backslash inside a cell gets a backslash
    before it and a missing cell is `\N`, so that different cells never give the same key."""
    escaped = [
        c.str.replace_all("\\", "\\\\", literal=True)
        .str.replace_all("|", "\\|", literal=True)
        .fill_null("\\N")
        for c in cells
    ]
    return pl.concat_str(escaped, separator="|")


def text(cell: pl.Expr) -> Value:
    return Value(cell, cell, Type.STRING)


def number(cell: pl.Expr) -> Value:
    parsed = cell.str.strip_chars().cast(pl.Float64, strict=False)
    return Value(cell, pl.when(parsed.is_finite()).then(parsed), Type.DOUBLE)


def integer(cell: pl.Expr) -> Value:
    """Whole numbers, exact over the whole int64 range; `3.0` is one."""
    stripped = cell.str.strip_chars()
    float_ = stripped.cast(pl.Float64, strict=False)
    whole = pl.when(float_.floor() == float_).then(_in_range(float_)).cast(pl.Int64, strict=False)
    return Value(cell, pl.coalesce(stripped.cast(pl.Int64, strict=False), whole), Type.INT64)


def _in_range(value: pl.Expr) -> pl.Expr:
    """Numbers that int64 holds; its lowest is what lower ones are rounded to, and left out."""
    return pl.when(value.abs() < 2.0**63).then(value)


def boolean(cell: pl.Expr) -> Value:
    lower = cell.str.strip_chars().str.to_lowercase()
    parsed = pl.when(lower.is_in(_TRUE)).then(True).when(lower.is_in(_FALSE)).then(False)
    return Value(cell, parsed, Type.BOOL)


def moment(cell: pl.Expr, formats: Sequence[str] = ("iso",), timezone: str = "UTC") -> Value:
    """UTC epoch seconds. A format is `s`, `ms` or `us` (a number since 1970), `iso`, or strptime's
    words (%Y, %m, …; without a day it is the first of the month). The first that fits is taken.
    `timezone` is where clocks without an offset hung; a time skipped in spring is not a time."""
    return Value(cell, pl.coalesce([_moment(cell, f, timezone) for f in formats]), Type.INT64)


def _moment(cell: pl.Expr, fmt: str, timezone: str) -> pl.Expr:
    stripped = cell.str.strip_chars()
    if fmt in EPOCH_UNITS:
        exact = stripped.cast(pl.Int64, strict=False)
        rough = _in_range(stripped.cast(pl.Float64, strict=False).floor())
        rough = rough.cast(pl.Int64, strict=False)
        return pl.coalesce(exact, rough).floordiv(EPOCH_UNITS[fmt])
    if fmt == "iso":
        return _iso(stripped, timezone)
    if not any(word in fmt for word in _DAYS):
        stripped, fmt = stripped + " 01", fmt + " %d"
    return _epoch(stripped.str.to_datetime(fmt, time_unit="us", strict=False), timezone)


def _iso(cell: pl.Expr, timezone: str) -> pl.Expr:
    """2018-07-07, 2018-07, 2018-07-07 22:09, 2018-07-07T22:09:11.5Z, 2018-07-07T22:09:11+02:00."""
    local = cell.str.replace(r"^(\d{4}-\d\d)$", "$1-01")
    local = local.str.replace(r"(:\d\d(?:\.\d+)?)\s*(?:Z|z|UTC|[+-]\d\d:?\d\d)$", "$1")
    date = local.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
    clock = local.str.replace(r"^(\d{4}-\d\d-\d\d) +", "${1}T")
    minutes = clock.str.to_datetime("%Y-%m-%dT%H:%M", time_unit="us", strict=False)
    seconds = clock.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
    when = pl.coalesce(seconds, date, minutes)
    offset = cell.str.extract(r":\d\d(?:\.\d+)?\s*([+-]\d\d:?\d\d)$")
    sign = pl.when(offset.str.starts_with("-")).then(-1).otherwise(1)
    hours, minutes_ = offset.str.slice(1, 2), offset.str.slice(-2)
    shift = sign * (hours.cast(pl.Int64) * 3600 + minutes_.cast(pl.Int64) * 60)
    utc = cell.str.contains(r"(?:Z|z|UTC)$")
    return (
        pl.when(offset.is_not_null())
        .then(when.dt.epoch("s") - shift)
        .when(utc)
        .then(when.dt.epoch("s"))
        .otherwise(_epoch(when, timezone))
    )


def _epoch(local: pl.Expr, timezone: str) -> pl.Expr:
    if timezone != "UTC":
        local = local.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    return local.dt.epoch("s")


def first_of(values: Sequence[pl.Expr]) -> pl.Expr:
    """The first cell that says something."""
    return pl.coalesce(list(values))


def any_of(conditions: Sequence[pl.Expr]) -> pl.Expr:
    return reduce(lambda a, b: a | b, conditions, pl.lit(False))
