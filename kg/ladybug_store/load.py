"""Source tables into the file: bulk load into an empty table, upsert into any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
import pyarrow as pa

from kg.bare import bare_apart, updated_of
from kg.errors import CountMismatch, StoreError
from kg.ladybug_store.catalog import Columns, Target, columns, holder, target
from kg.ladybug_store.columns import Rows, batches, identity_of, keys_of, name_of, stored
from kg.ladybug_store.engine import Writing, one_line
from kg.ladybug_store.tables import (
    Ends,
    copy,
    count,
    frame_of,
    last_of_each,
    merge,
    pattern,
    property_of,
    scan,
    short,
    value,
)
from kg.schema import DST, SRC, EdgeTable
from kg.store import WriteCount
from kg.touched import users_at

GROUP_ROWS, GROUP_BYTES = 2_000_000, 1 << 28
"""Batches of an upsert are taken together up to this size: each group reads the table once."""
MERGE_BELOW = 50
"""Merging costs some 80 µs a row sent, telling the difference 1.7 µs a row there: the first is
cheaper where the table holds more than 50 times the rows sent."""


def bulk_load(writing: Writing, table: str, rows: Rows) -> WriteCount:
    connection, kind = writing.connection, target(table)
    there = columns(connection, holder(kind))
    before = count(connection, kind)
    if before:
        raise StoreError(f"{table}: has {before} rows; a bulk load needs it empty, use upsert")
    writing.bulk()
    ends = Ends(connection, kind) if isinstance(kind, EdgeTable) else None
    sent = 0
    for batch in batches(rows):
        ready = stored(kind, batch, there)
        if ends:
            ends.check(ready)
        try:
            copy(connection, kind, ready)
        except RuntimeError as e:
            raise StoreError(f"{table}: {one_line(e)}. No {table} was written") from e
        sent += ready.num_rows
    _compare(table, sent, count(connection, kind))
    writing.rows[table] = sent
    return WriteCount(created=sent)


def upsert(writing: Writing, table: str, rows: Rows) -> WriteCount:
    kind = target(table)
    there = columns(writing.connection, holder(kind))
    written = WriteCount()
    merging: bool | None = None
    for group in _groups(kind, rows, there):
        if merging is None:
            merging = group.num_rows * MERGE_BELOW < count(writing.connection, kind)
        if not merging:
            writing.bulk()
        written += upsert_group(writing, kind, group, merging=merging)
    return written


def upsert_group(writing: Writing, kind: Target, rows: pa.Table, *, merging: bool) -> WriteCount:
    """Rows in stored form; of those with one identity the last counts."""
    last = last_of_each(kind, rows)
    written = (_by_merging if merging else _by_difference)(writing, kind, last)
    return written + WriteCount(unchanged=rows.num_rows - last.num_rows)


def _groups(kind: Target, rows: Rows, there: Columns) -> Iterator[pa.Table]:
    """Batches that name the same columns, together."""
    group: list[pa.Table] = []
    for batch in batches(rows):
        ready = stored(kind, batch, there)
        if group and (
            ready.column_names != group[0].column_names
            or sum(g.num_rows for g in group) >= GROUP_ROWS
            or sum(g.nbytes for g in group) >= GROUP_BYTES
        ):
            yield pa.concat_tables(group)
            group = []
        if ready.num_rows:
            group.append(ready)
    if group:
        yield pa.concat_tables(group)


def _by_merging(writing: Writing, kind: Target, rows: pa.Table) -> WriteCount:
    connection = writing.connection
    event = kind if isinstance(kind, EdgeTable) and kind.type.key else None
    new = writing.ids.new(connection, event, rows[event.type.key]) if event else None
    found, created, updated = 0, 0, 0
    for part in bare_apart(rows, keys_of(kind)):
        before = count(connection, kind)
        taken, other = merge(connection, kind, part)
        came = count(connection, kind) - before
        found, created = found + taken, created + came
        updated += updated_of(part, keys_of(kind), other=other, created=came)
    if found != rows.num_rows:
        if isinstance(kind, EdgeTable):
            Ends(connection, kind).check(rows)
        raise CountMismatch(f"{name_of(kind)}: the engine took fewer rows than the {rows.num_rows}")
    if event and created and created != new:  # ids that may be known became edges
        writing.ids.forget(event)  # most likely of edges that have gone: the next look finds none
        _check_not_moved(connection, event, rows)
    # which of the rows it was is not asked: they are few beside all
    return WriteCount(
        created,
        updated,
        unchanged=rows.num_rows - created - updated,
        touched=_users_at(kind, rows) if created or updated else None,
    )


def _users_at(kind: Target, rows: pa.Table) -> tuple[pa.Array, ...] | None:
    return users_at(kind, rows) if isinstance(kind, EdgeTable) else None


def _check_not_moved(connection: Any, event: EdgeTable, rows: pa.Table) -> None:
    """Raises StoreError where the id of a row is an edge's between other nodes."""
    at = rows.column_names.index(event.type.key)
    moved = value(
        connection,
        f"LOAD FROM $rows MATCH {pattern(event)} WHERE e.{event.type.key} = c{at} "
        f"AND ({property_of(event, SRC)} <> c0 OR {property_of(event, DST)} <> c1) "
        f"RETURN min(c{at})",
        rows,
    )
    if moved is not None:
        raise _moved(event, moved)


