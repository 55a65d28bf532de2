"""What may not be true of a cell: checks over the columns of a statement, with their reasons.

A *hard* check takes the statement: an event whose rating is off the scale is no event. A *soft* one
takes the value: an item whose price is negative stays, without the price. Both are counted.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from kg.schema import DST, EDGE_TABLES, SRC, Type
from loaders.cells import LONGEST_KEY
from loaders.plan import Check, EdgeRows, NodeRows, Value

OLDEST = 631_152_000
"""1990-01-01; an older time is a default or a broken clock."""
TIMES = ("at", "since", "createdAt")
_REQUIRED = {"RATED": "rating", "REVIEWED": "text", "TAGGED": "tag"}
_HARD = ("at", "weight", "rating", "quantity", "price")
_OFTEN_EMPTY = ("helpful", "weight")
"""Missing ones are no finding: a review nobody voted on has no votes."""
_WORD = {Type.DOUBLE: "a number", Type.INT64: "a whole number", Type.BOOL: "true or false",
         Type.STRING: "text", Type.STRINGS: "a list"}  # fmt: skip


TOO_LONG = f"a key of more than {LONGEST_KEY:,} bytes"


def too_long(key: str) -> pl.Expr:
    return pl.col(key).str.len_bytes() > LONGEST_KEY


def given(name: str) -> str:
    """The column that says whether the source says something for a property."""
    return f"?{name}"


def reject(number: int) -> str:
    """The column of an edge's own reject condition."""
    return f"!{number}"


def hard(edge: EdgeRows, now: int) -> Iterator[Check]:
    table = EDGE_TABLES[edge.table]
    yield Check(f"no {table.src.lower()}", pl.col(SRC).is_null())
    yield Check(f"no {table.dst.lower()}", pl.col(DST).is_null())
    if table.src == table.dst:
        yield Check("a tie to oneself", pl.col(SRC) == pl.col(DST))
    for end in (SRC, DST, *([table.type.key] if table.type.key else [])):
        yield Check(TOO_LONG, too_long(end))
    if table.type.key:
        yield Check(f"no {table.type.key}", pl.col(table.type.key).is_null())
    for number, check in enumerate(edge.rejects):
        yield Check(check.reason, pl.col(reject(number)))
    required = _REQUIRED.get(edge.table)
    if required:
        yield Check(f"no {required}", ~pl.col(given(required)))
    if "at" in edge.values:
        yield Check("no time", ~pl.col(given("at")))
    for name in _HARD:
        if name in edge.values:
            yield from _wrong(name, edge.values[name], edge.scale, now)


def soft(rows: EdgeRows | NodeRows, now: int) -> Iterator[tuple[str, Check]]:
    """(property, check); the property becomes null where the check fails."""
    kept = _HARD if isinstance(rows, EdgeRows) else ()
    for name, value in rows.values.items():
        if name not in kept:
            for check in _wrong(name, value, None, now):
                yield name, check


def missing(rows: EdgeRows | NodeRows) -> Iterator[Check]:
    """Properties that nothing was said for; a finding, no more."""
    silent = set(_OFTEN_EMPTY)
    if isinstance(rows, EdgeRows):
        silent |= {_REQUIRED.get(rows.table, ""), "at", "title"}
    for name in rows.values:
        if name not in silent:
            yield Check(f"no {name}", ~pl.col(given(name)))


def _wrong(name: str, value: Value, scale: tuple[float, float] | None, now: int) -> Iterator[Check]:
    cell = pl.col(name)
    if name in TIMES:
        yield Check(f"{name} is not a time", pl.col(given(name)) & cell.is_null())
        yield Check("time before 1990", cell < OLDEST)
        yield Check("time in the future", cell > now)
        return
    yield Check(f"{name} is not {_WORD[value.type]}", pl.col(given(name)) & cell.is_null())
    if name == "rating" and scale:
        low, high = scale
        off = ~cell.is_between(low, high)
        yield Check(f"rating off the scale {low:g} to {high:g}", off)
    elif name == "quantity":
        yield Check("quantity not above zero", cell <= 0)
    elif name in ("price", "weight", "helpful"):
        yield Check(f"negative {name}", cell < 0)


def tally(frame: pl.DataFrame, listed: list[Check]) -> tuple[pl.DataFrame, dict[str, int]]:
    """A boolean column per check (named by its place), and how many rows each found."""
    flags = frame.select(c.fails.fill_null(False).alias(str(i)) for i, c in enumerate(listed))
    found: dict[str, int] = {}
    for check, flag in zip(listed, flags, strict=True):
        count = int(flag.sum())
        if count:
            found[check.reason] = found.get(check.reason, 0) + count
    return flags, found


def first_reason(flags: pl.DataFrame, checks: list[Check]) -> pl.Series:
    """The first check that failed, by row; null where all held."""
    if not checks:
        return pl.Series("reason", [None] * flags.height, dtype=pl.String)
    reasons = [pl.when(pl.col(str(i))).then(pl.lit(c.reason)) for i, c in enumerate(checks)]
    return flags.select(pl.coalesce(reasons).cast(pl.String).alias("reason"))["reason"]
