"""Checked conditions on the columns of users' properties: what they hold for.

A comparison with what is not known is not known (as in SQL): such users are not chosen, nor by
`not`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from kg.schema import Property, Type

Value = str | int | float | bool
COMPARE = {
    "=": pc.equal, "!=": pc.not_equal, "<": pc.less, "<=": pc.less_equal, ">": pc.greater,
    ">=": pc.greater_equal,
}  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """A property beside values: one for `= != < <= > >= contains`, several for `in`, none for
    `is null`."""

    property: Property
    operator: str
    values: tuple[Value, ...] = ()

    def holds(self, users: pa.Table) -> pa.ChunkedArray:
        column = users[self.property.name]
        if self.operator == "is null":
            return pc.is_null(column)
        if self.operator == "contains":
            return self._contains(column)
        if self.operator == "in":
            each = (pc.equal(column, pa.scalar(v)) for v in self.values)
            return reduce(pc.or_kleene, each)
        return COMPARE[self.operator](column, pa.scalar(self.values[0]))

    def _contains(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        wanted = str(self.values[0])
        if self.property.type != Type.STRINGS:
            return pc.match_substring(column, wanted, ignore_case=True)
        lists = column.combine_chunks()
        row = pc.list_parent_indices(lists).filter(pc.equal(pc.list_flatten(lists), wanted))
        found = pc.is_in(pa.array(range(len(lists)), row.type), pc.unique(row))
        return pc.if_else(pc.is_valid(lists), found, None)


@dataclass(frozen=True)
class Joined:
    """`and` or `or` of two or more."""

    word: str
    parts: tuple[Condition, ...]

    def holds(self, users: pa.Table) -> pa.ChunkedArray:
        join = pc.and_kleene if self.word == "and" else pc.or_kleene
        return reduce(join, (part.holds(users) for part in self.parts))


@dataclass(frozen=True)
class Not:
    part: Condition

    def holds(self, users: pa.Table) -> pa.ChunkedArray:
        return pc.invert(self.part.holds(users))


Condition = Comparison | Joined | Not
"""`holds(users)` is true, false or null (not known) by row."""


def comparisons(condition: Condition) -> Iterator[Comparison]:
    """All of them, in the order of the text."""
    match condition:
        case Comparison():
            yield condition
        case Not(part):
            yield from comparisons(part)
        case Joined(_, parts):
            for part in parts:
                yield from comparisons(part)


def is_known_text(comparison: Comparison, column: pa.ChunkedArray, most: int = 50) -> str | None:
    """Where a text is asked for that nobody has, and few texts are there: a sentence that says
    so."""
    if comparison.property.type != Type.STRING or comparison.operator not in ("=", "in"):
        return None
    there: list[Any] = pc.unique(column.drop_null()).to_pylist()
    lost = [str(v) for v in comparison.values if v not in there]
    if not lost or not 0 < len(there) <= most:
        return None
    near = get_close_matches(lost[0], there, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(there))}"
    return f"{comparison.property.name}: no user has {lost[0]!r}; {hint}"
