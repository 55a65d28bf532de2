"""Derived categories: a release brings its own, and removes those of earlier releases."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import neo4j
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.errors import StoreError
from kg.neo4j_store import text
from kg.neo4j_store.columns import Column, rows_of
from kg.neo4j_store.connection import Server, run
from kg.neo4j_store.kinds import edge_kind, node_kind
from kg.neo4j_store.pages import read_nodes
from kg.neo4j_store.replace import distinct
from kg.neo4j_store.write import create, merge, missing_end
from kg.schema import DST, SRC
from kg.store import ReleaseTables, WriteCount

CATEGORY = node_kind("Category", {})
IN_CATEGORY = edge_kind("IN_CATEGORY", {})


@dataclass(frozen=True)
class Clusters:
    """Few: a release has tens to hundreds."""

    new: pa.Table | None
    members: pa.Table | None
    """IN_CATEGORY edges of the new ones."""
    old: list[str]
    """Derived categories of the graph that this release does not have."""
    after: pa.ChunkedArray
    """Keys of all categories once the release is written."""


def clusters(server: Server, tables: ReleaseTables, items: pa.ChunkedArray) -> Clusters:
    """Raises StoreError where a cluster takes the id of one of the source's categories, and
    CountMismatch where a member or its cluster is missing."""
    there = read_nodes(server, CATEGORY, ["derived"])
    is_derived = pc.fill_null(there["derived"], False)
    of_source = there["categoryId"].filter(pc.invert(is_derived))
    new = members = None
    keys = pa.chunked_array([], pa.string())
    if tables.categories is not None:
        new = distinct(CATEGORY, tables.categories)
        keys = new["categoryId"]
        taken = np.flatnonzero(rows_of(keys, of_source) >= 0)
        if len(taken):
            raise StoreError(
                f"Category {keys[int(taken[0])].as_py()!r} is the source's own; "
                "a derived one needs another id"
            )
        if not pc.all(pc.fill_null(new["derived"], False)).as_py():
            raise StoreError("Category: a release brings derived categories only")
    if tables.item_category is not None:
        members = distinct(IN_CATEGORY, tables.item_category)
        for end, label, among in ((SRC, "Item", items), (DST, "Category", keys)):
            lost = np.flatnonzero(rows_of(members[end], among) < 0)
            if len(lost):
                example = members[end][int(lost[0])].as_py()
                raise missing_end(IN_CATEGORY, len(lost), members.num_rows, label, example)
    kept = set(keys.to_pylist())
    old = [k for k in there["categoryId"].filter(is_derived).to_pylist() if k not in kept]
    return Clusters(
        new, members, old, pa.chunked_array([*of_source.chunks, *keys.chunks], pa.string())
    )


def write_clusters(server: Server, derived: Clusters) -> dict[str, WriteCount]:
    """The new ones with their members, each in one transaction with what it held before."""
    if derived.new is None:
        return {}
    named = server.write(partial(merge, kind=CATEGORY, rows=derived.new))
    total = WriteCount()
    for key in derived.new["categoryId"].to_pylist():
        members = None
        if derived.members is not None:
            members = derived.members.filter(pc.equal(derived.members[DST], key))
        total += server.write(partial(_refill, key=key, members=members))
    return {"Category": named, "IN_CATEGORY": total}


def remove_clusters(server: Server, derived: Clusters) -> dict[str, WriteCount]:
    """Those of earlier releases: last, when no interest points at them any more."""
    if not derived.old:
        return {}
    emptied = WriteCount()
    for key in derived.old:
        emptied += server.write(partial(_refill, key=key, members=None))
        server.write(partial(_delete, key=key))
    return {"Category": WriteCount(deleted=len(derived.old)), "IN_CATEGORY": emptied}


def _refill(tx: neo4j.ManagedTransaction, key: str, members: pa.Table | None) -> WriteCount:
    statement = text.delete_edges_of(IN_CATEGORY, DST)
    gone = run(tx, statement, keys=Column([key])).consume().counters.relationships_deleted
    made = create(tx, IN_CATEGORY, members) if members is not None else 0
    return WriteCount(created=made, deleted=gone)


def _delete(tx: neo4j.ManagedTransaction, key: str) -> None:
    run(tx, text.delete_nodes(CATEGORY), keys=Column([key])).consume()
