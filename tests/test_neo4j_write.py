"""What only Neo4j needs of a write: counters, bounded transactions, keys that fit an index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from kg.errors import CountMismatch, StoreError
from kg.neo4j_store import Neo4jStore, delete, release, replace, rows, write
from kg.schema import EDGES, NODES
from kg.store import WriteCount
from tests.neo4j_server.wipe import wipe
from tests.store.tables import (
    SHOP,
    edge_rows,
    interests,
    load_shop,
    node_rows,
    similar,
    table,
    users,
)
from tests.store.tables import release as a_release


@pytest.fixture
def store(empty_neo4j: str) -> Iterator[Neo4jStore]:
    with Neo4jStore.open(empty_neo4j) as opened:
        opened.ensure_schema()
        yield opened


@pytest.fixture
def shop(store: Neo4jStore) -> Neo4jStore:
    load_shop(store, SHOP)
    return store


@pytest.fixture
def small_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows a transaction, so that tiny tables need several."""
    for module in (rows, replace):
        monkeypatch.setattr(module, "TRANSACTION_ROWS", 2)


# --- constraints


def test_every_key_has_a_constraint(neo4j_url: str) -> None:
    """Nodes by their key, events by their eventId."""
    wipe(neo4j_url, schema=True)
    with Neo4jStore.open(neo4j_url) as store:
        store.ensure_schema()
        made = store.query("SHOW CONSTRAINTS YIELD labelsOrTypes, properties, type").rows
    keys = {(names[0], keys[0]) for names, keys, type_ in made if "UNIQUENESS" in type_}
    assert keys >= {(n.label, n.key) for n in NODES}
    assert keys >= {(e.name, e.key) for e in EDGES if e.key}


def test_the_database_itself_refuses_an_event_twice(shop: Neo4jStore) -> None:
    """Whoever writes it."""
    text = "MATCH (a:User)-[e:RATED {eventId: 'r1'}]->(b) CREATE (a)-[:RATED {eventId: 'r1'}]->(b)"
    with pytest.raises(StoreError, match="r1"):
        shop.query(text, read_only=False)


def test_data_that_breaks_a_constraint_is_said_so(neo4j_url: str) -> None:
    """A graph of somebody else's with two users of one id."""
    wipe(neo4j_url, schema=True)
    with Neo4jStore.open(neo4j_url) as store:
        store.query("UNWIND [1, 2] AS k CREATE (:User {userId: 'twin'})", read_only=False)
        with pytest.raises(StoreError, match="userId"):
            store.ensure_schema()
    wipe(neo4j_url)


def test_an_attribute_has_one_type(store: Neo4jStore) -> None:
    """Declared again with another it is refused; so is a declared column."""
    store.ensure_schema({"User": pa.schema([("age", pa.int64())])})
    for name in ("age", "createdAt"):
        with pytest.raises(StoreError, match=name):
            store.ensure_schema({"User": pa.schema([(name, pa.string())])})


def test_attributes_are_known_after_reopening(store: Neo4jStore) -> None:
    """The graph keeps them, so that an empty column still has its type."""
    store.ensure_schema({"User": pa.schema([("age", pa.int64())])})
    with Neo4jStore.open(store.url) as again:
        again.bulk_load("User", pa.table({"userId": ["u"], "age": pa.array([None], pa.int64())}))
        exported = again.export({"User": ["age"]}, {}).nodes["User"]
    assert exported.schema.field("age").type == pa.int64()


@pytest.mark.parametrize("name", ["back\\slash", "\\u0060) DETACH DELETE n //", ""])
def test_a_name_that_could_end_its_quotes_is_refused(store: Neo4jStore, name: str) -> None:
    """Cypher 5 reads \\u0060 as a backtick, in quotes too."""
    with pytest.raises(StoreError, match="name"):
        store.ensure_schema({"User": pa.schema([(name, pa.string())])})


# --- what is sent is what arrives


