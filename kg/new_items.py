"""Items that came after a release: the model reads their text and categories from the graph, and
keeps those of its own items."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from kg.schema import NODE_BY_LABEL, table_schema
from kg.store import GraphStore, Snapshot


def with_new_items(store: GraphStore, near: Snapshot, new: pa.Array) -> Snapshot:
    """The neighbourhood with what the model reads of items: text and categories of the new ones,
    nothing of those it has."""
    keys = near.nodes["Item"]["itemId"]
    items = _empty("Item").select(["title", "description", "brand"])
    categories, member_of = _empty("Category"), _edges("IN_CATEGORY", pa.string())
    fresh = keys.filter(new)
    if len(fresh):
        ids = {"ids": fresh.to_pylist()}
        items = _read(
            store,
            "MATCH (i:Item) WHERE i.itemId IN $ids "
            "RETURN i.itemId AS itemId, i.title AS title, i.description AS description, "
            "i.brand AS brand",
            ids,
            [*items.schema, pa.field("itemId", pa.string())],
        )
        items = items.take(pc.index_in(keys, items["itemId"])).drop_columns(["itemId"])
        member_of = _read(
            store,
            "MATCH (i:Item)-[e:IN_CATEGORY]->(c:Category) WHERE i.itemId IN $ids "
            "AND (c.derived IS NULL OR NOT c.derived) "
            "RETURN i.itemId AS src, c.categoryId AS dst, e.weight AS weight",
            ids,
            list(member_of.schema),
        )
        ends = pc.unique(member_of["dst"])
        categories = pa.table(
            {f.name: ends if f.name == "categoryId" else pa.nulls(len(ends), f.type)
             for f in categories.schema}
        )  # fmt: skip
    else:
        items = items.take(pa.nulls(len(keys), pa.int64()))
    rows = {
        "src": pc.index_in(member_of["src"], keys).cast(pa.int64()),
        "dst": pc.index_in(member_of["dst"], categories["categoryId"]).cast(pa.int64()),
        "weight": member_of["weight"],
    }
    return replace(
        near,
        nodes={
            **near.nodes,
            "Item": pa.table({"itemId": keys, **{c: items[c] for c in items.column_names}}),
            "Category": categories,
        },
        edges={**near.edges, "IN_CATEGORY": pa.table(rows), "CHILD_OF": _edges("CHILD_OF")},
    )


def _empty(label: str) -> pa.Table:
    return NODE_BY_LABEL[label].arrow.empty_table()


def _edges(name: str, ends: pa.DataType | None = None) -> pa.Table:
    """No edges, with the ends as rows, or as given."""
    schema = table_schema(name)
    kind = ends or pa.int64()
    return pa.schema(
        [f.with_type(kind) if f.name in ("src", "dst") else f for f in schema]
    ).empty_table()


def _read(
    store: GraphStore, text: str, params: dict[str, list[str]], schema: list[pa.Field]
) -> pa.Table:
    found = store.query(text, params, max_rows=100_000_000, timeout_s=600)
    types = {f.name: f.type for f in schema}
    return pa.table(
        {c: pa.array([r[k] for r in found.rows], types[c]) for k, c in enumerate(found.columns)}
    )