def _by_difference(writing: Writing, kind: Target, rows: pa.Table) -> WriteCount:
    """What is new is copied, what is other is changed, what is the same is left alone."""
    connection = writing.connection
    before = count(connection, kind)
    identity, keys = identity_of(kind), keys_of(kind)
    names = [f"c{k}" for k in range(rows.num_columns)]
    ids = [f"c{rows.column_names.index(c)}" for c in identity]
    new = frame_of(rows.rename_columns(names))
    old = frame_of(scan(connection, kind, rows.column_names).rename_columns(names))
    old = old.unique(subset=ids, keep="any").with_columns(known=True)
    both = new.join(old, on=ids, how="left", suffix="_old", maintain_order="left")
    known = both["known"].is_not_null()
    for k in range(len(keys)):
        if keys[k] not in identity:
            elsewhere = both.filter(known & (pl.col(f"c{k}") != pl.col(f"c{k}_old")))
            if elsewhere.height:
                raise _moved(kind, elsewhere[ids[0]][0])
    properties = [n for n in names[len(keys) :] if n not in ids]
    differs = [pl.col(n).ne_missing(pl.col(f"{n}_old")) for n in properties]
    other = known & both.select(pl.any_horizontal(pl.lit(False), *differs)).to_series()
    created, changed = rows.filter((~known).to_arrow()), rows.filter(other.to_arrow())
    if created.num_rows:
        if isinstance(kind, EdgeTable):
            Ends(connection, kind).check(created)
            writing.ids.forget(kind)  # a read of all ids is little beside this one
        copy(connection, kind, created)
    if changed.num_rows:
        taken, _ = merge(connection, kind, changed)
        _compare(name_of(kind), changed.num_rows, taken)
    writing.rows[name_of(kind)] = before + created.num_rows
    _compare(name_of(kind), writing.rows[name_of(kind)], count(connection, kind))
    return WriteCount(
        created=created.num_rows,
        updated=changed.num_rows,
        unchanged=rows.num_rows - created.num_rows - changed.num_rows,
        touched=_users_at(kind, pa.concat_tables([created, changed])),
    )


def _moved(kind: Target, event: str) -> StoreError:
    return StoreError(
        f"{name_of(kind)}: {short(event)} is known between other nodes; an event cannot move: does "
        f"its key tell too few apart, or is this another shop? No {name_of(kind)} was written"
    )


def _compare(table: str, sent: int, found: int) -> None:
    if sent != found:
        raise CountMismatch(f"{table}: {sent} rows expected, {found} found. No {table} was written")
