"""A publish in one transaction: profiles, interests, derived categories, the release's own row.

What is live is read first, and only what differs is written. An edge table of which much differs is
written anew beside the old one, whose name it takes at commit; where it is little, these edges are
deleted and copied in again. (SET on an edge costs 90 µs, COPY 4, DELETE 10, and a commit 2 µs for
each edge of the type, changed or not.)
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
from kg.ladybug_store.load import upsert_group
from kg.ladybug_store.tables import (
    Ends,
    change,
    copy,
    count,
    keys,
    last_of_each,
    pattern,
    scan,
    short,
    value,
)
from kg.profile import PROFILE_OF
from kg.schema import DST, EDGE_TABLES, NODE_BY_LABEL, SRC, EdgeTable, NodeType
from kg.store import ReleaseTables, WriteCount

ANEW = 0.25
"""Share of a type's edges from which it is cheaper to write all of them anew."""
BULK_ROWS = 1_000
"""Changed nodes from which the log should be folded into the file at once."""


def write_release(writing: Writing, tables: ReleaseTables) -> dict[str, WriteCount]:
    connection = writing.connection
    for name in tables.edges:
        _only_ours(name)
    derived = scan(connection, NODE_BY_LABEL["Category"], ["categoryId"], "WHERE n.derived")
    old = going = derived["categoryId"]
    if tables.categories is not None:
        going = _not_in(old, tables.categories["categoryId"])
    profiles = [
        _profiles(connection, label, rows)
        for label, rows in (("User", tables.users), ("Item", tables.items))
    ]
    edges = [_edges(connection, name, rows) for name, rows in tables.edges.items()]
    if tables.item_category is not None or len(old):
        edges.append(_edges(connection, "IN_CATEGORY", tables.item_category, to=old))
    if any(e.touched for e in edges) or sum(p.rows.num_rows for p in profiles) > BULK_ROWS:
        writing.bulk()

    written = {"ProfileRelease": _release_row(writing, tables.release)}
    if tables.categories is not None:
        written["Category"] = _categories(writing, tables.categories, old)
    for found in profiles:
        if found.rows.num_rows:
            change(connection, found.node, found.rows)
        written[found.node.label] = found.count
    written |= _write(writing, edges, going)
    if len(going):  # at the end, when the edges to them have gone with the tables they were in
        writing.at_commit.append(
            (
                "LOAD FROM $rows MATCH (c:Category {categoryId: c0}) DETACH DELETE c",
                {"rows": pa.table({"c0": going})},
            )
        )
    return written


def replace_edges(writing: Writing, table: str, rows: pa.Table) -> WriteCount:
    _only_ours(table)
    found = _edges(writing.connection, table, rows)
    if found.touched:
        writing.bulk()
    return _write(writing, [found], pa.chunked_array([], pa.string()))[table]


def _only_ours(table: str) -> None:
    kind = target(table)
    if not isinstance(kind, EdgeTable) or not kind.type.written_by_us:
        raise StoreError(f"{table}: holds what a source said; only edges we infer are replaced")


def _release_row(writing: Writing, rows: pa.Table) -> WriteCount:
    node = NODE_BY_LABEL["ProfileRelease"]
    ready = stored(node, rows, columns(writing.connection, node.label))
    if ready.num_rows != 1:
        raise StoreError(f"{node.label}: one row is published at a time, not {ready.num_rows}")
    writing.connection.execute(
        "MATCH (r:ProfileRelease) WHERE r.status = 'live' AND r.version <> $version "
        "SET r.status = 'retired'",
        {"version": ready["version"][0].as_py()},
    )
    return upsert_group(writing, node, ready, merging=True)


def _categories(writing: Writing, rows: pa.Table, old: pa.ChunkedArray) -> WriteCount:
    """Clusters of this release; those of earlier ones are removed elsewhere."""
    node = NODE_BY_LABEL["Category"]
    ready = stored(node, rows, columns(writing.connection, node.label))
    source = pc.and_(
        pc.is_in(ready["categoryId"], keys(writing.connection, node.label)),
        pc.invert(pc.is_in(ready["categoryId"], old)),
    )
    if pc.any(source).as_py():
        taken = ready.filter(source)["categoryId"][0].as_py()
        raise StoreError(f"Category: {short(taken)} is a category of the source; name it otherwise")
    return upsert_group(writing, node, ready, merging=True)


@dataclass(frozen=True)
class _Profiles:
    node: NodeType
    rows: pa.Table
    """Nodes to change, with the columns in which any of them differs"""
    count: WriteCount