@pytest.mark.parametrize("how", ["bulk_load", "upsert"])
@pytest.mark.parametrize("name", ["RATED", "FOLLOWS"])
def test_the_server_s_counters_are_compared(
    store: Neo4jStore, monkeypatch: pytest.MonkeyPatch, how: str, name: str
) -> None:
    """A user who goes between the check and the write: MATCH drops the row, the call notices and
    leaves nothing behind."""
    load_shop(store, {n: SHOP[n] for n in ("User", "Item")})
    monkeypatch.setattr(write, "check_ends", lambda *_: store.delete_users(["ada"]))
    with pytest.raises(CountMismatch, match=name):
        getattr(store, how)(name, SHOP[name])
    assert name not in store.counts()


def test_a_repeated_key_is_refused_before_anything_is_written(store: Neo4jStore) -> None:
    """A bulk load takes rows of distinct keys; over batches too."""
    load_shop(store, {n: SHOP[n] for n in ("User", "Item")})
    with pytest.raises(StoreError, match="1 rows repeat the eventId"):
        store.bulk_load("RATED", [SHOP["RATED"], SHOP["RATED"].slice(0, 1)])
    with pytest.raises(StoreError, match="1 rows repeat the src and dst"):
        store.bulk_load("FOLLOWS", [SHOP["FOLLOWS"], SHOP["FOLLOWS"].slice(0, 1)])
    assert set(store.counts()) == {"User", "Item"}


def test_batches_have_the_same_columns(store: Neo4jStore) -> None:
    """Else one of them is a mistake, and nothing is written."""
    batches = [SHOP["User"], SHOP["User"].select(["userId"])]
    with pytest.raises(StoreError, match="createdAt"):
        store.upsert("User", batches)
    assert store.counts() == {}


@pytest.mark.parametrize("key", ["0" * 8_001, "é" * 4_001])
def test_a_key_too_long_for_an_index_is_refused(store: Neo4jStore, key: str) -> None:
    """By its bytes, before it is sent."""
    with pytest.raises(StoreError, match="8,000 bytes"):
        store.bulk_load("User", table("User", userId=["short", key]))
    assert store.counts() == {}


@pytest.mark.parametrize(
    ("given", "declared"),
    [
        (pa.array(["a"], pa.large_string()), "userId"),
        (pa.array(["a"]).dictionary_encode(), "userId"),
        (pa.array([7], pa.int32()), "createdAt"),
        (pa.array([7], pa.uint8()), "createdAt"),
    ],
    ids=str,
)
def test_narrower_types_are_widened(store: Neo4jStore, given: pa.Array, declared: str) -> None:
    """What polars and pandas make of the same column."""
    columns = {"userId": pa.array(["a"]), declared: given}
    store.bulk_load("User", pa.table(columns))
    assert store.counts() == {"User": 1}


@pytest.mark.parametrize(
    ("column", "given"),
    [
        ("createdAt", pa.array([1.5])),
        ("createdAt", pa.array([2**63], pa.uint64())),
        ("userId", pa.array([1])),
        ("embedding", pa.array([["a"]])),
        ("embedding", pa.array([[None, 1.0]])),
    ],
    ids=str,
)
def test_types_that_would_lose_something_are_refused(
    store: Neo4jStore, column: str, given: pa.Array
) -> None:
    """The error names the column."""
    with pytest.raises(StoreError, match=column):
        store.bulk_load("User", pa.table({"userId": pa.array(["a"]), column: given}))
    assert store.counts() == {}


# --- more rows than one transaction holds


@pytest.mark.usefixtures("small_transactions")
def test_a_load_of_several_transactions_is_one_load(store: Neo4jStore) -> None:
    """Every row arrives once, from a table or from batches of any size."""
    keys = [f"u{i}" for i in range(9)]
    people = table("User", userId=keys, createdAt=list(range(9)))
    assert store.bulk_load("User", people).created == 9
    ties = table("FOLLOWS", src=keys, dst=keys[1:] + keys[:1], since=list(range(9)))
    batches = [ties.slice(0, 1), ties.slice(1, 5), ties.slice(6)]
    assert store.bulk_load("FOLLOWS", batches).created == 9
    assert [r[2] for r in edge_rows(store, "FOLLOWS", "since")] == list(range(9))


