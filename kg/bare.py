"""Rows that say nothing beside their keys, told apart from those that do: a store counts what a
write created, and of rows that say something all that it created differ from what was there."""

from __future__ import annotations

from collections.abc import Collection
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc


def bare_apart(rows: pa.Table, keys: Collection[str]) -> list[pa.Table]:
    """The rows with a value beside their `keys`, then those without one; neither is empty."""
    given = [pc.is_valid(rows[name]) for name in rows.column_names if name not in keys]
    if not given:
        return [rows] if rows.num_rows else []
    says = reduce(pc.or_, given)
    parts = [rows.filter(says), rows.filter(pc.invert(says))]
    return [part for part in parts if part.num_rows]


def updated_of(part: pa.Table, keys: Collection[str], *, other: int, created: int) -> int:
    """Of a part as above, the known rows that were changed: `other` of its rows differ from what
    was there, new ones of a part that says something among them."""
    own = [name for name in part.column_names if name not in keys]
    bare = all(part[name].null_count == part.num_rows for name in own)
    return other if bare else other - created
