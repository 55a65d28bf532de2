"""Forgetting: users and everything attached to them."""

from __future__ import annotations

import pytest

from kg.errors import StoreError
from kg.store import GraphStore, WriteCount
from tests.store.tables import COUNTS, edge_rows, node_rows, release, table


def test_a_deleted_user_is_gone_with_all_edges(shop: GraphStore) -> None:
    """Events, ties in both directions, interests, neighbours."""
    shop.write_release(release())
    shop.delete_users(["ada"])
    assert shop.counts() == {
        "User": 3,
        "Item": 3,
        "Category": 2,
        "ProfileRelease": 1,
        "RATED": 2,
        "REVIEWED": 1,
        "IN_CATEGORY": 2,
        "CHILD_OF": 1,
        "INTERESTED_IN.Category": 1,
    }


def test_a_delete_says_what_it_did(shop: GraphStore) -> None:
    """Users deleted, and ids nobody has."""
    assert shop.delete_users(["ada", "nobody", "dan"]) == WriteCount(deleted=2, unchanged=1)


def test_a_user_named_twice_is_deleted_once(shop: GraphStore) -> None:
    """Ids are a set."""
    assert shop.delete_users(["ada", "ada"]).deleted == 1


def test_deleting_nobody_changes_nothing(shop: GraphStore) -> None:
    """An empty list, and ids nobody has."""
    assert shop.delete_users([]) == WriteCount()
    assert shop.delete_users(["nobody"]) == WriteCount(unchanged=1)
    assert shop.counts() == COUNTS


def test_others_keep_their_edges(shop: GraphStore) -> None:
    """Only the user's own go."""
    shop.delete_users(["ada"])
    assert edge_rows(shop, "RATED", "eventId") == [("ben", "pen", "r3"), ("cleo", "mug", "r4")]


def test_a_deleted_user_can_come_back(shop: GraphStore) -> None:
    """As a stranger."""
    shop.write_release(release())
    shop.delete_users(["ada"])
    shop.upsert("User", table("User", userId=["ada"], createdAt=[99]))
    assert ("ada", 99, None) in node_rows(shop, "User", "createdAt", "modelVersion")
    assert [r for r in edge_rows(shop, "RATED") if r[0] == "ada"] == []


def test_an_event_of_a_deleted_user_can_come_back(shop: GraphStore) -> None:
    """It was forgotten: it may even be another one's, and is known again from then on."""
    shop.upsert("RATED", table("RATED", src=["ada"], dst=["mug"], eventId=["r9"]))
    shop.delete_users(["ada"])
    again = table("RATED", src=["ben", "dan"], dst=["pen", "ink"], eventId=["r9", "r1"])
    assert shop.upsert("RATED", again) == WriteCount(created=2)
    with pytest.raises(StoreError, match="r9"):
        shop.upsert("RATED", table("RATED", src=["dan"], dst=["mug"], eventId=["r9"]))