@pytest.mark.usefixtures("small_transactions")
def test_the_last_row_wins_over_transactions(store: Neo4jStore) -> None:
    """Parts of an upsert are written in the order they came."""
    store.upsert("User", table("User", userId=["u", "a", "b", "c", "u"], createdAt=[1, 2, 3, 4, 5]))
    assert dict(node_rows(store, "User", "createdAt")) == {"u": 5, "a": 2, "b": 3, "c": 4}


@pytest.mark.usefixtures("small_transactions")
@pytest.mark.parametrize("how", ["bulk_load", "upsert"])
def test_an_error_in_the_last_part_is_found_before_the_first(store: Neo4jStore, how: str) -> None:
    """Everything the data can be wrong in is checked before a transaction is begun."""
    load_shop(store, {n: SHOP[n] for n in ("User", "Item")})
    keys = [f"e{i}" for i in range(7)]
    rows = table("RATED", src=["ada"] * 6 + ["nobody"], dst=["pen"] * 7, eventId=keys)
    with pytest.raises(CountMismatch, match="nobody"):
        getattr(store, how)("RATED", rows)
    assert "RATED" not in store.counts()


@pytest.mark.usefixtures("small_transactions")
def test_a_load_that_was_cut_off_is_finished_by_an_upsert(
    store: Neo4jStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole transactions are there, the rest comes with the next run; a bulk load is refused."""
    keys = [f"u{i}" for i in range(7)]
    people = table("User", userId=keys, createdAt=list(range(7)))
    fail_at(monkeypatch, write, "create_in_order", call=3)
    with pytest.raises(KeyboardInterrupt):
        store.bulk_load("User", people)
    assert store.counts() == {"User": 4}
    with pytest.raises(StoreError, match="upsert"):
        store.bulk_load("User", people)
    assert store.upsert("User", people) == WriteCount(created=3, unchanged=4)
    assert [r[1] for r in node_rows(store, "User", "createdAt")] == list(range(7))


@pytest.mark.usefixtures("small_transactions")
def test_many_edges_are_replaced_in_blocks(
    shop: Neo4jStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Source by source, with the same end as in one transaction."""
    monkeypatch.setattr(replace, "SOURCES", 1)
    old = similar([("ada", "ben", 0.1), ("ben", "ada", 0.2), ("dan", "ada", 0.3)])
    new = similar([("ada", "cleo", 0.4), ("cleo", "ada", 0.5), ("cleo", "ben", 0.6)], "v2")
    shop.replace_edges("SIMILAR_TO", old)
    assert shop.replace_edges("SIMILAR_TO", new) == WriteCount(created=3, deleted=3)
    assert edge_rows(shop, "SIMILAR_TO", "score") == [
        ("ada", "cleo", 0.4),
        ("cleo", "ada", 0.5),
        ("cleo", "ben", 0.6),
    ]


def test_users_with_more_edges_than_a_transaction_are_deleted(
    shop: Neo4jStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Edges first, in parts; others keep theirs."""
    monkeypatch.setattr(delete, "TRANSACTION_ROWS", 1)
    assert shop.delete_users(["ada", "ben"]) == WriteCount(deleted=2)
    assert edge_rows(shop, "RATED", "eventId") == [("cleo", "mug", "r4")]
    assert shop.counts()["User"] == 2


def test_an_attribute_of_a_type_no_store_holds_is_refused(store: Neo4jStore) -> None:
    """The error names it and those that can be held."""
    with pytest.raises(StoreError, match=r"User\.since.*date32.*string"):
        store.ensure_schema({"User": pa.schema([("since", pa.date32())])})


# --- publishing


def fail_at(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, *, call: int) -> None:
    """The process is killed, as far as the graph can see, in the n-th call of a function."""
    whole = getattr(module, name)
    calls = iter(range(1, 1_000))

    def cut_off(*args: Any, **named: Any) -> Any:
        if next(calls) == call:
            raise KeyboardInterrupt
        return whole(*args, **named)

    monkeypatch.setattr(module, name, cut_off)


def profiles(store: Neo4jStore) -> list[tuple[Any, ...]]:
    """Each user's version beside the versions on their edges."""
    found = store.query(
        "MATCH (u:User) OPTIONAL MATCH (u)-[e:INTERESTED_IN|SIMILAR_TO]->() "
        "WITH u, e ORDER BY e.modelVersion "
        "RETURN u.userId, u.modelVersion, collect(DISTINCT e.modelVersion) ORDER BY u.userId"
    )
    return [tuple(row) for row in found.rows]


def second() -> Any:
    """Everybody profiled anew, with an interest each."""
    everybody = ["ada", "ben", "cleo", "dan"]
    people = users(everybody, "v2")
    at = people.schema.get_field_index("frequency")
    return a_release(
        "v2",
        users=people.set_column(at, "frequency", pa.array([11, 12, 13, 14], pa.int64())),
        edges={
            "INTERESTED_IN.Category": interests(
                "Category", [(u, "desk", 0.5) for u in everybody], "v2"
            ),
            "INTERESTED_IN.Item": interests("Item", [(u, "mug", 0.5) for u in everybody], "v2"),
            "SIMILAR_TO": similar([(u, "ada", 0.5) for u in everybody[1:]], "v2"),
        },
    )


def test_a_publish_that_was_killed_shows_whole_profiles(
    shop: Neo4jStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each user's is the old one or the new one; the release is not live."""
    shop.write_release(a_release("v1"))
    for module in (release, replace):
        monkeypatch.setattr(module, "SOURCES", 1)
    fail_at(monkeypatch, release, "write_edges", call=3)
    with pytest.raises(KeyboardInterrupt):
        shop.write_release(second())
    assert profiles(shop) == [
        ("ada", "v2", ["v2"]),
        ("ben", "v2", ["v2"]),
        ("cleo", "v1", []),
        ("dan", None, []),
    ]
    assert node_rows(shop, "ProfileRelease", "status") == [("v1", "live"), ("v2", "writing")]


def test_a_publish_that_was_killed_is_finished_by_the_next(
    shop: Neo4jStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same graph as without the kill."""
    shop.write_release(a_release("v1"))
    for module in (release, replace):
        monkeypatch.setattr(module, "SOURCES", 1)
    with monkeypatch.context() as killed:
        fail_at(killed, release, "write_edges", call=3)
        with pytest.raises(KeyboardInterrupt):
            shop.write_release(second())
    shop.write_release(second())
    assert {row[1] for row in profiles(shop)} == {"v2"}
    assert {tuple(row[2]) for row in profiles(shop)} == {("v2",)}
    assert shop.counts()["INTERESTED_IN.Item"] == 4
    assert node_rows(shop, "ProfileRelease", "status") == [("v1", "retired"), ("v2", "live")]


def test_a_cluster_cannot_take_a_source_s_category(shop: Neo4jStore) -> None:
    """It would be removed with the release."""
    categories = table("Category", categoryId=["desk"], name=["desk"], derived=[True])
    with pytest.raises(StoreError, match="desk"):
        shop.write_release(a_release("v1", categories=categories))
    assert "ProfileRelease" not in shop.counts()


def test_an_interest_in_a_cluster_that_goes_is_refused(shop: Neo4jStore) -> None:
    """The category is there while it is checked, and would not be at the end."""
    cluster = table("Category", categoryId=["c0"], name=["blue"], derived=[True])
    shop.write_release(a_release("v1", categories=cluster))
    edges = {"INTERESTED_IN.Category": interests("Category", [("ada", "c0", 0.9)], "v2")}
    with pytest.raises(CountMismatch, match="c0"):
        shop.write_release(a_release("v2", edges=edges))
