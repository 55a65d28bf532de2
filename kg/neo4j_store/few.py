"""A few users, by their keys: their edges out; their profiles anew, a block of users at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import neo4j
import pyarrow as pa

from kg.errors import StoreError
from kg.neo4j_store import text
from kg.neo4j_store.columns import Column, sent
from kg.neo4j_store.connection import Server, run
from kg.neo4j_store.kinds import edge_kind, node_kind
from kg.neo4j_store.pages import table_of
from kg.neo4j_store.release_text import RENEWING
from kg.neo4j_store.replace import SOURCES, BySource, by_source, distinct, replace_block
from kg.neo4j_store.rows import pieces
from kg.neo4j_store.write import check_ends, update
from kg.profile import PROFILE_OF
from kg.schema import DST, SRC, EdgeTable, Type
from kg.store import WriteCount

USERS = 500
"""Whose edges make a page."""
USER = node_kind("User", {})


def there(server: Server, users: pa.Array) -> pa.Array:
    statement = text.found_keys(USER.name)
    found: list[str] = []
    for part in pieces(pa.table({"key": users})):
        keys = sent(part["key"])
        found += server.read(lambda tx: run(tx, statement, keys=keys).single(strict=True)["keys"])  # noqa: B023 - called at once
    return pa.array(found, pa.string())


def edges_at(
    server: Server, edge: EdgeTable, names: Sequence[str], users: pa.Array, end: str
) -> pa.Table:
    kinds = edge_kind(edge.name, {}).columns
    for name in names:
        if name not in kinds or name in (SRC, DST):
            raise StoreError(f"{edge.name} has no column {name!r} to export")
    types = {SRC: Type.STRING, DST: Type.STRING, **{n: kinds[n] for n in names}}
    statement = text.edges_at(edge, names, end)
    pages = [
        server.read(partial(_page, statement=statement, keys=sent(part["key"]), types=types))
        for part in pieces(pa.table({"key": users}), USERS)
    ]
    return pa.concat_tables([table_of([[] for _ in types], types), *pages])


def _page(
    tx: neo4j.ManagedTransaction, statement: str, keys: Column, types: Mapping[str, Type]
) -> pa.Table:
    return table_of(list(run(tx, statement, keys=keys).single(strict=True).values()), types)


def renew_profiles(
    server: Server, users: pa.Table, edges: Mapping[str, pa.Table]
) -> dict[str, WriteCount]:
    """One transaction holds a user's profile and edges; as in a publish, the live release names the
    block that is being committed."""
    rows = distinct(USER, users).sort_by(USER.type.key)
    declared = {p.name for p in PROFILE_OF[USER.name]} | {USER.type.key}
    for column in rows.column_names:
        if column not in declared:
            raise StoreError(f"User.{column} is not part of a profile")
    if not rows.num_rows:
        return {}
    keys = rows[USER.type.key]
    tables = [_checked(server, name, table, keys) for name, table in edges.items()]
    totals = {table.kind.name: WriteCount() for table in tables}
    for start in range(0, len(keys), SOURCES):
        last = min(start + SOURCES, len(keys)) - 1
        _say_who(server, keys[start].as_py(), keys[last].as_py())
        block = server.write(partial(_renew, rows=rows, tables=tables, start=start))
        totals = {name: total + block[name] for name, total in totals.items()}
    _say_who(server, None, None)
    return {USER.name: WriteCount(updated=rows.num_rows), **totals}


def _say_who(server: Server, first: str | None, last: str | None) -> None:
    named = {"first": first, "last": last}
    server.write(lambda tx: run(tx, RENEWING, named).consume())


def _checked(server: Server, name: str, rows: pa.Table, users: pa.ChunkedArray) -> BySource:
    kind = edge_kind(name, {})
    if not kind.table.type.written_by_us:
        raise StoreError(f"{name} holds a source's own edges: upsert them, never replace them")
    table = distinct(kind, rows)
    check_ends(server, kind, lambda: [table])
    return by_source(kind, table, users)


def _renew(
    tx: neo4j.ManagedTransaction, rows: pa.Table, tables: Sequence[BySource], start: int
) -> Mapping[str, WriteCount]:
    update(tx, USER, rows.slice(start, SOURCES))
    return replace_block(tx, tables, rows[USER.type.key], start)
