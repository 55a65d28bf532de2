"""Parquet: cut, of other types, with columns no engine reads."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.corpus.case import NOT_TEXT, Case
from tests.loaders.tables import RATINGS

_MAPPING = RATINGS.replace('time = "s"', 'time = ["iso", "s"]').encode()
_NOT_TIME, _OLD, _LATE = "at is not a time", "time before 1990", "time in the future"


def table(**columns: pa.Array) -> pa.Table:
    """Two good ratings, with columns put in place of theirs."""
    good = {
        "user": pa.array(["u", "v"]),
        "item": pa.array(["i", "j"]),
        "rating": pa.array([4, 5]),
        "at": pa.array([1600000000, 1600000001]),
    }
    return pa.table({**good, **columns})


def _bytes(rows: pa.Table, **how: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(rows, sink, **how)
    return sink.getvalue()


def _case(name: str, data: bytes, written: int = 0, rejects: dict[int, str] | None = None,
          error: str = "", mapping: bytes = _MAPPING) -> Case:  # fmt: skip
    files = {"shop.toml": mapping, "ratings.parquet": data}
    return Case(name, "tabular", files, written, 0, rejects or {}, error)


def _column(name: str, column: str, values: pa.Array, *reasons: str) -> Case:
    """The reason of each of the two rows; an empty one is a row that loads."""
    rejects = {n: reason for n, reason in enumerate(reasons, 1) if reason}
    return _case(f"{column}: {name}", _bytes(table(**{column: values})), 2 - len(rejects), rejects)


def _left_out(name: str, values: pa.Array) -> Case:
    """A column of a type that is not read is as if it were not there."""
    return _case(f"{name} is not read", _bytes(table(user=values)), error="has no column 'user'")


_WHOLE = _bytes(pa.concat_tables([table()] * 5000).combine_chunks())
_TWICE = pa.Table.from_arrays([*table().columns, table()["user"]], [*table().column_names, "user"])
_BAD_UTF8 = pa.Array.from_buffers(pa.string(), 2, pa.array([b"\xff\xfe", b"ok"]).buffers())
_NO_NAME = _bytes(table(zzzz=pa.array([1, 2]))).replace(b"zzzz", b"\xe5zzz")
_DAY = dt.datetime(2020, 9, 13)


def _stamps(first: int, second: int, unit: str, zone: str | None = None) -> pa.Array:
    return pa.array([first, second], pa.timestamp(unit, zone))


DAMAGED: tuple[Case, ...] = (
    _case("empty file", b"", error="is not a Parquet file"),
    _case("only the magic", b"PAR1", error="is not a Parquet file"),
    _case("the magic twice", b"PAR1PAR1", error="is not a Parquet file"),
    _case("a footer longer than the file", b"PAR1\xff\xff\xff\x7fPAR1",
          error="is not a Parquet file"),
    _case("a CSV called .parquet", b"user,item,rating,at\nu,i,4,1\n",
          error="is not a Parquet file"),
    *(_case(f"cut by {n}", _WHOLE[:-n], error="is not a Parquet file")
      for n in (1, 4, 8, 100, 1000)),
    _case("cut in the middle", _WHOLE[: len(_WHOLE) // 2], error="is not a Parquet file"),
    _case("the beginning cut off", _WHOLE[4:], error="damaged or cut short"),
    _case("a hole in the pages", _WHOLE[:200] + bytes(200) + _WHOLE[400:],
          error="damaged or cut short"),
    _case("no rows", _bytes(table().slice(0, 0)), error="no row to load"),
    _case("no columns", _bytes(pa.table({})), error="has no column 'user'.* none$"),
    _case("a missing column", _bytes(table().drop_columns(["at"])), error="has no column 'at'"),
    _case("a column twice", _bytes(_TWICE), error="'user' twice"),
    _case("a column whose name is no text", _NO_NAME, error="is not a Parquet file"),
    _case("our own name", _bytes(table(__span=pa.array([1, 2]))), error="'__span'"),
)  # fmt: skip

TYPES: tuple[Case, ...] = (
    _column("a dictionary", "user", pa.array(["u", "v"]).dictionary_encode()),
    _column("a dictionary of numbers", "user", pa.array([1, 2]).dictionary_encode()),
    _column("large text", "user", pa.array(["u", "v"], pa.large_string())),
    _column("views of text", "user", pa.array(["u", "v"], pa.string_view())),
    _column("numbers", "user", pa.array([1, None]), "", "no user"),
    _column("nothing", "user", pa.nulls(2), "no user", "no user"),
    _column("empty text", "user", pa.array(["", " "]), "no user", "no user"),
    _column("bytes that are no text", "user", _BAD_UTF8, NOT_TEXT, ""),
    _column("bytes that are no text, folded", "user",
            _BAD_UTF8.dictionary_encode(), NOT_TEXT, ""),
    _column("text", "rating", pa.array(["4", "five"]), "", "rating is not a number"),
    _column("NaN and infinity", "rating", pa.array([float("nan"), float("inf")]),
            "rating is not a number", "rating is not a number"),
    _column("lists", "rating", pa.array([[4], [5]]), *["rating is not a number"] * 2),
    _column("truths", "rating", pa.array([True, False]), *["rating is not a number"] * 2),
    _column("decimals", "rating", pa.array([Decimal("4.5"), None], pa.decimal128(10, 2)),
            "", "no rating"),
    _column("decimals of 256 bits", "rating",
            pa.array([Decimal("4.5"), None], pa.decimal256(50, 2)),
            "", "no rating"),
    _column("half floats", "rating", pa.array([4.5, 9.0], pa.float16()),
            "", "rating off the scale 1 to 5"),
    _column("objects", "rating", pa.array([{"a": 4}, None]), "rating is not a number", "no rating"),
    _column("the largest whole number", "at", pa.array([2**64 - 1, 0], pa.uint64()),
            _NOT_TIME, _OLD),
    _column("moments", "at", pa.array([_DAY, None]), "", "no time"),
    _column("moments, folded", "at", pa.array([_DAY, _DAY]).dictionary_encode()),
    _column("years 1 and 9999", "at", _stamps(-62_135_596_800_000, 253_402_300_799_000, "ms"),
            _OLD, _LATE),
    _column("years beyond", "at", _stamps(-(2**62), 2**62, "ms"), _OLD, _LATE),
    _column("years beyond in µs", "at", _stamps(-(2**62), 2**62, "us"), _OLD, _LATE),
    _column("the first and last ns", "at", _stamps(-(2**63) + 1, 2**63 - 1, "ns"), _OLD, _LATE),
    _column("a zone nobody knows", "at", _stamps(0, 1_600_000_000_000_000, "us", "Mars/Base"),
            _OLD, ""),
    _column("an offset for a zone", "at", _stamps(0, 1_600_000_000_000_000, "us", "+02:00"),
            _OLD, ""),
    _column("a zone", "at", _stamps(2**62, 1_600_000_000_000_000, "us", "Europe/Berlin"),
            _LATE, ""),
    _column("days", "at", pa.array([dt.date(1, 1, 1), dt.date(2020, 1, 1)]), _OLD, ""),
    _column("days beyond", "at", pa.array([2**31 - 1, -(2**31)], pa.int32()).cast(pa.date32()),
            _LATE, _OLD),
    _column("hours", "at", pa.array([dt.time(1), None], pa.time64("us")), _NOT_TIME, "no time"),
    _left_out("bytes", pa.array([b"u", b"v"])),
    _left_out("bytes of one length", pa.array([b"ab", b"cd"], pa.binary(2))),
    _left_out("a duration", pa.array([1, 2], pa.duration("us"))),
    _left_out("a map", pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int32()))),
    _left_out("a list of nothing", pa.array([[None], []], pa.list_(pa.null()))),
    _left_out("a list of moments", pa.array([[_DAY], None])),
    _left_out("an object with bytes", pa.array([{"a": b"\xff"}, None])),
)  # fmt: skip

CASES = DAMAGED + TYPES
