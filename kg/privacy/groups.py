"""Rows about groups of users → those whose group is large enough to hide one person in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kg.errors import GroupTooSmall
from kg.store import QueryResult

COUNT = "users"
"""The column of named queries that says how many users a row is about."""


def large_enough(result: QueryResult, smallest: int) -> tuple[QueryResult, int]:
    """Without rows about fewer users than `smallest`; and how many those were. Results that count
    no users stay as they are."""
    if smallest <= 1 or COUNT not in result.columns:
        return result, 0
    at = result.columns.index(COUNT)
    kept = [row for row in result.rows if row[at] is None or row[at] >= smallest]
    return replace(result, rows=kept), len(result.rows) - len(kept)


def refuse_small(users: int, smallest: int, hints: Sequence[str] = ()) -> None:
    """Raises GroupTooSmall, which does not say how many there are. `hints`: what may be why."""
    if users < smallest:
        why = f" ({'; '.join(hints)})" if hints else ""
        raise GroupTooSmall(
            f"fewer than {smallest} users, too small a group to be shown{why}; ask more widely "
            "(the smallest group is KG_MIN_GROUP)"
        )
