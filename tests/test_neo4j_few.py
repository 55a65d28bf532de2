"""What is done for a few users takes few transactions: for one user they are most of the time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import neo4j
import pytest

from kg.errors import CountMismatch
from kg.neo4j_store import few
from kg.neo4j_store.connection import Server, run
from kg.store import GraphStore, open_store
from tests.store.tables import SHOP, load_shop, table

EDGES = {"RATED": ("at",), "REVIEWED": ("text",), "FOLLOWS": (), "FRIEND_OF": ()}


@pytest.fixture
def shop(empty_neo4j: str) -> Iterator[GraphStore]:
    with open_store(empty_neo4j) as store:
        store.ensure_schema()
        load_shop(store, SHOP)
        yield store


@pytest.fixture
def transactions(shop: GraphStore, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """`read` and `write`, in the order in which they are begun from now on."""
    begun: list[str] = []
    for name in ("read", "write"):
        monkeypatch.setattr(Server, name, _noted(name, getattr(Server, name), begun))
    return begun


def _noted(name: str, method: Callable[..., object], begun: list[str]) -> Callable[..., object]:
    def noted(*args: object, **more: object) -> object:
        begun.append(name)
        return method(*args, **more)

    return noted


@pytest.fixture
def statements(shop: GraphStore, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Their texts, from now on."""
    sent: list[str] = []

    def noted(tx: neo4j.ManagedTransaction, text: str, *args: Any, **more: Any) -> object:
        sent.append(text)
        return run(tx, text, *args, **more)

    monkeypatch.setattr(few, "run", noted)
    return sent


def similar(dst: str) -> dict[str, object]:
    return {"SIMILAR_TO": table("SIMILAR_TO", src=["ada"], dst=[dst], score=[0.5], rank=[1])}


def test_a_neighbourhood_is_read_in_one_transaction(
    shop: GraphStore, transactions: list[str]
) -> None:
    shop.around(["ada"], EDGES)
    assert transactions == ["read"]


def test_a_neighbourhood_is_three_statements(shop: GraphStore, statements: list[str]) -> None:
    """Who is there, all their ties, all events."""
    found = shop.around(["ada"], EDGES)
    assert all(found.edges[name].num_rows for name in ("FOLLOWS", "RATED"))
    assert len(statements) == 3


def test_many_users_are_read_page_by_page(
    shop: GraphStore, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And all the same is found as in one statement."""
    everyone = shop.export({"User": ()}, {}).nodes["User"]["userId"].to_pylist()
    timed = EDGES | {"REVIEWED": ("at", "text")}
    whole = shop.around(everyone, timed, friend_events=1)
    monkeypatch.setattr(few, "USERS", 2)
    statements.clear()
    assert shop.around(everyone, timed, friend_events=1) == whole
    assert len(statements) > 2 * len(EDGES)


def test_a_user_is_renewed_in_three_statements(shop: GraphStore, statements: list[str]) -> None:
    """However many tables their edges are in."""
    none = table("INTERESTED_IN.Category", src=[], dst=[], score=[])
    profile = table("User", userId=["ada"], segment=["c"])
    shop.renew_profiles(profile, similar("ben") | {"INTERESTED_IN.Category": none})
    assert len(statements) == 3


def test_many_users_are_renewed_as_one_is(
    shop: GraphStore, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Statement by statement, with the same counts."""
    profile = table("User", userId=["ada", "ben"], segment=["c", "d"])
    shop.renew_profiles(profile, similar("dan"))
    at_once = shop.renew_profiles(profile, similar("ben"))
    shop.renew_profiles(profile, similar("dan"))
    monkeypatch.setattr(few, "AT_ONCE", 1)
    statements.clear()
    assert shop.renew_profiles(profile, similar("ben")) == at_once
    assert not any("made0" in text for text in statements)


def test_a_user_is_renewed_in_three_transactions(shop: GraphStore, transactions: list[str]) -> None:
    """Whose turn it is, the profile, and that it is done."""
    shop.renew_profiles(table("User", userId=["ada"], segment=["c"]), similar("ben"))
    assert transactions == ["write"] * 3


def test_an_end_that_is_missing_is_named(shop: GraphStore) -> None:
    """And no release says afterwards that a user is being written."""
    shop.upsert("ProfileRelease", table("ProfileRelease", version=["v"], status=["live"]))
    with pytest.raises(CountMismatch, match="'nobody'"):
        shop.renew_profiles(table("User", userId=["ada"], segment=["c"]), similar("nobody"))
    said = shop.query("MATCH (r:ProfileRelease) RETURN r.writingFrom, r.writingTo").rows
    assert said == [[None, None]]
