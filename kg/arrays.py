"""Store → the model's arrays: one export, source categories only, in an order that no store
decides, and a fingerprint of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from kg.schema import BEHAVIOURS, EDGE_TABLES, POSITIVE_WEIGHT, SOCIAL
from kg.store import GraphStore, Snapshot

if TYPE_CHECKING:
    from gnn.tables import GraphTables

NODE_COLUMNS = {
    "User": ("createdAt", "profiling"),
    "Item": ("title", "description", "brand", "price"),
    "Category": ("name", "level", "derived"),
}
# what the model, the attributes and the evidence read of an event; each type has some of them
_EVENT_COLUMNS = (
    "eventId", "at", "weight", "rating", "text", "title", "quantity", "price", "cancelledQuantity",
    "tag", "orderId",
)  # fmt: skip


def _edge_columns() -> dict[str, tuple[str, ...]]:
    columns: dict[str, tuple[str, ...]] = {}
    for name in BEHAVIOURS:
        declared = {p.name for p in EDGE_TABLES[name].type.properties}
        columns[name] = tuple(c for c in _EVENT_COLUMNS if c in declared)
    for name in SOCIAL:
        columns[name] = ("since",)
    columns["IN_CATEGORY"] = ("weight",)
    columns["CHILD_OF"] = ()
    return columns


EDGE_COLUMNS = _edge_columns()
_OF_USERS = (*BEHAVIOURS, *SOCIAL)


def read_graph(store: GraphStore, *, until: int | None = None) -> GraphTables:
    """All the model sees of a store; `until` hides events from that moment on. Users who object to
    being profiled are not there, nor what they did."""
    return graph_tables(store.export(NODE_COLUMNS, EDGE_COLUMNS, until=until))


def read_sample(
    store: GraphStore, users: int, *, seed: int, friend_events: int | None = None
) -> tuple[GraphTables, pa.Array]:
    """The same of some users, drawn at random, in memory that grows with them: with those they
    listen to and at most the latest `friend_events` of these, of each type, and all items and
    categories. Also the ids that were drawn; the others are there for their part in these users'
    vectors."""
    people = store.export({"User": ("profiling",)}, {}).nodes["User"]
    everyone = people.filter(pa.array(_willing(people)))["userId"].sort()
    drawn = np.sort(np.random.default_rng(seed).choice(len(everyone), users, replace=False))
    ids = everyone.take(pa.array(drawn)).combine_chunks()
    columns = {name: EDGE_COLUMNS[name] for name in _OF_USERS}
    near = store.around(ids.to_pylist(), columns, friend_events=friend_events)
    known = near.nodes["User"]
    said = people["profiling"].take(pc.index_in(known["userId"], people["userId"]))
    rest = store.export(
        {label: NODE_COLUMNS[label] for label in ("Item", "Category")},
        {name: EDGE_COLUMNS[name] for name in ("IN_CATEGORY", "CHILD_OF")},
    )
    place = pc.index_in(near.nodes["Item"]["itemId"], rest.nodes["Item"]["itemId"])
    edges = dict(near.edges)
    for name in BEHAVIOURS:
        at = edges[name].schema.get_field_index("dst")
        item = place.take(edges[name]["dst"]).cast(pa.int64())
        edges[name] = edges[name].set_column(at, "dst", item)
    whole = Snapshot(
        nodes={**rest.nodes, "User": known.append_column("profiling", said)},
        edges={**rest.edges, **edges},
    )
    return graph_tables(whole), ids


def graph_tables(snapshot: Snapshot) -> GraphTables:
    """Nodes by key and edges by their ends and identity, so that equal graphs on any store, loaded
    in any order, train the same model."""
    from gnn.tables import GraphTables

    users, user_row = _profiled(*_by_key(snapshot.nodes["User"], "userId"))
    items, item_row = _by_key(snapshot.nodes["Item"], "itemId")
    categories, category_row = _by_key(snapshot.nodes["Category"], "categoryId")
    categories, source_row = _source_categories(categories)
    category_row = source_row[category_row]
    edges = snapshot.edges
    return GraphTables(
        users=users,
        items=items,
        categories=categories,
        behaviour={
            n: _renumber(edges[n], user_row, item_row) for n in BEHAVIOURS if edges[n].num_rows
        },
        social={n: _renumber(edges[n], user_row, user_row) for n in SOCIAL if edges[n].num_rows},
        item_category=_renumber(edges["IN_CATEGORY"], item_row, category_row),
        category_parent=_renumber(edges["CHILD_OF"], category_row, category_row),
        positive_weight=POSITIVE_WEIGHT,
    )


def _by_key(nodes: pa.Table, key: str) -> tuple[pa.Table, np.ndarray]:
    """Rows in byte order of the key; and exported row → row here."""
    order = pc.sort_indices(nodes[key]).to_numpy()
    row_of = np.empty_like(order, np.int64)
    row_of[order] = np.arange(len(order))
    return nodes.take(pa.array(order)), row_of


def _profiled(users: pa.Table, row_of: np.ndarray) -> tuple[pa.Table, np.ndarray]:
    """Without those who object, where that is known; and exported row → row here (-1: left out)."""
    if "profiling" not in users.column_names:
        return users, row_of
    keep = _willing(users)
    kept_row = np.where(keep, np.cumsum(keep) - 1, -1)
    return users.filter(pa.array(keep)).drop_columns(["profiling"]), kept_row[row_of]


def _willing(users: pa.Table) -> np.ndarray:
    return np.asarray(pc.fill_null(users["profiling"], True).to_numpy(zero_copy_only=False), bool)


def _source_categories(categories: pa.Table) -> tuple[pa.Table, np.ndarray]:
    """Without the clusters an earlier release derived; and old row → new row (-1: left out)."""
    keep = ~pc.fill_null(categories["derived"], False).to_numpy(zero_copy_only=False)
    row_of = np.where(keep, np.cumsum(keep) - 1, -1)
    return categories.filter(pa.array(keep)).drop_columns(["derived"]), row_of


def _renumber(edges: pa.Table, src_row: np.ndarray, dst_row: np.ndarray) -> pa.Table:
    """Ends as rows of the ordered node tables, without edges of what was left out; in order of
    ends, time and event."""
    src, dst = src_row[edges["src"].to_numpy()], dst_row[edges["dst"].to_numpy()]
    ends = {"src": pa.array(src, pa.int64()), "dst": pa.array(dst, pa.int64())}
    for end, rows in ends.items():
        edges = edges.set_column(edges.schema.get_field_index(end), end, rows)
    by = [c for c in ("src", "dst", "at", "eventId") if c in edges.column_names]
    identity = pl.from_arrow(edges.select(by))
    assert isinstance(identity, pl.DataFrame)
    kept = identity.select(row=pl.arg_where((pl.col("src") >= 0) & (pl.col("dst") >= 0)))["row"]
    order = kept.gather(identity[kept].select(row=pl.arg_sort_by(by, maintain_order=True))["row"])
    return edges.take(order.to_arrow())


def graph_counts(graph: GraphTables) -> dict[str, int]:
    counts = {
        "User": graph.users.num_rows,
        "Item": graph.items.num_rows,
        "Category": graph.categories.num_rows,
        **{name: t.num_rows for name, t in graph.behaviour.items()},
        **{name: t.num_rows for name, t in graph.social.items()},
        "IN_CATEGORY": graph.item_category.num_rows,
        "CHILD_OF": graph.category_parent.num_rows,
    }
    return {name: n for name, n in counts.items() if n}


def graph_hash(graph: GraphTables) -> str:
    """Fingerprint of the rows, whatever their order: equal graphs on any store agree.

    A sum of row hashes over keys and columns, so it holds within one version of polars (the card
    records which)."""
    users, items = graph.users["userId"], graph.items["itemId"]
    categories = graph.categories["categoryId"]
    parts = [
        ("User", graph.users, {}),
        ("Item", graph.items, {}),
        ("Category", graph.categories, {}),
        *((n, t, {"src": users, "dst": items}) for n, t in graph.behaviour.items()),
        *((n, t, {"src": users, "dst": users}) for n, t in graph.social.items()),
        ("IN_CATEGORY", graph.item_category, {"src": items, "dst": categories}),
        ("CHILD_OF", graph.category_parent, {"src": categories, "dst": categories}),
    ]
    hashes = np.array([_sum_of_row_hashes(*part) for part in parts], np.uint64)
    return f"{int(hashes.sum(dtype=np.uint64)):016x}"


def _sum_of_row_hashes(name: str, table: pa.Table, ends: dict[str, pa.ChunkedArray]) -> np.uint64:
    if not table.num_rows:
        return np.uint64(0)
    for end, keys in ends.items():
        table = table.set_column(
            table.schema.get_field_index(end), end, keys.take(table[end]).combine_chunks()
        )
    table = table.select(sorted(table.column_names))
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    hashes = frame.with_columns(pl.lit(name).alias("__table")).hash_rows(seed=0)
    return np.uint64(hashes.to_numpy().sum(dtype=np.uint64))