def _profiles(connection: Any, label: str, given: pa.Table) -> _Profiles:
    """Profile columns of these nodes; all of a profile is null on the others."""
    node = NODE_BY_LABEL[label]
    profile = {p.name: p.type for p in PROFILE_OF[label]}
    ready = stored(node, given, {node.key: node.columns[0].type, **profile})
    if last_of_each(node, ready).num_rows < ready.num_rows:
        raise StoreError(f"{label}: a {node.key} is there twice in the profiles")
    there = columns(connection, label)
    ready = with_nulls(ready, profile.keys() - set(ready.column_names), there, on_edge=False)
    live = scan(connection, node, [node.key, *profile])
    place = pc.index_in(live[node.key], ready[node.key])
    if len(place) - place.null_count < ready.num_rows:
        gone = _not_in(ready[node.key], live[node.key])
        raise CountMismatch(
            f"{label}: {len(gone)} of {ready.num_rows} profiles are of nobody in the store, such "
            f"as {short(gone[0].as_py())}; train again. Nothing was written"
        )
    wanted = ready.take(place).select([node.key, *profile])
    wanted = wanted.set_column(0, node.key, live[node.key])
    found = changes(live, wanted, [node.key])
    changed = found.changed
    named = [node.key, *dict.fromkeys([*found.columns(), VERSION])]
    rows = keeping_versions(live, wanted, found).select(named).take(pa.array(changed))
    updated = int(np.count_nonzero(place.is_valid().to_numpy()[changed]))
    counted = WriteCount(
        updated=updated, unchanged=ready.num_rows - updated, deleted=len(changed) - updated
    )
    return _Profiles(node, rows, counted)


@dataclass(frozen=True)
class _Edges:
    """What one edge table should hold, or the part of it that ends at certain nodes."""

    pair: EdgeTable
    rows: pa.Table
    """In stored form"""
    live: pa.Table
    """src and dst of what is there now"""
    found: Changes
    part_of: pa.ChunkedArray | None

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


def _edges(
    connection: Any, name: str, given: pa.Table | None, to: pa.ChunkedArray | None = None
) -> _Edges:
    """`to`: only live edges to these nodes are replaced; None replaces all of the table."""
    pair = EDGE_TABLES[name]
    there = columns(connection, pair.type.name)
    own = stored(pair, pair.arrow.empty_table() if given is None else given, there)
    if last_of_each(pair, own).num_rows < own.num_rows:
        raise StoreError(f"{name}: an edge is there twice. Nothing was written")
    own = with_nulls(own, there.keys() - set(own.column_names), there, on_edge=True)
    own = own.select([SRC, DST, *there])
    live = scan(connection, pair, own.column_names)
    if to is not None:
        live = live.filter(pc.is_in(live[DST], to))
    found = changes(live, own, [SRC, DST])
    return _Edges(pair, keeping_versions(live, own, found), live.select([SRC, DST]), found, to)


def _write(
    writing: Writing, tables: Iterable[_Edges], going: pa.ChunkedArray
) -> dict[str, WriteCount]:
    by_type: dict[str, list[_Edges]] = {}
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


def _in_place(writing: Writing, table: _Edges) -> None:
    """The edges that differ out, and in again."""
    pair, connection = table.pair, writing.connection
    if not table.touched:
        return
    before = count(connection, pair)
    rows = table.rows.take(pa.array(table.written))
    deleted = table.live.take(pa.array(table.deleted))
    if deleted.num_rows:
        a, b = NODE_BY_LABEL[pair.src], NODE_BY_LABEL[pair.dst]
        ends = pattern(pair).replace(f"a:{a.label}", f"a:{a.label} {{{a.key}: c0}}", 1)
        ends = ends.replace(f"b:{b.label}", f"b:{b.label} {{{b.key}: c1}}", 1)
        text = f"LOAD FROM $rows MATCH {ends} DELETE e RETURN count(*)"
        _compare(pair, deleted.num_rows, int(value(connection, text, deleted)))
    copy(connection, pair, rows)
    writing.rows[pair.name] = before - deleted.num_rows + rows.num_rows
    _compare(pair, writing.rows[pair.name], count(connection, pair))


def _anew(
    writing: Writing, name: str, tables: Mapping[str, _Edges], going: pa.ChunkedArray
) -> None:
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


def _check_ends(connection: Any, table: _Edges, going: pa.ChunkedArray) -> None:
    """Of edges that are new or others, and of those that would lose an end."""
    rows = table.rows.take(pa.array(table.written))
    if table.pair.dst == "Category" and len(going):
        lost = table.rows.filter(pc.is_in(table.rows[DST], going))
        rows = pa.concat_tables([rows, lost])
    if rows.num_rows:
        without = going if table.pair.dst == "Category" else None
        Ends(connection, table.pair, without).check(rows)


def _compare(pair: EdgeTable, expected: int, found: int) -> None:
    if found != expected:
        raise CountMismatch(
            f"{pair.name}: {expected} rows expected, {found} found. Nothing was written"
        )


def _not_in(values: pa.ChunkedArray, known: pa.ChunkedArray) -> pa.ChunkedArray:
    return values.filter(pc.invert(pc.is_in(values, known)))
