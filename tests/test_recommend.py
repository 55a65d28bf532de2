"""Recommendations from the store: order, reasons, nothing seen, and the cold start."""

from __future__ import annotations

import pytest

from kg.errors import NotFound
from kg.recommend import Recommended, recommend
from kg.store import GraphStore


def test_stored_interests_come_first(shop_store: GraphStore) -> None:
    """The calibrated interests lead; the model's score over all items fills up."""
    found = recommend(shop_store, "ada", 3).items
    assert [(i.rank, i.item_id, i.source) for i in found] == [
        (1, "tele", "interest"),
        (2, "piano", "taste"),
        (3, "board", "taste"),
    ]


def test_seen_items_are_left_out(shop_store: GraphStore) -> None:
    """No item the user has an event with, though one of them is among the stored interests."""
    assert {"strat", "strings"}.isdisjoint(_ids(recommend(shop_store, "ada", 20).items))


def test_what_was_sent_back_is_seen(shop_store: GraphStore) -> None:
    """A returned item is not offered again."""
    assert "strat" not in _ids(recommend(shop_store, "ben", 20).items)


def test_no_item_twice(shop_store: GraphStore) -> None:
    """However the list is filled, an item stands in it once; all unseen ones are there."""
    ids = _ids(recommend(shop_store, "ada", 20).items)
    assert sorted(ids) == ["board", "knife", "piano", "stone", "tele"]


def test_only_stored_interests_have_a_score(shop_store: GraphStore) -> None:
    """A chance is given only where one was calibrated."""
    found = recommend(shop_store, "ada", 3).items
    assert [i.score for i in found] == [0.5, None, None]


def test_reason_from_evidence(shop_store: GraphStore) -> None:
    """A stored interest is explained by its evidence."""
    assert recommend(shop_store, "ada", 1).items[0].why == (
        "1 purchase, 1 followed user and 2 more; most: bought Stratocaster (2023-03-23)"
    )


def test_reason_from_an_interest(shop_store: GraphStore) -> None:
    """An item found by its vector is explained by the interest it falls under."""
    found = {i.item_id: i.why for i in recommend(shop_store, "ada", 20).items}
    assert found["knife"] == "in knives, an interest of 0.20"


def test_reason_from_similar_users(shop_store: GraphStore) -> None:
    """Else by a similar user who liked it."""
    found = {i.item_id: i.why for i in recommend(shop_store, "fay", 20).items}
    assert found["board"] == "liked by cleo, whose taste is near"


def test_reason_from_taste_alone(shop_store: GraphStore) -> None:
    """Else by the taste itself."""
    found = {i.item_id: i.why for i in recommend(shop_store, "ada", 20).items}
    assert found["board"] == "near the user's taste"


def test_cold_start_with_friends(shop_store: GraphStore) -> None:
    """A user without events is served by friends, and the answer says so."""
    found = recommend(shop_store, "gus", 1)
    assert found.cold_start
    assert found.says == "Cold start: the user has no event yet; chosen by friends."
    assert _ids(found.items) == ["strings"]


def test_cold_start_without_anything(shop_store: GraphStore) -> None:
    """A user nothing is known of is shown what was popular of late."""
    found = recommend(shop_store, "hal", 2)
    assert found.says == "Cold start: the user has no event yet; chosen by what is popular."
    assert [(i.item_id, i.source, i.why) for i in found.items] == [
        ("knife", "popular", "popular: 3 users in the last 30 days"),
        ("strings", "popular", "popular: 3 users in the last 30 days"),
    ]


def test_what_was_popular_long_ago_fills_up(shop_store: GraphStore) -> None:
    """After what is popular of late; each item says of when it speaks."""
    found = recommend(shop_store, "hal", 20).items
    late = [i.why.endswith("in the last 30 days") for i in found]
    assert late == sorted(late, reverse=True)
    assert {i.why.partition(" users ")[2] or i.why.partition(" user ")[2] for i in found} == {
        "in the last 30 days", "of all time",
    }  # fmt: skip
    assert len({i.item_id for i in found}) == len(found) > late.count(True)


def test_unknown_user(shop_store: GraphStore) -> None:
    """An unknown user is an error, not a cold start."""
    with pytest.raises(NotFound, match="no user 'nobody'"):
        recommend(shop_store, "nobody")


def test_sensitive_categories_are_left_out(shop_store: GraphStore) -> None:
    """Nothing from a sensitive category or below it is recommended, whatever the source."""
    ids = _ids(recommend(shop_store, "ada", 20, sensitive={"kitchen", "music"}).items)
    assert ids == ["board"]


def test_nothing_left(shop_store: GraphStore) -> None:
    """Where everything was seen or is sensitive, the answer says so."""
    found = recommend(shop_store, "cleo", sensitive={"kitchen", "music"})
    assert found.items == []
    assert found.says.startswith("Nothing to recommend")


def _ids(items: list[Recommended]) -> list[str]:
    return [i.item_id for i in items]
