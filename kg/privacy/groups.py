"""Rows about groups of users → those whose group is large enough to hide one person in."""

from __future__ import annotations

from dataclasses import replace

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
