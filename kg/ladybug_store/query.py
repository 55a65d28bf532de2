"""A reader's or writer's own Cypher: checked, bounded in time and rows, plain Python out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from kg.errors import QueryError, QueryTimeout, StoreError, WriteRefused
from kg.ladybug_store import guard
from kg.ladybug_store.encoding import plain
from kg.ladybug_store.engine import one_line
from kg.ladybug_store.guard import Token
from kg.store import QueryResult

_INTERNAL = {"_ID", "_LABEL", "_SRC", "_DST"}
_UNTYPED = ("ANY type", "UNREACHABLE_CODE")
"""What the engine says where it would have had to know what an empty list is a list of."""


def checked(text: str, params: Mapping[str, Any], *, read_only: bool) -> list[Token]:
    """The text's tokens. Raises `WriteRefused` and `QueryError` before anything runs."""
    found = guard.tokens(text)
    if read_only:
        guard.refuse_writes(found)
    statement = guard.one_statement(found)
    if read_only:
        guard.must_read(statement)
    absent = guard.parameters(statement) - params.keys()
    if absent:
        raise QueryError(f"no value for the parameters {', '.join(sorted(absent))}")
    return statement


def run(
    connection: Any,
    text: str,
    found: Sequence[Token],
    params: Mapping[str, Any],
    timeout_s: float,
    max_rows: int,
) -> QueryResult:
    """Raises `QueryError`, `QueryTimeout`, `WriteRefused`."""
    used = {k: v for k, v in params.items() if k in guard.parameters(found)}
    connection.set_query_timeout(max(1, int(timeout_s * 1000)))
    try:
        with _execute(connection, guard.limited(text, found, max_rows + 1), found, used) as result:
            columns = result.get_column_names()
            rows = result.get_n(max_rows + 1)
    except (RuntimeError, OverflowError, TypeError, UnicodeError) as e:
        raise _explained(one_line(e), timeout_s) from e
    return QueryResult(
        columns=columns,
        rows=[[_plain(v) for v in row] for row in rows[:max_rows]],
        truncated=len(rows) > max_rows,
    )


def _execute(connection: Any, text: str, found: Sequence[Token], params: dict[str, Any]) -> Any:
    try:
        return connection.execute(text, params)
    except RuntimeError as e:
        empty = {k: "CAST([] AS STRING[])" for k, v in params.items() if v in ([], ())}
        if not empty or not any(sign in str(e) for sign in _UNTYPED):
            raise
        left = {k: v for k, v in params.items() if k not in empty}
        return connection.execute(guard.with_literals(text, found, empty), left)


def _explained(said: str, timeout_s: float) -> StoreError:
    if "Interrupted" in said:
        return QueryTimeout(f"stopped after {timeout_s:g} s; narrow the query or allow more time")
    if "read-only" in said:
        return WriteRefused(said)
    if "BLOB" in said:
        said += (
            "; this store keeps vectors and lists of texts as bytes: decode() makes JSON of a list"
        )
    return QueryError(said)


def _plain(value: Any) -> Any:
    match value:
        case dict() if "_NODES" in value and "_RELS" in value:
            return {"nodes": _plain(value["_NODES"]), "relationships": _plain(value["_RELS"])}
        case dict() if "_LABEL" in value and "_ID" in value:
            return {k: _plain(v) for k, v in value.items() if v is not None and k not in _INTERNAL}
        case dict():
            return {k: _plain(v) for k, v in value.items()}
        case list() | tuple():
            return [_plain(v) for v in value]
        case bytes() | bytearray():
            return plain(bytes(value))
        case Decimal():
            return int(value) if value.as_tuple().exponent == 0 else float(value)
        case datetime() | date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case UUID():
            return str(value)
        case _:
            return value
