"""A few users, read and renewed without a look at everyone."""

from __future__ import annotations

import pytest

from kg.errors import CountMismatch, StoreError
from kg.store import GraphStore, Snapshot
from tests.store.tables import edge_rows, table

EDGES = {"RATED": ("at", "eventId"), "REVIEWED": ("text",), "FOLLOWS": ("since",), "FRIEND_OF": ()}


def rows(found: Snapshot, name: str, *columns: str) -> list[tuple[object, ...]]:
    """An edge table with its ends' keys."""
    users, items = (found.nodes[n].column(0).to_pylist() for n in ("User", "Item"))
    other = users if name in ("FOLLOWS", "FRIEND_OF") else items
    return sorted(
        (users[r["src"]], other[r["dst"]], *(r[c] for c in columns))
        for r in found.edges[name].to_pylist()
    )


def test_ties_come_both_ways(shop: GraphStore) -> None:
    """Whom ada hears and who hears ada."""
    found = shop.around(["ada"], EDGES)
    assert rows(found, "FOLLOWS", "since") == [("ben", "ada", 5), ("cleo", "ada", None)]
    assert rows(found, "FRIEND_OF") == [("ada", "dan")]


def test_a_tie_between_two_of_them_comes_once(shop: GraphStore) -> None:
    found = shop.around(["ada", "ben", "dan"], EDGES)
    assert rows(found, "FOLLOWS", "since") == [("ben", "ada", 5), ("cleo", "ada", None)]
    assert rows(found, "FRIEND_OF") == [("ada", "dan")]


def test_events_are_of_those_who_are_heard(shop: GraphStore) -> None:
    """ben hears ada, so both their events count; cleo only hears, so hers do not."""
    found = shop.around(["ben"], EDGES)
    assert rows(found, "RATED", "at", "eventId") == [
        ("ada", "ink", 200, "r2"),
        ("ada", "pen", 100, "r1"),
        ("ben", "pen", 300, "r3"),
    ]
    assert rows(found, "REVIEWED", "text") == [
        ("ada", "pen", "很好用。\nThe 'best' \"pen\" `ever` 😀"),
        ("ben", "pen", ""),
    ]


def test_of_a_friend_the_latest_events_are_enough(shop: GraphStore) -> None:
    """ada rated ink after pen; ben's own events are all there."""
    found = shop.around(["ben"], EDGES | {"REVIEWED": ("at", "text")}, friend_events=1)
    assert rows(found, "RATED", "at") == [("ada", "ink", 200), ("ben", "pen", 300)]
    assert {r[0] for r in rows(found, "REVIEWED")} == {"ada", "ben"}


def test_the_latest_events_are_the_same_on_both_stores(shop: GraphStore) -> None:
    """Those without a time go first; of two at one time the greater item and id stay."""
    more = table(
        "RATED", src=["ada"] * 4, dst=["pen", "ink", "pen", "pen"],
        eventId=["undated", "z", "a", "b"], at=[None, 150, 150, 150], rating=[5.0] * 4,
    )  # fmt: skip
    shop.upsert("RATED", more)
    found = shop.around(["ben"], {"RATED": ("at", "eventId"), "FOLLOWS": ()}, friend_events=3)
    of_ada = [r[2:] for r in rows(found, "RATED", "at", "eventId") if r[0] == "ada"]
    assert sorted(of_ada) == [(150, "a"), (150, "b"), (200, "r2")]


def test_the_latest_events_need_times(shop: GraphStore) -> None:
    with pytest.raises(StoreError, match=r"REVIEWED.*at"):
        shop.around(["ben"], EDGES, friend_events=1)


def test_a_friend_is_heard_from_either_end(shop: GraphStore) -> None:
    """The tie is stored as ada → dan, and dan hears ada."""
    found = shop.around(["dan"], EDGES)
    assert {r[0] for r in rows(found, "RATED")} == {"ada"}


def test_the_users_asked_for_come_first(shop: GraphStore) -> None:
    """In the order given, without those nobody knows."""
    found = shop.around(["dan", "nobody", "ben", "dan"], EDGES)
    assert found.nodes["User"]["userId"].to_pylist()[:2] == ["dan", "ben"]


def test_of_nobody_there_is_nothing(shop: GraphStore) -> None:
    found = shop.around([], EDGES)
    assert [t.num_rows for t in (*found.nodes.values(), *found.edges.values())] == [0] * 6


def test_an_unknown_column_is_refused(shop: GraphStore) -> None:
    with pytest.raises(StoreError, match="mood"):
        shop.around(["ada"], {"RATED": ("mood",)})


SIMILAR = ("score", "rank")


@pytest.fixture
def profiled(shop: GraphStore) -> GraphStore:
    """ada and ben have a profile and edges."""
    shop.upsert(
        "User",
        table(
            "User", userId=["ada", "ben"], segment=["a", "b"], frequency=[2, 1], community=[7, 7]
        ),
    )
    shop.replace_edges(
        "SIMILAR_TO",
        table("SIMILAR_TO", src=["ada", "ada", "ben"], dst=["ben", "dan", "ada"], score=[0.5] * 3,
              rank=[1, 2, 1]),
    )  # fmt: skip
    return shop


