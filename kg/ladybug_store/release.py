"""A publish in one transaction: profiles, interests, derived categories, the release's own row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from kg.errors import CountMismatch, StoreError
from kg.ladybug_store.catalog import columns, create_table, quoted, target
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
    scan,
    short,
)
from kg.profile import PROFILE_OF
from kg.schema import DST, EDGE_TABLES, NODE_BY_LABEL, SRC, EdgeTable
from kg.store import ReleaseTables, WriteCount


def write_release(writing: Writing, tables: ReleaseTables) -> dict[str, WriteCount]:
    connection = writing.connection
    for name in tables.edges:
        _only_ours(name)
    writing.bulk()
    written = {"ProfileRelease": _release_row(writing, tables.release)}
    derived = scan(connection, NODE_BY_LABEL["Category"], ["categoryId"], "WHERE n.derived")
    old = going = derived["categoryId"]
    if tables.categories is not None:
        written["Category"] = _categories(writing, tables.categories, old)
        going = _not_in(old, tables.categories["categoryId"])
    for label, rows in (("User", tables.users), ("Item", tables.items)):
        written[label] = _profiles(connection, label, rows)
    if tables.item_category is not None or len(old):
        written["IN_CATEGORY"] = _item_category(writing, tables.item_category, old, going)
    written |= _replace(writing, tables.edges, going=going)
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
    writing.bulk()
    return _replace(writing, {table: rows})[table]


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


def _profiles(connection: Any, label: str, rows: pa.Table) -> WriteCount:
    """Profile columns of these nodes; all of a profile is null on the others."""
    node = NODE_BY_LABEL[label]
    profile = {p.name: p.type for p in PROFILE_OF[label]}
    ready = stored(node, rows, {node.key: node.columns[0].type, **profile})
    if last_of_each(node, ready).num_rows < ready.num_rows:
        raise StoreError(f"{label}: a {node.key} is there twice in the profiles")
    there = columns(connection, label)
    ready = with_nulls(ready, profile.keys() - set(ready.column_names), there, on_edge=False)
    if ready.num_rows and change(connection, node, ready) != ready.num_rows:
        gone = _not_in(ready[node.key], keys(connection, label))
        raise CountMismatch(
            f"{label}: {len(gone)} of {ready.num_rows} profiles are of nobody in the store, such "
            f"as {short(gone[0].as_py())}; train again. Nothing was written"
        )
    any_left = " OR ".join(f"n.{quoted(c)} IS NOT NULL" for c in profile)
    profiled = scan(connection, node, [node.key], f"WHERE {any_left}")[node.key]
    cleared = pa.table({node.key: _not_in(profiled, ready[node.key])})
    if cleared.num_rows:
        change(connection, node, with_nulls(cleared, profile.keys(), there, on_edge=False))
    return WriteCount(updated=ready.num_rows)


def _item_category(
    writing: Writing, rows: pa.Table | None, old: pa.ChunkedArray, going: pa.ChunkedArray
) -> WriteCount:
    """Edges to this release's clusters in place of those to earlier ones; the source's stay."""
    pair = EDGE_TABLES["IN_CATEGORY"]
    own = pair.arrow.empty_table() if rows is None else rows
    if len(old):
        return _replace(writing, {pair.name: own}, instead_of_those_to=old, going=going)[pair.name]
    ready = stored(pair, own, columns(writing.connection, pair.type.name))
    return upsert_group(writing, pair, ready, merging=False)


def _replace(
    writing: Writing,
    tables: Mapping[str, pa.Table],
    *,
    instead_of_those_to: pa.ChunkedArray | None = None,
    going: pa.ChunkedArray | None = None,
) -> dict[str, WriteCount]:
    """New edge tables beside the old ones, whose names they take at commit. A type's other pairs of
    labels move along, but for edges to categories that are going."""
    written: dict[str, WriteCount] = {}
    for edge in {EDGE_TABLES[name].type.name: EDGE_TABLES[name].type for name in tables}.values():
        there = columns(writing.connection, edge.name)
        beside = f"{edge.name}_next"
        writing.connection.execute(create_table(edge.name, there, called=beside))
        for pair in (t for t in EDGE_TABLES.values() if t.type is edge):
            own = tables.get(pair.name)
            leaving = going if pair.dst == "Category" else None
            kept = 0
            if own is None or instead_of_those_to is not None:
                rest = scan(writing.connection, pair, [SRC, DST, *there])
                for nodes in (leaving, instead_of_those_to):
                    if nodes is not None:
                        rest = rest.filter(pc.invert(pc.is_in(rest[DST], nodes)))
                copy(writing.connection, pair, rest, beside)
                kept = rest.num_rows
            if own is not None:
                before = count(writing.connection, pair)
                _copy_own(writing, pair, stored(pair, own, there), beside, leaving)
                written[pair.name] = WriteCount(created=own.num_rows, deleted=before - kept)
                kept += own.num_rows
            writing.rows[pair.name] = kept
            found = count(writing.connection, pair, beside)
            if found != kept:
                raise CountMismatch(
                    f"{pair.name}: {kept} rows expected, {found} found. Nothing was written"
                )
        writing.at_commit.append((f"DROP TABLE {edge.name}", {}))
        writing.at_commit.append((f"ALTER TABLE {beside} RENAME TO {edge.name}", {}))
    return written


def _copy_own(
    writing: Writing, pair: EdgeTable, rows: pa.Table, beside: str, going: pa.ChunkedArray | None
) -> None:
    if last_of_each(pair, rows).num_rows < rows.num_rows:
        raise StoreError(f"{pair.name}: an edge is there twice. Nothing was written")
    Ends(writing.connection, pair, going).check(rows)
    copy(writing.connection, pair, rows, beside)


def _not_in(values: pa.ChunkedArray, known: pa.ChunkedArray) -> pa.ChunkedArray:
    return values.filter(pc.invert(pc.is_in(values, known)))
