"""Edge tables brought to what they should hold.

What is live is read first. A table of which much differs is written anew beside the old one, whose
name it takes at commit; where it is little, these edges are deleted and copied in again. (SET on an
edge costs 90 µs, COPY 4, DELETE 10, and a commit 2 µs for each edge of the type, changed or not.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.changes import VERSION, Changes, changes, keeping_versions
from kg.errors import CountMismatch, StoreError
from kg.ladybug_store.catalog import columns, create_table, target
from kg.ladybug_store.columns import stored, with_nulls
from kg.ladybug_store.engine import Writing
from kg.ladybug_store.few import edges_at
from kg.ladybug_store.places import ENDS, TARGET, Ints, Places
from kg.ladybug_store.tables import (
    Ends,
    copy,
    count,
    last_of_each,
    pattern,
    scan,
    value,
)
from kg.schema import DST, EDGE_TABLES, NODE_BY_LABEL, SRC, EdgeTable, Type
from kg.store import WriteCount

ANEW = 0.25
"""Share of a type's edges from which it is cheaper to write all of them anew."""
MANY, SOME = 100_000, 50
"""Edges from which some users' edges are looked at first, and how many users."""


def replace_edges(writing: Writing, table: str, rows: pa.Table) -> WriteCount:
    only_ours(table)
    found = wanted_edges(writing.connection, table, rows)
    if found.touched:
        writing.bulk()
    return write_edges(writing, [found], pa.chunked_array([], pa.string()))[table]


def only_ours(table: str) -> None:
    kind = target(table)
    if not isinstance(kind, EdgeTable) or not kind.type.written_by_us:
        raise StoreError(f"{table}: holds what a source said; only edges we infer are replaced")


@dataclass(frozen=True)
class Edges:
    """What one edge table should hold, or the part of it that ends at certain nodes."""

    pair: EdgeTable
    rows: pa.Table
    """In stored form"""
    ends: Ints
    """[rows] `places.ENDS`"""
    live: Ints
    """[live] of what is there now"""
    found: Changes
    part_of: pa.ChunkedArray | None
    places: Places

    @property
    def written(self) -> np.ndarray:
        """Rows that are new or others."""
        return np.sort(np.concatenate([self.found.created, self.found.changed]))

    @property
    def deleted(self) -> np.ndarray:
        """Live rows that go, or come back as others."""
        return np.sort(np.concatenate([self.found.gone, self.found.at[self.found.changed]]))

    @property
    def touched(self) -> int:
        return len(self.found.created) + len(self.found.changed) + len(self.found.gone)

    @property
    def count(self) -> WriteCount:
        created, updated = len(self.found.created), len(self.found.changed)
        return WriteCount(
            created=created,
            updated=updated,
            unchanged=self.rows.num_rows - created - updated,
            deleted=len(self.found.gone),
        )


def wanted_edges(
    connection: Any,
    name: str,
    given: pa.Table | None,
    to: pa.ChunkedArray | None = None,
    places: Places | None = None,
) -> Edges:
    """`to`: only live edges to these nodes are replaced; None replaces all of the table."""
    pair = EDGE_TABLES[name]
    there = columns(connection, pair.type.name)
    own = stored(pair, pair.arrow.empty_table() if given is None else given, there)
    own = with_nulls(own, there.keys() - set(own.column_names), there, on_edge=True)
    own = own.select([SRC, DST, *there])
    places = places or Places(connection)
    ends = places.ends(pair, own)
    _once_each(pair, own, ends)
    live, found = _compared(connection, places, pair, own, ends, to)
    rows = keeping_versions(live, own, found)
    return Edges(pair, rows, ends, live[ENDS].to_numpy(), found, to, places)


def _once_each(pair: EdgeTable, rows: pa.Table, ends: Ints) -> None:
    known = np.sort(ends[ends >= 0])
    strangers = rows.filter(pa.array(ends < 0))
    distinct = last_of_each(pair, strangers).num_rows
    if (known[1:] == known[:-1]).any() or distinct < strangers.num_rows:
        raise StoreError(f"{pair.name}: an edge is there twice. Nothing was written")


def _compared(
    connection: Any,
    places: Places,
    pair: EdgeTable,
    own: pa.Table,
    ends: Ints,
    to: pa.ChunkedArray | None,
) -> tuple[pa.Table, Changes]:
    """What is live, and how `own` differs from it. Where one column shows that all edges that stay
    are others, the others are not read: of a release of another moment, say."""
    wanted = own.drop_columns([SRC, DST]).add_column(0, ENDS, pa.array(ends))
    names = wanted.column_names[1:]
    going = None if to is None else pa.array(places.of(pair.dst, to))
    telling = _telling(connection, pair, own)
    for some in ([telling], names) if telling else (names,):
        live = places.scan(pair, some)
        if going is not None:
            live = live.filter(pc.is_in(pc.bit_wise_and(live[ENDS], TARGET), going))
        found = changes(live, wanted.select([ENDS, *some]), [ENDS])
        if len(found.changed) == np.count_nonzero(found.at >= 0):
            break
    return live, found


