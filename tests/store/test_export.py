"""Arrays out: what was loaded, with ids that agree between nodes and edges."""

from __future__ import annotations

import pyarrow as pa
import pytest

from kg.errors import StoreError
from kg.schema import EDGE_TABLES, NODE_BY_LABEL
from kg.store import GraphStore
from tests.store.tables import SHOP, edge_rows, node_rows, table


@pytest.mark.parametrize("name", [n for n in SHOP if n in NODE_BY_LABEL])
def test_exported_nodes_are_those_loaded(shop: GraphStore, name: str) -> None:
    """Every column of every node."""
    columns = [c for c in SHOP[name].column_names if c != NODE_BY_LABEL[name].key]
    loaded = zip(*(SHOP[name][c].to_pylist() for c in SHOP[name].column_names), strict=True)
    assert node_rows(shop, name, *columns) == sorted(loaded)


@pytest.mark.parametrize("name", [n for n in SHOP if n in EDGE_TABLES])
def test_exported_edges_are_those_loaded(shop: GraphStore, name: str) -> None:
    """Every column of every edge, found again through the integer ids of its ends."""
    columns = [c for c in SHOP[name].column_names if c not in ("src", "dst")]
    loaded = zip(*(SHOP[name][c].to_pylist() for c in SHOP[name].column_names), strict=True)
    assert edge_rows(shop, name, *columns) == sorted(loaded, key=repr)


def test_only_the_columns_asked_for_come(shop: GraphStore) -> None:
    """The key first, then the columns in the order asked."""
    snapshot = shop.export({"Item": ["price", "title"]}, {"RATED": ["rating"]})
    assert snapshot.nodes["Item"].column_names == ["itemId", "price", "title"]
    assert snapshot.edges["RATED"].column_names == ["src", "dst", "rating"]


def test_the_ends_of_an_edge_are_exported_with_it(shop: GraphStore) -> None:
    """A label that was not asked for comes with its key: the ids mean nothing without it."""
    snapshot = shop.export({}, {"IN_CATEGORY": []})
    assert {n: t.column_names for n, t in snapshot.nodes.items()} == {
        "Item": ["itemId"],
        "Category": ["categoryId"],
    }


def test_ids_are_int64(shop: GraphStore) -> None:
    """What an edge index is made of."""
    edges = shop.export({}, {"FOLLOWS": []}).edges["FOLLOWS"]
    assert edges.schema == pa.schema([("src", pa.int64()), ("dst", pa.int64())])


def test_ids_stay_right_after_nodes_were_deleted(shop: GraphStore) -> None:
    """An id is the row in the exported table, whatever the store's own ids are."""
    shop.delete_users(["ada"])
    shop.upsert("User", table("User", userId=["eve"], createdAt=[1]))
    shop.upsert("FOLLOWS", table("FOLLOWS", src=["eve"], dst=["dan"], since=[9]))
    assert edge_rows(shop, "FOLLOWS", "since") == [("eve", "dan", 9)]
    assert edge_rows(shop, "RATED", "eventId") == [("ben", "pen", "r3"), ("cleo", "mug", "r4")]


def test_until_keeps_what_came_before(shop: GraphStore) -> None:
    """Events before that moment, and those without a time."""
    snapshot = shop.export({}, {"RATED": ["at"], "REVIEWED": ["eventId"]}, until=200)
    assert sorted(snapshot.edges["RATED"]["at"].to_pylist(), key=str) == [100, None]
    assert snapshot.edges["REVIEWED"]["eventId"].to_pylist() == ["t1"]


def test_until_leaves_what_has_no_times(shop: GraphStore) -> None:
    """Nodes, ties and categories are not events."""
    snapshot = shop.export({"User": []}, {"FOLLOWS": [], "IN_CATEGORY": []}, until=0)
    assert [snapshot.nodes["User"].num_rows, snapshot.edges["FOLLOWS"].num_rows] == [4, 2]


def test_the_snapshot_says_what_it_is(shop: GraphStore) -> None:
    """Its cut-off, and that nobody wrote meanwhile."""
    snapshot = shop.export({}, {"RATED": []}, until=200)
    assert (snapshot.until, snapshot.consistent) == (200, True)


def test_empty_types_are_exported_as_empty_tables(store: GraphStore) -> None:
    """With the declared columns and types."""
    snapshot = store.export(
        {"User": ["createdAt"], "Item": ["title"]}, {"RATED": ["at", "rating"], "FOLLOWS": []}
    )
    assert snapshot.nodes["User"].schema == pa.schema(
        [("userId", pa.string()), ("createdAt", pa.int64())]
    )
    assert snapshot.edges["RATED"].schema == pa.schema(
        [("src", pa.int64()), ("dst", pa.int64()), ("at", pa.int64()), ("rating", pa.float64())]
    )
    assert snapshot.edges["FOLLOWS"].num_rows == 0


def test_a_profile_nobody_wrote_is_null(shop: GraphStore) -> None:
    """An embedding column exists before the first release."""
    assert node_rows(shop, "User", "embedding", "churnRisk") == [
        (k, None, None) for k in ("ada", "ben", "cleo", "dan")
    ]


def test_an_unknown_column_cannot_be_exported(shop: GraphStore) -> None:
    """The error names it."""
    with pytest.raises(StoreError, match="shoeSize"):
        shop.export({"User": ["shoeSize"]}, {})


def test_an_unknown_table_cannot_be_exported(shop: GraphStore) -> None:
    """The error names it."""
    with pytest.raises(StoreError, match="Unicorn"):
        shop.export({}, {"Unicorn": []})


def test_more_rows_than_any_batch_are_exported(store: GraphStore) -> None:
    """Thirty thousand edges, each with its own value and both its ends."""
    n = 30_000
    store.bulk_load("User", table("User", userId=[f"u{k}" for k in range(n)]))
    store.bulk_load("Item", table("Item", itemId=[f"i{k}" for k in range(7)]))
    edges = table(
        "VIEWED",
        src=[f"u{k}" for k in range(n)],
        dst=[f"i{k % 7}" for k in range(n)],
        eventId=[f"e{k}" for k in range(n)],
        at=list(range(n)),
    )
    store.bulk_load("VIEWED", edges)
    assert sorted(r[3] for r in edge_rows(store, "VIEWED", "eventId", "at")) == list(range(n))
    assert all(
        (src, dst, event) == (f"u{at}", f"i{at % 7}", f"e{at}")
        for src, dst, event, at in edge_rows(store, "VIEWED", "eventId", "at")
    )
