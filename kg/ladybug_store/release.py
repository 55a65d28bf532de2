"""A publish in one transaction: profiles, interests, derived categories, the release's own row.
What is live is read first, and only what differs is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.changes import VERSION, changes, keeping_versions
from kg.errors import CountMismatch, StoreError
from kg.ladybug_store.catalog import columns
from kg.ladybug_store.columns import stored, with_nulls
from kg.ladybug_store.engine import Writing
from kg.ladybug_store.load import upsert_group
from kg.ladybug_store.places import Places
from kg.ladybug_store.replace import only_ours, wanted_edges, write_edges
from kg.ladybug_store.tables import (
    change,
    keys,
    last_of_each,
    scan,
    short,
)
from kg.profile import PROFILE_OF
from kg.schema import NODE_BY_LABEL, NodeType
from kg.store import ReleaseTables, WriteCount

BULK_ROWS = 1_000
"""Changed nodes from which the log should be folded into the file at once."""


def write_release(writing: Writing, tables: ReleaseTables) -> dict[str, WriteCount]:
    connection = writing.connection
    for name in tables.edges:
        only_ours(name)
    derived = scan(connection, NODE_BY_LABEL["Category"], ["categoryId"], "WHERE n.derived")
    old = going = derived["categoryId"]
    if tables.categories is not None:
        going = _not_in(old, tables.categories["categoryId"])
    profiles = [
        _profiles(connection, label, rows)
        for label, rows in (("User", tables.users), ("Item", tables.items))
    ]
    places = Places(connection)
    edges = [
        wanted_edges(connection, name, rows, places=places) for name, rows in tables.edges.items()
    ]
    if tables.item_category is not None or len(old):
        edges.append(wanted_edges(connection, "IN_CATEGORY", tables.item_category, old, places))
    if any(e.touched for e in edges) or sum(p.rows.num_rows for p in profiles) > BULK_ROWS:
        writing.bulk()

    written = {"ProfileRelease": _release_row(writing, tables.release)}
    if tables.categories is not None:
        written["Category"] = _categories(writing, tables.categories, old)
    for found in profiles:
        if found.rows.num_rows:
            change(connection, found.node, found.rows)
        written[found.node.label] = found.count
    written |= write_edges(writing, edges, going)
    if len(going):  # at the end, when the edges to them have gone with the tables they were in
        writing.at_commit.append(
            (
                "LOAD FROM $rows MATCH (c:Category {categoryId: c0}) DETACH DELETE c",
                {"rows": pa.table({"c0": going})},
            )
        )
    return written


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


def _not_in(values: pa.ChunkedArray, known: pa.ChunkedArray) -> pa.ChunkedArray:
    return values.filter(pc.invert(pc.is_in(values, known)))
