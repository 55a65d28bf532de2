"""A few users, by their keys: their edges out; their profiles anew, a block of users at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import neo4j
import pyarrow as pa

import kg.around
from kg.around import Asked
from kg.errors import CountMismatch, StoreError
from kg.neo4j_store import read_text, release_text, text
from kg.neo4j_store.columns import sent
from kg.neo4j_store.connection import Server, run
from kg.neo4j_store.kinds import EdgeKind, edge_kind, node_kind
from kg.neo4j_store.pages import table_of
from kg.neo4j_store.replace import SOURCES, BySource, by_source, distinct, replace_block
from kg.neo4j_store.rows import STATEMENT_ROWS, pieces
from kg.neo4j_store.write import check_ends, expect, params, update
from kg.profile import PROFILE_OF
from kg.schema import DST, SRC, Type
from kg.store import Snapshot, WriteCount

USERS = 500
"""Whose edges make a page."""
AT_ONCE = 25
"""Users who are renewed in one statement."""
USER = node_kind("User", {})


def around(
    tx: neo4j.ManagedTransaction,
    users: Sequence[str],
    edges: Mapping[str, Sequence[str]],
    friend_events: int | None,
) -> Snapshot:
    """In one transaction: for one user the way to the server and back is most of the time."""
    return kg.around.around(
        users, edges, partial(_there, tx), partial(_edges_at, tx), friend_events
    )


def _there(tx: neo4j.ManagedTransaction, users: pa.Array) -> pa.Array:
    statement = text.found_keys(USER.name)
    found: list[str] = []
    for part in pieces(pa.table({"key": users})):
        found += run(tx, statement, keys=sent(part["key"])).single(strict=True)["keys"]
    return pa.array(found, pa.string())


def _edges_at(tx: neo4j.ManagedTransaction, asks: Sequence[Asked]) -> list[pa.Table]:
    """`kg.around.EdgesAt`; the server leaves out what is not among the last. Asked for one user,
    all is one statement."""
    types = [_types_of(ask) for ask in asks]
    pages = [[table_of([[] for _ in of], of)] for of in types]
    for group in _together(asks):
        statement = read_text.edges_at(
            [(asks[k].edge, asks[k].names, asks[k].end, asks[k].last is not None) for k, _ in group]
        )
        given: dict[str, object] = {}
        for i, (k, users) in enumerate(group):
            given |= {f"keys{i}": sent(users), f"last{i}": asks[k].last}
        lists = iter(run(tx, statement, given).single(strict=True))
        for k, _ in group:
            pages[k].append(table_of([next(lists) for _ in types[k]], types[k]))
    return [pa.concat_tables(found) for found in pages]


def _types_of(ask: Asked) -> dict[str, Type]:
    kinds = edge_kind(ask.edge.name, {}).columns
    for name in ask.names:
        if name not in kinds or name in (SRC, DST):
            raise StoreError(f"{ask.edge.name} has no column {name!r} to export")
    return {SRC: Type.STRING, DST: Type.STRING, **{n: kinds[n] for n in ask.names}}


def _together(asks: Sequence[Asked]) -> list[list[tuple[int, pa.ChunkedArray]]]:
    """(place among what was asked, users) of each statement: one of all of them for few users, else
    one for each page. Nothing between, of which there were a text, and a plan, for each mixture."""
    parts = [
        (k, page["key"])
        for k, ask in enumerate(asks)
        for page in pieces(pa.table({"key": ask.users}), USERS)
    ]
    if sum(len(users) for _, users in parts) > USERS:
        return [[part] for part in parts]
    return [parts] if parts else []


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
    tables = [_by_user(name, table, keys) for name, table in edges.items()]
    if len(keys) > SOURCES:  # nothing may be written before the last end was seen to be there
        _check_ends(server, tables)
    totals = {table.kind.name: WriteCount() for table in tables}
    for start in range(0, len(keys), SOURCES):
        last = min(start + SOURCES, len(keys)) - 1
        _say_who(server, keys[start].as_py(), keys[last].as_py())
        try:
            block = server.write(partial(_renew, rows=rows, tables=tables, start=start))
        except CountMismatch:
            _say_who(server, None, None)
            _check_ends(server, tables)  # which says the end that is missing
            raise
        totals = {name: total + block[name] for name, total in totals.items()}
    _say_who(server, None, None)
    return {USER.name: WriteCount(updated=rows.num_rows), **totals}


def _say_who(server: Server, first: str | None, last: str | None) -> None:
    named = {"first": first, "last": last}
    server.write(lambda tx: run(tx, release_text.RENEWING, named).consume())


def _by_user(name: str, rows: pa.Table, users: pa.ChunkedArray) -> BySource:
    kind = edge_kind(name, {})
    if not kind.table.type.written_by_us:
        raise StoreError(f"{name} holds a source's own edges: upsert them, never replace them")
    return by_source(kind, distinct(kind, rows), users)


def _check_ends(server: Server, tables: Sequence[BySource]) -> None:
    for table in tables:
        check_ends(server, table.kind, lambda: [table.rows])  # noqa: B023 - called at once


def _renew(
    tx: neo4j.ManagedTransaction, rows: pa.Table, tables: Sequence[BySource], start: int
) -> Mapping[str, WriteCount]:
    own = rows.slice(start, SOURCES)
    blocks = [table.block(start, start + own.num_rows) for table in tables]
    if own.num_rows <= AT_ONCE and all(block.num_rows <= STATEMENT_ROWS for block in blocks):
        return _renew_at_once(tx, own, [t.kind for t in tables], blocks)
    update(tx, USER, own)
    return replace_block(tx, tables, rows[USER.type.key], start)


def _renew_at_once(
    tx: neo4j.ManagedTransaction,
    users: pa.Table,
    kinds: Sequence[EdgeKind],
    blocks: Sequence[pa.Table],
) -> Mapping[str, WriteCount]:
    columns = [(kind, block.column_names) for kind, block in zip(kinds, blocks, strict=True)]
    statement = release_text.renew(USER, users.column_names, columns)
    given = {"keys": sent(users[USER.type.key]), **params(users, "u")}
    for j, block in enumerate(blocks):
        given |= params(block, f"e{j}_")
    n, *counts = run(tx, statement, given).single(strict=True)
    expect(USER, n, users.num_rows)
    for kind, block, made in zip(kinds, blocks, counts[1::2], strict=True):
        expect(kind, made, block.num_rows)
    return {
        kind.name: WriteCount(created=made, deleted=gone)
        for kind, gone, made in zip(kinds, counts[::2], counts[1::2], strict=True)
    }