def test_columns_given_are_new_and_others_stay(profiled: GraphStore) -> None:
    """Of ada alone."""
    profiled.renew_profiles(
        table("User", userId=["ada"], segment=["c"], embedding=[[0.5, -1.0]], frequency=[None]), {}
    )
    users = profiled.export({"User": ("segment", "frequency", "community", "embedding")}, {})
    found = {r["userId"]: r for r in users.nodes["User"].to_pylist()}
    assert found["ada"] == {
        "userId": "ada", "segment": "c", "frequency": None, "community": 7, "embedding": [0.5, -1]
    }  # fmt: skip
    assert found["ben"]["segment"] == "b"


def test_edges_of_these_users_are_replaced(profiled: GraphStore) -> None:
    """ada's two go for one; ben's stays."""
    written = profiled.renew_profiles(
        table("User", userId=["ada"], segment=["c"]),
        {"SIMILAR_TO": table("SIMILAR_TO", src=["ada"], dst=["cleo"], score=[0.25], rank=[1])},
    )
    assert edge_rows(profiled, "SIMILAR_TO", *SIMILAR) == [
        ("ada", "cleo", 0.25, 1),
        ("ben", "ada", 0.5, 1),
    ]
    assert (written["SIMILAR_TO"].created, written["SIMILAR_TO"].deleted) == (1, 2)
    assert written["User"].updated == 1


def test_a_user_may_end_up_without_edges(profiled: GraphStore) -> None:
    none = table("SIMILAR_TO", src=[], dst=[], score=[], rank=[])
    profiled.renew_profiles(table("User", userId=["ada"], segment=["c"]), {"SIMILAR_TO": none})
    assert edge_rows(profiled, "SIMILAR_TO", *SIMILAR) == [("ben", "ada", 0.5, 1)]


def test_lists_on_edges_come_back(profiled: GraphStore) -> None:
    """Evidence ids with quotes and brackets in them."""
    cited = ['RATED:a"b', "FOLLOWS:[x], y"]
    profiled.renew_profiles(
        table("User", userId=["ada"], segment=["c"]),
        {
            "INTERESTED_IN.Category": table(
                "INTERESTED_IN.Category",
                src=["ada"],
                dst=["desk"],
                score=[0.5],
                topEvidence=[cited],
            )
        },
    )
    found = profiled.export({}, {"INTERESTED_IN.Category": ("topEvidence",)})
    assert found.edges["INTERESTED_IN.Category"]["topEvidence"].to_pylist() == [cited]


@pytest.mark.parametrize(
    ("users", "similar"),
    [
        (["ada", "nobody"], [("ada", "ben")]),
        (["ada"], [("ada", "nobody")]),
    ],
)
def test_nothing_is_written_where_an_end_is_missing(
    profiled: GraphStore, users: list[str], similar: list[tuple[str, str]]
) -> None:
    """Neither the profile nor an edge."""
    before = edge_rows(profiled, "SIMILAR_TO", *SIMILAR)
    ends = dict(zip(("src", "dst"), map(list, zip(*similar, strict=True)), strict=True))
    edges = table("SIMILAR_TO", **ends, score=[0.5] * len(similar), rank=[1] * len(similar))
    with pytest.raises(CountMismatch):
        profiled.renew_profiles(
            table("User", userId=users, segment=["x"] * len(users)), {"SIMILAR_TO": edges}
        )
    assert edge_rows(profiled, "SIMILAR_TO", *SIMILAR) == before
    found = profiled.query("MATCH (u:User {userId: 'ada'}) RETURN u.segment").rows
    assert found == [["a"]]


def test_what_a_source_said_is_not_replaced(profiled: GraphStore) -> None:
    with pytest.raises(StoreError, match="RATED"):
        profiled.renew_profiles(
            table("User", userId=["ada"], segment=["c"]),
            {"RATED": table("RATED", src=["ada"], dst=["pen"], eventId=["r9"])},
        )


@pytest.fixture(params=[0, 1_000_000_000], ids=["one by one", "all at once"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded store asks for few users one by one, for many at once."""
    monkeypatch.setattr("kg.ladybug_store.few.ONE_BY_ONE", request.param)


@pytest.mark.usefixtures("either_way")
def test_both_ways_of_asking_agree(profiled: GraphStore) -> None:
    """The same edges are read, and the same are replaced."""
    found = profiled.around(["ada", "ben"], EDGES)
    assert len(rows(found, "RATED")) == 3
    assert rows(found, "FOLLOWS", "since") == [("ben", "ada", 5), ("cleo", "ada", None)]
    done = profiled.renew_profiles(
        table("User", userId=["ada", "ben"], segment=["c", "c"]),
        {"SIMILAR_TO": table("SIMILAR_TO", src=["ada"], dst=["cleo"], score=[0.25], rank=[1])},
    )
    assert (done["SIMILAR_TO"].created, done["SIMILAR_TO"].deleted) == (1, 3)
    assert edge_rows(profiled, "SIMILAR_TO", *SIMILAR) == [("ada", "cleo", 0.25, 1)]
