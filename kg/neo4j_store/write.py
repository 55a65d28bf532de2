"""Checked rows → nodes and edges: bulk load, upsert.

Everything the data can be wrong in is found before the first write. A call of up to
`rows.TRANSACTION_ROWS` rows is one transaction, all or nothing. A larger one is a series of such:
cut off in the middle it leaves whole parts of itself, and an upsert of the same rows finishes it.
A bulk load of such a series may have several writers (`NEO4J_WRITERS`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import neo4j
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.bare import bare_apart, updated_of
from kg.errors import CountMismatch, StoreError
from kg.neo4j_store import text
from kg.neo4j_store.columns import Column, sent
from kg.neo4j_store.connection import Server, run
from kg.neo4j_store.errors import CONSTRAINT
from kg.neo4j_store.kinds import EdgeKind, NodeKind
from kg.neo4j_store.rows import (
    STATEMENT_ROWS,
    Rows,
    gathered,
    in_order,
    last_of_each_key,
    pieces,
    refuse_repeated_keys,
)
from kg.neo4j_store.schedule import edge_rounds, node_round
from kg.neo4j_store.writers import write_rounds
from kg.schema import DST, SRC
from kg.store import WriteCount
from kg.touched import users_at


def bulk_load(
    server: Server, kind: NodeKind | EdgeKind, given: pa.Table | Iterable[pa.Table]
) -> WriteCount:
    with gathered(kind, given) as rows:
        if not rows.num_rows:
            return WriteCount()
        there = count(server, kind)
        if there:
            raise StoreError(f"{kind.name} has {there:,} rows already; upsert adds to them")
        refuse_repeated_keys(kind, rows)
        if isinstance(kind, EdgeKind):
            check_ends(server, kind, rows.batches)
        _create_all(server, kind, rows)
        return WriteCount(created=rows.num_rows)


def _create_all(server: Server, kind: NodeKind | EdgeKind, rows: Rows) -> None:
    def write(part: pa.Table) -> None:
        server.write(partial(create_in_order, kind=kind, rows=part))

    writers = 1 if rows.num_rows <= rows.transaction_rows else _writers(server, kind)
    if writers == 1:
        # a node's edges next to each other: a fifth less for the server than in any order
        for part in rows.transactions(_keys_of(kind)):
            write(part)
        return
    rounds = (r for group in rows.groups() for r in _rounds(kind, group, writers))
    # one statement each, so that little is done again after a deadlock
    size = min(STATEMENT_ROWS, rows.transaction_rows)
    write_rounds(rounds, write, writers=writers, size=size)


def _writers(server: Server, kind: NodeKind | EdgeKind) -> int:
    """One for edges within one label: a third of the transactions of four writers met a deadlock
    there (benchmarks/results/stores_neo4j.md), though no two had a node in common. The newest edge
    of a node, which a new one is linked to, may be the newest of its other end too."""
    if isinstance(kind, EdgeKind) and kind.table.src == kind.table.dst:
        return 1
    return server.writers


def _rounds(
    kind: NodeKind | EdgeKind, group: pa.Table, writers: int
) -> Iterable[Sequence[pa.Table]]:
    if isinstance(kind, NodeKind):
        return (node_round(group, writers, kind.key),)
    return edge_rounds(group, writers)


def upsert(
    server: Server, kind: NodeKind | EdgeKind, given: pa.Table | Iterable[pa.Table]
) -> WriteCount:
    total = WriteCount()
    with gathered(kind, given) as rows:
        if isinstance(kind, EdgeKind):
            check_ends(server, kind, rows.batches)
        for part in rows.transactions():
            distinct = last_of_each_key(part, kind.key)
            # another writer may create one of these keys between our look and our write
            total += server.write(partial(merge, kind=kind, rows=distinct), again=(CONSTRAINT,))
            total += WriteCount(unchanged=part.num_rows - distinct.num_rows)
    return total


def count(server: Server, kind: NodeKind | EdgeKind) -> int:
    asked = ([kind.name], []) if isinstance(kind, NodeKind) else ([], [kind.table])
    return int(server.read(lambda tx: run(tx, text.counts(*asked)).single(strict=True)["n"]))


def check_ends(server: Server, kind: EdgeKind, batches: Callable[[], Iterable[pa.Table]]) -> None:
    """Raises CountMismatch where an edge names a node that is not there: MATCH would drop the row
    without a word."""
    for end, label in ((SRC, kind.table.src), (DST, kind.table.dst)):
        keys = pa.table({"key": pa.array([], pa.string())})
        for batch in batches():
            seen = pa.table({"key": pc.unique(batch[end])})
            keys = pa.concat_tables([keys, seen]).group_by("key").aggregate([])
        missing = [k for part in pieces(keys) for k in _missing(server, label, part["key"])]
        if missing:
            of = pa.array(missing, pa.string())
            lost = [pc.sum(pc.is_in(b[end], value_set=of)).as_py() or 0 for b in batches()]
            total = sum(b.num_rows for b in batches())
            raise missing_end(kind, sum(lost), total, label, missing[0])


def missing_end(kind: EdgeKind, lost: int, rows: int, label: str, example: str) -> CountMismatch:
    return CountMismatch(
        f"{kind.name}: {lost} of {rows} rows name a {label} that is not in the graph, "
        f"such as {example[:200]!r}; load the {label} rows first. "
        f"No {kind.name} was written"
    )


def _missing(server: Server, label: str, keys: pa.ChunkedArray) -> list[str]:
    statement, column = text.missing_keys(label), sent(keys)
    return list(server.read(lambda tx: run(tx, statement, keys=column).single(strict=True)["keys"]))


# --- inside one transaction


def create(tx: neo4j.ManagedTransaction, kind: NodeKind | EdgeKind, rows: pa.Table) -> int:
    """New nodes or edges; as many as rows, or CountMismatch."""
    return create_in_order(tx, kind, _in_key_order(kind, rows))


def create_in_order(tx: neo4j.ManagedTransaction, kind: NodeKind | EdgeKind, rows: pa.Table) -> int:
    # a loader sends every declared column, and a null is what a new node has anyway
    rows = rows.select([c for c in rows.column_names if _has_any(rows[c])])
    made = 0
    for piece in pieces(rows):
        if isinstance(kind, NodeKind):
            statement = text.create_nodes(kind, piece.column_names)
            made += _counters(tx, statement, piece).nodes_created
        else:
            statement = text.create_edges(kind, piece.column_names)
            made += _counters(tx, statement, piece).relationships_created
    expect(kind, made, rows.num_rows)
    return made


def merge(tx: neo4j.ManagedTransaction, kind: NodeKind | EdgeKind, rows: pa.Table) -> WriteCount:
    """Rows of distinct keys, new or known."""
    total = WriteCount()
    for piece in pieces(_in_key_order(kind, rows)):
        if isinstance(kind, EdgeKind) and (key := kind.table.type.key) is not None:
            total += _merge_events(tx, kind, key, piece)
        else:
            for part in bare_apart(piece, _keys_of(kind)):
                total += _merge_part(tx, kind, part)
    return total


def _merge_part(
    tx: neo4j.ManagedTransaction, kind: NodeKind | EdgeKind, part: pa.Table
) -> WriteCount:
    """All of them bare, or none."""
    statement = (
        text.merge_nodes(kind, part.column_names)
        if isinstance(kind, NodeKind)
        else text.merge_edges(kind, part.column_names)
    )
    result = run(tx, statement, **params(part))
    found = result.single(strict=True)
    expect(kind, found["n"], part.num_rows)
    counters = result.consume().counters
    created = counters.nodes_created + counters.relationships_created
    other = found["other"]
    updated = updated_of(part, _keys_of(kind), other=len(other), created=created)
    # of rows that say nothing beside their keys, those that are new are not told from the others
    changed = part.take(pa.array(other, pa.int64())) if other or not created else part
    touched = users_at(kind.table, changed) if isinstance(kind, EdgeKind) else None
    return WriteCount(created, updated, part.num_rows - created - updated, touched=touched)


def _keys_of(kind: NodeKind | EdgeKind) -> tuple[str, ...]:
    return (SRC, DST) if isinstance(kind, EdgeKind) else kind.key


def _has_any(column: pa.ChunkedArray) -> bool:
    return bool(column.null_count == 0 or column.null_count < len(column))


def update(tx: neo4j.ManagedTransaction, kind: NodeKind, rows: pa.Table) -> None:
    """Columns of nodes that are there; all of them, or CountMismatch."""
    for piece in pieces(rows):
        result = run(tx, text.set_nodes(kind, piece.column_names), **params(piece))
        expect(kind, result.single(strict=True)["n"], piece.num_rows)


def params(rows: pa.Table, p: str = "p") -> dict[str, Column]:
    return {f"{p}{i}": sent(column) for i, column in enumerate(rows.columns)}


def expect(kind: NodeKind | EdgeKind, done: int, rows: int) -> None:
    """Inside a transaction: what was counted is what was sent, or it is rolled back."""
    if done != rows:
        raise CountMismatch(
            f"{kind.name}: {rows} rows were sent and {done} arrived; another writer removed nodes "
            "meanwhile. Run it again"
        )


def _merge_events(
    tx: neo4j.ManagedTransaction, kind: EdgeKind, key: str, rows: pa.Table
) -> WriteCount:
    """Ask which events are there, create the rest, set the others: 75 µs a row, by MERGE 120."""
    found = run(tx, text.known_edges(kind, key), keys=sent(rows[key])).single(strict=True)
    at = np.array(found["at"], np.int64)
    known = rows.take(pa.array(at))
    _refuse_moved(kind, key, known, found["src"], found["dst"])
    other = known.slice(0, 0)
    if known.num_rows:
        result = run(tx, text.set_edges(kind, key, known.column_names), **params(known))
        done = result.single(strict=True)
        expect(kind, done["n"], known.num_rows)
        other = known.take(pa.array(done["other"], pa.int64()))
    is_new = np.ones(rows.num_rows, bool)
    is_new[at] = False
    new = rows.filter(pa.array(is_new))
    return WriteCount(
        create(tx, kind, new),
        other.num_rows,
        unchanged=known.num_rows - other.num_rows,
        touched=users_at(kind.table, new) + users_at(kind.table, other),
    )


def _refuse_moved(
    kind: EdgeKind, key: str, known: pa.Table, src: list[Any], dst: list[Any]
) -> None:
    stays = pc.and_(
        pc.equal(known[SRC], pa.array(src, pa.string())),
        pc.equal(known[DST], pa.array(dst, pa.string())),
    )
    moved = known.filter(pc.invert(stays))
    if moved.num_rows:
        example = moved[key][0].as_py()
        raise StoreError(
            f"{kind.name}: {moved.num_rows} rows have a known {key} between other nodes, such as "
            f"{example[:200]!r}; an event cannot move: does its key tell too few apart, or is this "
            "another shop?"
        )


def _in_key_order(kind: NodeKind | EdgeKind, rows: pa.Table) -> pa.Table:
    """Two writers that lock nodes in the same order seldom deadlock; and neighbours in the table
    are neighbours in the store."""
    return in_order(rows, _keys_of(kind))


def _counters(
    tx: neo4j.ManagedTransaction, statement: str, rows: pa.Table
) -> neo4j.SummaryCounters:
    return run(tx, statement, **params(rows)).consume().counters
