"""Writing source data: bulk load, upsert, ends, counts."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from kg.errors import CountMismatch, StoreError
from kg.store import GraphStore, WriteCount
from tests.store.tables import BIG, COUNTS, SHOP, edge_rows, load_shop, node, node_rows, table


def test_an_empty_store_counts_nothing(store: GraphStore) -> None:
    """counts() names only what has rows."""
    assert store.counts() == {}


def test_the_schema_can_be_made_twice(shop: GraphStore) -> None:
    """ensure_schema() on a full store changes nothing."""
    shop.ensure_schema()
    assert shop.counts() == COUNTS


def test_a_bulk_load_says_what_it_wrote(store: GraphStore) -> None:
    """Every row is counted as created."""
    assert store.bulk_load("User", SHOP["User"]) == WriteCount(created=4)


def test_a_bulk_load_arrives(shop: GraphStore) -> None:
    """counts() has the rows of every table loaded."""
    assert shop.counts() == COUNTS


def test_a_bulk_load_takes_batches(store: GraphStore) -> None:
    """An iterable of tables is one load."""
    users = SHOP["User"]
    written = store.bulk_load("User", (users.slice(i, 1) for i in range(4)))
    assert (written.created, store.counts()) == (4, {"User": 4})


def test_a_bulk_load_of_nothing_is_nothing(store: GraphStore) -> None:
    """An empty table and an empty iterable are loads of no rows."""
    written = store.bulk_load("User", SHOP["User"].slice(0, 0)) + store.bulk_load("RATED", [])
    assert written == WriteCount()


def test_columns_may_come_in_any_order(store: GraphStore) -> None:
    """Columns go by their names."""
    store.bulk_load("User", SHOP["User"].select(["createdAt", "userId"]))
    assert node(store, "User", "ben", "createdAt") == (20,)


def test_a_bulk_load_goes_into_an_empty_table(shop: GraphStore) -> None:
    """A second bulk load is refused: it could double what is there."""
    with pytest.raises(StoreError, match="User"):
        shop.bulk_load("User", table("User", userId=["eve"], createdAt=[1]))
    assert shop.counts() == COUNTS


@pytest.mark.parametrize("write", ["bulk_load", "upsert"])
def test_a_missing_end_is_refused(store: GraphStore, write: str) -> None:
    """The error counts the rows and shows a key that is missing."""
    load_shop(store, {n: SHOP[n] for n in ("User", "Item")})
    edges = table(
        "RATED", src=["ada", "nobody", "ben"], dst=["pen", "pen", "ink"], eventId=["1", "2", "3"]
    )
    with pytest.raises(CountMismatch, match=r"(?s)1 .*nobody"):
        getattr(store, write)("RATED", edges)


@pytest.mark.parametrize("write", ["bulk_load", "upsert"])
def test_a_missing_end_leaves_nothing_behind(store: GraphStore, write: str) -> None:
    """Not even the batches before the one that was refused."""
    load_shop(store, {n: SHOP[n] for n in ("User", "Item")})
    good = table("RATED", src=["ada"], dst=["pen"], eventId=["1"])
    bad = table("RATED", src=["ada"], dst=["nothing"], eventId=["2"])
    with pytest.raises(CountMismatch):
        getattr(store, write)("RATED", [good, bad])
    assert "RATED" not in store.counts()


@pytest.mark.parametrize("name", ["User", "RATED", "FOLLOWS"])
def test_an_upsert_into_an_empty_table_creates(store: GraphStore, name: str) -> None:
    """Every row is new."""
    load_shop(store, {n: SHOP[n] for n in ("User", "Item") if n != name})
    assert store.upsert(name, SHOP[name]) == WriteCount(created=SHOP[name].num_rows)


@pytest.mark.parametrize("name", sorted(SHOP))
def test_an_upsert_of_what_is_there_changes_nothing(shop: GraphStore, name: str) -> None:
    """The same rows twice are the same graph, and the answer says so."""
    assert shop.upsert(name, SHOP[name]) == WriteCount(unchanged=SHOP[name].num_rows)
    assert shop.counts() == COUNTS


def test_an_upsert_says_what_it_did_to_nodes(shop: GraphStore) -> None:
    """New, changed, emptied, the same, and rows with nothing beside their key, new and known."""
    rows = table(
        "User",
        userId=["eve", "ben", "ada", "cleo", "fay", "gus", "gus"],
        createdAt=[50, 21, None, None, None, None, None],
    )
    assert shop.upsert("User", rows) == WriteCount(created=3, updated=2, unchanged=2)


def test_an_upsert_says_what_it_did_to_events(shop: GraphStore) -> None:
    """New, changed, and the same."""
    rows = table(
        "RATED", src=["ada", "dan", "ben"], dst=["ink", "mug", "pen"],
        eventId=["r2", "r9", "r3"], rating=[4.5, 2.0, 1.0],
    )  # fmt: skip
    assert shop.upsert("RATED", rows) == WriteCount(created=1, updated=1, unchanged=1)


def test_an_upsert_says_what_it_did_to_ties(shop: GraphStore) -> None:
    """New, changed, and the same, with a value and without one."""
    rows = table(
        "FOLLOWS", src=["dan", "ben", "cleo"], dst=["ada"] * 3, since=[1, 99, None]
    )  # fmt: skip
    assert shop.upsert("FOLLOWS", rows) == WriteCount(created=1, updated=1, unchanged=1)


def touched(count: WriteCount) -> set[str]:
    assert count.touched is not None
    return {key for keys in count.touched for key in keys.to_pylist()}


def test_an_upsert_tells_whose_edges_came_or_changed(shop: GraphStore) -> None:
    """One new event and one that says other than before, among all that are known."""
    known = SHOP["RATED"].to_pylist()
    other = {**known[0], "rating": 1.25}
    new = {**known[-1], "eventId": "new", "src": "dan"}
    rows = pa.Table.from_pylist([*known[1:], other, new], schema=SHOP["RATED"].schema)
    assert touched(shop.upsert("RATED", rows)) == {"ada", "dan"}
    assert shop.upsert("RATED", rows) == WriteCount(unchanged=5)


def test_of_a_tie_both_ends_are_told(shop: GraphStore) -> None:
    """Each reads the other, or is read."""
    rows = table("FOLLOWS", src=["dan", "ben"], dst=["cleo", "ada"], since=[1, 5])
    assert touched(shop.upsert("FOLLOWS", rows)) == {"dan", "cleo"}


def test_writes_together_tell_of_all_or_of_none() -> None:
    """One that does not tell leaves nothing known; one that changed nothing has nothing to tell."""
    a, b = (WriteCount(created=1, touched=(pa.array([key]),)) for key in "ab")
    assert touched(a + b + WriteCount(unchanged=3)) == {"a", "b"}
    assert (a + WriteCount(created=1)).touched is None


def test_an_upsert_of_what_is_there_keeps_the_values(shop: GraphStore) -> None:
    """Values after a second load are those of the first."""
    columns = ("eventId", "at", "weight", "rating", "title", "text", "helpful")
    before = edge_rows(shop, "REVIEWED", *columns)
    shop.upsert("REVIEWED", SHOP["REVIEWED"])
    assert edge_rows(shop, "REVIEWED", *columns) == before


def test_an_upsert_adds_and_changes(shop: GraphStore) -> None:
    """Known keys take the new values, unknown keys are created."""
    rows = table("User", userId=["ben", "eve"], createdAt=[21, 50])
    assert shop.upsert("User", rows).created == 1
    assert [node(shop, "User", k, "createdAt") for k in ("ben", "eve")] == [(21,), (50,)]


def test_an_upsert_of_edges_adds_and_changes(shop: GraphStore) -> None:
    """An edge is known by its eventId."""
    rows = table(
        "RATED", src=["ada", "dan"], dst=["ink", "mug"], eventId=["r2", "r9"], rating=[4.0, 2.0]
    )
    assert shop.upsert("RATED", rows).created == 1
    assert edge_rows(shop, "RATED", "eventId", "rating") == [
        ("ada", "ink", "r2", 4.0),
        ("ada", "pen", "r1", 5.0),
        ("ben", "pen", "r3", 1.0),
        ("cleo", "mug", "r4", 4.0),
        ("dan", "mug", "r9", 2.0),
    ]


def test_an_upsert_of_edges_without_a_key_goes_by_their_ends(shop: GraphStore) -> None:
    """A pair of users has one FOLLOWS edge, however often it is sent."""
    shop.upsert("FOLLOWS", table("FOLLOWS", src=["ben", "ada"], dst=["ada", "ben"], since=[6, 7]))
    assert edge_rows(shop, "FOLLOWS", "since") == [
        ("ada", "ben", 7),
        ("ben", "ada", 6),
        ("cleo", "ada", None),
    ]


def test_an_upsert_keeps_the_columns_it_does_not_name(shop: GraphStore) -> None:
    """A column that is not sent keeps its value."""
    shop.upsert("Item", table("Item", itemId=["pen"], price=[9.0]))
    assert node(shop, "Item", "pen", "title", "price") == ("Pen", 9.0)


def test_a_null_in_an_upsert_overwrites(shop: GraphStore) -> None:
    """A null that is sent is a value like any other."""
    shop.upsert("Item", table("Item", itemId=["pen"], price=[None]))
    assert node(shop, "Item", "pen", "price") == (None,)


@pytest.mark.parametrize("split", [False, True], ids=["one table", "two batches"])
@pytest.mark.parametrize("known", [False, True])
def test_the_last_row_of_a_key_wins(shop: GraphStore, *, known: bool, split: bool) -> None:
    """In one upsert, within a table and over batches; and every row sent is accounted for."""
    key = "ada" if known else "eve"
    rows = table("User", userId=[key, "zoe", key], createdAt=[1, 2, 3])
    written = shop.upsert("User", [rows.slice(0, 2), rows.slice(2)] if split else rows)
    assert node(shop, "User", key, "createdAt") == (3,)
    assert written.created == (1 if known else 2)
    assert written.created + written.updated + written.unchanged == 3


def test_the_last_row_of_an_edge_wins(shop: GraphStore) -> None:
    """For edges by eventId, in one upsert."""
    rows = table("RATED", src=["dan"] * 3, dst=["pen"] * 3, eventId=["x"] * 3, rating=[1.0, 2, 3])
    assert shop.upsert("RATED", rows).created == 1
    assert ("dan", "pen", 3.0) in edge_rows(shop, "RATED", "rating")


def test_an_event_cannot_move(shop: GraphStore) -> None:
    """A known eventId between other nodes is refused, and the edge stays where it was."""
    with pytest.raises(StoreError, match="r1"):
        shop.upsert("RATED", table("RATED", src=["ben"], dst=["pen"], eventId=["r1"]))
    assert ("ada", "pen", "r1") in edge_rows(shop, "RATED", "eventId")
    assert shop.counts() == COUNTS


def test_an_event_may_come_again_after_a_write_that_failed(shop: GraphStore) -> None:
    """What was undone is not known, at whatever ends it comes; what was written is."""
    event = {"dst": ["pen"], "eventId": ["n1"], "rating": [2.0]}
    with pytest.raises(CountMismatch):
        shop.upsert("RATED", table("RATED", src=["nobody"], **event))
    assert shop.upsert("RATED", table("RATED", src=["dan"], **event)) == WriteCount(created=1)
    assert shop.upsert("RATED", table("RATED", src=["dan"], **event)) == WriteCount(unchanged=1)
    with pytest.raises(StoreError, match="n1"):
        shop.upsert("RATED", table("RATED", src=["ben"], **event))


def test_large_upserts_and_small_ones_agree(shop: GraphStore) -> None:
    """Three thousand rows, half of them known, into three thousand: the same as row by row."""
    first = table("User", userId=[f"u{k}" for k in range(3000)], createdAt=[1] * 3000)
    second = table("User", userId=[f"u{k}" for k in range(1500, 4500)], createdAt=[2] * 3000)
    shop.upsert("User", first)
    assert shop.upsert("User", second).created == 1500
    rows = [r for r in node_rows(shop, "User", "createdAt") if r[0].startswith("u")]
    assert dict(rows) == {f"u{k}": 1 if k < 1500 else 2 for k in range(4500)}


@pytest.mark.parametrize("write", ["bulk_load", "upsert"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused(
    store: GraphStore, write: str, value: float
) -> None:
    """The error names the column and how many rows; nothing is written."""
    rows = table("Item", itemId=["a", "b", "c"], price=[value, 1.0, value])
    with pytest.raises(StoreError, match=r"(?s)Item.*price.*2 "):
        getattr(store, write)("Item", rows)
    assert store.counts() == {}


@pytest.mark.parametrize("write", ["bulk_load", "upsert"])
def test_a_row_without_a_key_is_refused(store: GraphStore, write: str) -> None:
    """The error names the key column."""
    with pytest.raises(StoreError, match="userId"):
        getattr(store, write)("User", table("User", userId=["a", None], createdAt=[1, 2]))
    assert store.counts() == {}


@pytest.mark.parametrize("write", ["bulk_load", "upsert"])
def test_an_unknown_column_is_refused(store: GraphStore, write: str) -> None:
    """A column nobody declared is a mistake, not a property."""
    with pytest.raises(StoreError, match="shoeSize"):
        getattr(store, write)("User", pa.table({"userId": ["a"], "shoeSize": [44]}))
    assert store.counts() == {}


def test_a_column_of_another_type_is_refused(store: GraphStore) -> None:
    """The error names the column and both types."""
    with pytest.raises(StoreError, match=r"(?s)createdAt.*string"):
        store.bulk_load("User", pa.table({"userId": ["a"], "createdAt": ["yesterday"]}))


def test_an_unknown_table_is_refused(store: GraphStore) -> None:
    """The error names the table."""
    with pytest.raises(StoreError, match="Unicorn"):
        store.bulk_load("Unicorn", pa.table({"id": ["a"]}))


def test_integers_are_exact(shop: GraphStore) -> None:
    """2^53 + 1 has no double; it comes back."""
    assert node(shop, "User", "dan", "createdAt") == (BIG,)


def test_edges_without_their_properties(store: GraphStore) -> None:
    """An edge table may come with its two ends alone; what it could say more is null."""
    store.bulk_load("User", pa.table({"userId": ["ada", "ben"]}))
    store.bulk_load("FOLLOWS", pa.table({"src": ["ada"], "dst": ["ben"]}))
    found = store.query("MATCH (a:User)-[e:FOLLOWS]->(b:User) RETURN a.userId, b.userId, e.since")
    assert found.rows == [["ada", "ben", None]]
