"""What a mapping says → ValueError where it cannot work: patterns, encodings, zones, time formats
and how cells are told apart."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import polars as pl

from loaders.cells import EPOCH_UNITS, moment
from loaders.lines import MARK, readable
from loaders.toml_lines import in_short

_TWO_YEARS = 63_000_000


def layout(delimiter: str, quote: str, columns: list[str] | None) -> None:
    if set(delimiter) & {"\n", "\r", "\0", MARK}:
        raise ValueError(f"delimiter {delimiter!r} holds what cannot stand between cells")
    if quote and (not quote.isascii() or quote in "\n\r\0" or quote in delimiter):
        raise ValueError(f"quote {quote!r} is not an ASCII character that the delimiter lacks")
    if columns is not None:
        twice = next((c for c in columns if columns.count(c) > 1), None)
        if not columns or twice is not None:
            raise ValueError(f"columns names {'none' if not columns else repr(twice) + ' twice'}")


def regex(pattern: str) -> None:
    try:
        pl.Series(["a"]).str.contains(pattern)
    except pl.exceptions.ComputeError as e:
        said = re.search(r"error: (.+)", str(e).replace("regex parse error:", ""))
        what = said[1] if said else in_short(str(e))
        raise ValueError(f"{pattern[:60]!r} is not a regular expression ({what})") from None


def encoding(name: str) -> None:
    if not readable(name):
        raise ValueError(f"encoding {name!r} is not known")


def time_format(fmt: str) -> None:
    """Raises ValueError for one that no text fits."""
    if fmt in EPOCH_UNITS or fmt == "iso":
        return
    sample = pl.Series([datetime(2001, 2, 3, 14, 5, 6, tzinfo=UTC)])
    try:
        written = sample.dt.strftime(fmt)
        read = written.to_frame("t").select(moment(pl.col("t"), [fmt]).parsed)
    except (pl.exceptions.ComputeError, pl.exceptions.InvalidOperationError) as e:
        raise ValueError(f"time {fmt!r} cannot be read ({str(e).partition(chr(10))[0]})") from None
    away = (read.to_series() - sample.dt.epoch("s")).abs()
    if not (away < _TWO_YEARS).all() or away.null_count():
        raise ValueError(f"time {fmt!r} does not say a day, or a month or year")


def zone(name: str) -> None:
    try:
        pl.Series([datetime(2000, 1, 1)]).dt.replace_time_zone(name)
    except pl.exceptions.ComputeError:
        raise ValueError(f"time zone {name!r} is not known") from None