def _telling(connection: Any, pair: EdgeTable, own: pa.Table) -> str | None:
    """A column in which all edges of some users that stay are others, where there are many."""
    if own.num_rows < MANY:
        return None
    kinds = columns(connection, pair.type.name)
    names = [n for n, kind in kinds.items() if n != VERSION and kind is not Type.STRINGS]
    asked = own[SRC].take(pa.array(np.linspace(0, own.num_rows - 1, SOME, dtype=np.int64)))
    users = pc.unique(asked.combine_chunks())
    there = edges_at(connection, pair, names, users, SRC)
    theirs = own.filter(pc.is_in(own[SRC], users)).select([SRC, DST, *names])
    found = changes(there, theirs, [SRC, DST])
    stay = found.at >= 0
    return next((n for n in names if stay.any() and found.differs[n][stay].all()), None)


def write_edges(
    writing: Writing, tables: Iterable[Edges], going: pa.ChunkedArray
) -> dict[str, WriteCount]:
    """Each table in place or anew; `going` are categories that are removed at commit, and no edge
    may be left at one."""
    by_type: dict[str, list[Edges]] = {}
    for table in tables:
        _check_ends(writing.connection, table, going)
        by_type.setdefault(table.pair.type.name, []).append(table)
    for name, pairs in by_type.items():
        there = sum(count(writing.connection, p) for p in _pairs(name))
        if sum(t.touched for t in pairs) > ANEW * there:
            _anew(writing, name, {t.pair.name: t for t in pairs}, going)
        else:
            for table in pairs:
                _in_place(writing, table)
    return {t.pair.name: t.count for pairs in by_type.values() for t in pairs}


def _pairs(edge_type: str) -> list[EdgeTable]:
    return [t for t in EDGE_TABLES.values() if t.type.name == edge_type]


def _in_place(writing: Writing, table: Edges) -> None:
    """The edges that differ out, and in again."""
    pair, connection = table.pair, writing.connection
    if not table.touched:
        return
    before = count(connection, pair)
    rows = table.rows.take(pa.array(table.written))
    deleted = table.places.keys(pair, table.live[table.deleted])
    if deleted.num_rows:
        a, b = NODE_BY_LABEL[pair.src], NODE_BY_LABEL[pair.dst]
        ends = pattern(pair).replace(f"a:{a.label}", f"a:{a.label} {{{a.key}: c0}}", 1)
        ends = ends.replace(f"b:{b.label}", f"b:{b.label} {{{b.key}: c1}}", 1)
        text = f"LOAD FROM $rows MATCH {ends} DELETE e RETURN count(*)"
        _compare(pair, deleted.num_rows, int(value(connection, text, deleted)))
    copy(connection, pair, rows)
    writing.rows[pair.name] = before - deleted.num_rows + rows.num_rows
    _compare(pair, writing.rows[pair.name], count(connection, pair))


def _anew(writing: Writing, name: str, tables: Mapping[str, Edges], going: pa.ChunkedArray) -> None:
    """A new edge table beside the old one. A type's other pairs of labels move along, but for edges
    to categories that are going."""
    connection = writing.connection
    there = columns(connection, name)
    beside = f"{name}_next"
    connection.execute(create_table(name, there, called=beside))
    for pair in _pairs(name):
        own = tables.get(pair.name)
        kept = 0
        if own is None or own.part_of is not None:
            rest = scan(connection, pair, [SRC, DST, *there])
            leaving = going if pair.dst == "Category" else None
            for ends in (leaving, own.part_of if own else None):
                if ends is not None:
                    rest = rest.filter(pc.invert(pc.is_in(rest[DST], ends)))
            copy(connection, pair, rest, beside)
            kept = rest.num_rows
        if own is not None:
            copy(connection, pair, own.rows, beside)
            kept += own.rows.num_rows
        writing.rows[pair.name] = kept
        _compare(pair, kept, count(connection, pair, beside))
    writing.at_commit.append((f"DROP TABLE {name}", {}))
    writing.at_commit.append((f"ALTER TABLE {beside} RENAME TO {name}", {}))


def _check_ends(connection: Any, table: Edges, going: pa.ChunkedArray) -> None:
    """Of edges whose ends were not there, and of those that would lose one."""
    lost = table.ends < 0
    without = going if table.pair.dst == "Category" and len(going) else None
    if without is not None:
        lost |= pc.is_in(table.rows[DST], without).to_numpy()
    if lost.any():
        rows = table.rows.filter(pa.array(lost))
        Ends(connection, table.pair, without).check(rows, of=table.rows.num_rows)


def _compare(pair: EdgeTable, expected: int, found: int) -> None:
    if found != expected:
        raise CountMismatch(
            f"{pair.name}: {expected} rows expected, {found} found. Nothing was written"
        )
