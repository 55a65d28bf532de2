"""Reading with Cypher: values, parameters, limits, and no writes through a read-only door."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from kg.errors import QueryError, QueryTimeout, StoreError, WriteRefused
from kg.store import GraphStore, open_store
from tests.store.tables import BIG, COUNTS, SHOP, release, table

WRITES = [
    "CREATE (:User {userId: 'x'})",
    "create (:User {userId: 'x'})",
    "MERGE (:User {userId: 'x'})",
    "MATCH (u:User) SET u.createdAt = 1",
    "MATCH (u:User {userId: 'ada'}) SET u.createdAt = 1 RETURN u.userId",
    "MATCH (u:User) DETACH DELETE u",
    "MATCH ()-[r:RATED]->() DELETE r",
    "MATCH (u:User) REMOVE u.createdAt",
    "MATCH (u:User)\n\t/* quiet */ SET\nu.createdAt = 1",
    "MATCH (u:User) // RETURN u\nSET u.createdAt = 1",
    "MATCH (u:User) WITH u CREATE (u)-[:FOLLOWS]->(u)",
    "/* a */ CREATE (:User {userId: 'x'})",
]
SCHEMA = {
    "ladybug": ["DROP TABLE FOLLOWS", "ALTER TABLE User ADD x INT64", "CHECKPOINT"],
    "neo4j": ["CREATE INDEX x FOR (u:User) ON (u.x)", "DROP CONSTRAINT x IF EXISTS"],
}

READS: list[tuple[str, list[list[Any]]]] = [
    ("RETURN 'CREATE (n) SET n.x = 1 DELETE n' AS text", [["CREATE (n) SET n.x = 1 DELETE n"]]),
    ('RETURN "it\'s; DROP" AS text', [["it's; DROP"]]),
    ("RETURN 1 AS x // CREATE (n)", [[1]]),
    ("/* MERGE (n) */ RETURN 1 AS x /* SET */", [[1]]),
    ("RETURN 1 AS `set`", [[1]]),
    ("RETURN 'a\\'b' AS x", [["a'b"]]),
    ("MATCH (u:User {userId: 'ada'}) RETURN u.userId AS created", [["ada"]]),
    ("RETURN 1 AS x;", [[1]]),
]

VALUES: list[Any] = [None, True, 0, -1, BIG, 1.5, "", "it's \"`\\ 😀\n", ["a", "b"], [1, 2], [1.5]]


def test_rows_and_columns(shop: GraphStore) -> None:
    """Columns are named as the text says; rows are lists."""
    found = shop.query(
        "MATCH (u:User)-[r:RATED]->(i:Item) RETURN u.userId AS user, r.rating AS stars, "
        "i.title AS title ORDER BY stars"
    )
    assert found.columns == ["user", "stars", "title"]
    assert found.rows == [
        ["ben", 1.0, "Pen"],
        ["ada", 3.0, ""],
        ["cleo", 4.0, None],
        ["ada", 5.0, "Pen"],
    ]
    assert not found.truncated


def test_no_rows_still_have_columns(shop: GraphStore) -> None:
    """A reader can print the header."""
    found = shop.query("MATCH (u:User {userId: 'nobody'}) RETURN u.userId AS user")
    assert (found.columns, found.rows) == (["user"], [])


def test_nodes_are_dicts_of_their_properties(shop: GraphStore) -> None:
    """Those that have a value, and no ids of the store's own."""
    rows = shop.query("MATCH (u:User {userId: 'ben'}) RETURN u").rows
    assert rows == [[{"userId": "ben", "createdAt": 20}]]


def test_relationships_are_dicts_of_their_properties(shop: GraphStore) -> None:
    """The same; and in lists as well."""
    rows = shop.query("MATCH (:User {userId: 'ben'})-[r:FOLLOWS]->(u) RETURN r, collect(u) AS us")
    assert rows.rows == [[{"since": 5}, [{"userId": "ada", "createdAt": 10}]]]


def test_a_profile_is_read_as_plain_values(shop: GraphStore) -> None:
    """Vectors and lists of text are Python lists, wherever they stand."""
    shop.write_release(release())
    rows = shop.query(
        "MATCH (u:User {userId: 'ada'})-[r:INTERESTED_IN]->(c:Category) "
        "RETURN u, r.topEvidence AS why, collect(u.embedding) AS vs, {v: u.embedding} AS m"
    ).rows
    user, why, several, in_map = rows[0]
    assert user["embedding"] == [0.0, 0.5]
    assert (why, several, in_map) == (
        ["RATED:r1", "FOLLOWS:ben"],
        [[0.0, 0.5]],
        {"v": [0.0, 0.5]},
    )


def test_sums_of_integers_are_integers(shop: GraphStore) -> None:
    """On every store."""
    rows = shop.query("MATCH ()-[r:RATED]->() RETURN sum(r.helpful) AS n, count(*) AS k").rows
    assert rows == [[3, 4]]
    assert [type(v) for v in rows[0]] == [int, int]


def test_integers_are_exact(shop: GraphStore) -> None:
    """2^53 + 1 through a query."""
    assert shop.query("MATCH (u:User {userId: 'dan'}) RETURN u.createdAt AS x").rows == [[BIG]]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_parameters_come_back(store: GraphStore, value: Any) -> None:
    """Every kind of value a caller may send."""
    assert store.query("RETURN $value AS value", {"value": value}).rows == [[value]]


def test_one_text_takes_parameters_of_several_widths(store: GraphStore) -> None:
    """A small number first does not narrow the large one that follows."""
    for value in (1, 300, 70_000, 2**40, -3, 1):
        assert store.query("RETURN $value AS value", {"value": value}).rows == [[value]]


def test_an_empty_list_is_a_parameter(shop: GraphStore) -> None:
    """In a filter and in UNWIND."""
    assert shop.query("MATCH (u:User) WHERE u.userId IN $ids RETURN u", {"ids": []}).rows == []
    assert shop.query("UNWIND $ids AS id RETURN id", {"ids": []}).rows == []


def test_a_list_is_a_parameter(shop: GraphStore) -> None:
    """In a filter."""
    rows = shop.query(
        "MATCH (u:User) WHERE u.userId IN $ids RETURN u.userId AS id ORDER BY id",
        {"ids": ["dan", "ada", "nobody"]},
    ).rows
    assert rows == [["ada"], ["dan"]]


def test_a_number_parameter_limits(shop: GraphStore) -> None:
    """$k in LIMIT, as named queries have it."""
    rows = shop.query("MATCH (u:User) RETURN u.userId AS id ORDER BY id LIMIT $k", {"k": 2}).rows
    assert rows == [["ada"], ["ben"]]


def test_a_parameter_that_is_not_given_is_an_error(shop: GraphStore) -> None:
    """It does not become null."""
    with pytest.raises(QueryError, match="id"):
        shop.query("MATCH (u:User {userId: $id}) RETURN u")


def test_a_text_that_is_not_cypher_is_an_error(store: GraphStore) -> None:
    """A QueryError, in one line."""
    with pytest.raises(QueryError) as error:
        store.query("MATCH (u:User RETURN u")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("max_rows", [1, 3])
def test_rows_are_capped(shop: GraphStore, max_rows: int) -> None:
    """The first rows come, and the result says that there were more."""
    found = shop.query("MATCH (u:User) RETURN u.userId AS id ORDER BY id", max_rows=max_rows)
    assert found.rows == [["ada"], ["ben"], ["cleo"]][:max_rows]
    assert found.truncated


@pytest.mark.parametrize("max_rows", [4, 5])
def test_a_result_within_the_cap_is_whole(shop: GraphStore, max_rows: int) -> None:
    """Exactly at the cap nothing is missing."""
    found = shop.query("MATCH (u:User) RETURN u.userId AS id", max_rows=max_rows)
    assert (len(found.rows), found.truncated) == (4, False)


@pytest.mark.parametrize(
    "text",
    [
        "MATCH (u:User) RETURN u.userId AS id ORDER BY id SKIP 1 LIMIT 2",
        "MATCH (u:User) RETURN u.userId AS id UNION ALL MATCH (u:User) RETURN u.userId AS id",
        "MATCH (u:User) WITH u LIMIT 1 MATCH (v:User) RETURN v.userId AS id",
    ],
)
def test_the_cap_holds_whatever_the_text(shop: GraphStore, text: str) -> None:
    """Where the text has a LIMIT or a UNION of its own too."""
    found = shop.query(text, max_rows=1)
    assert (len(found.rows), found.truncated) == (1, True)


def test_a_query_that_takes_too_long_is_stopped(store: GraphStore) -> None:
    """A cross product of ten billion rows, given half a second."""
    text = (
        "UNWIND range(1, 100000) AS a UNWIND range(1, 100000) AS b "
        "WITH a * b AS c WHERE c % 7 = 3 RETURN sum(c) AS n"
    )
    with pytest.raises(QueryTimeout, match=r"0\.5 s"):
        store.query(text, timeout_s=0.5)


def test_the_store_answers_after_a_timeout(shop: GraphStore) -> None:
    """The next query has its own time."""
    text = "UNWIND range(1, 100000) AS a UNWIND range(1, 100000) AS b RETURN sum(a * b) AS n"
    with pytest.raises(QueryTimeout):
        shop.query(text, timeout_s=0.3)
    assert shop.query("MATCH (u:User) RETURN count(u) AS n").rows == [[4]]


@pytest.mark.parametrize("text", WRITES)
def test_a_reader_cannot_write(shop: GraphStore, text: str) -> None:
    """Refused, and nothing changed."""
    with pytest.raises(WriteRefused):
        shop.query(text)
    assert shop.counts() == COUNTS
    assert shop.query("MATCH (u:User {userId: 'ada'}) RETURN u.createdAt AS x").rows == [[10]]


def test_a_reader_cannot_change_the_schema(shop: GraphStore) -> None:
    """Each store's own statements for it."""
    for text in SCHEMA[shop.dialect]:
        with pytest.raises(WriteRefused):
            shop.query(text)


@pytest.mark.parametrize(("text", "rows"), READS, ids=[t for t, _ in READS])
def test_a_word_is_not_a_write(shop: GraphStore, text: str, rows: list[list[Any]]) -> None:
    """Verbs in text, comments and quoted names are read as what they are."""
    assert shop.query(text).rows == rows


def test_a_property_named_like_a_verb_can_be_read(store: GraphStore) -> None:
    """`u.set` is a property."""
    store.ensure_schema({"User": pa.schema([("set", pa.string())])})
    store.bulk_load("User", pa.table({"userId": ["u"], "set": ["of six"]}))
    assert store.query("MATCH (u:User) RETURN u.set AS x").rows == [["of six"]]


def test_a_writer_can_write(shop: GraphStore) -> None:
    """Where the caller says so."""
    shop.query("MATCH (u:User {userId: $id}) SET u.createdAt = 7", {"id": "ada"}, read_only=False)
    assert shop.query("MATCH (u:User {userId: 'ada'}) RETURN u.createdAt AS x").rows == [[7]]


def test_a_writer_s_error_writes_nothing(shop: GraphStore) -> None:
    """One statement is all or nothing."""
    with pytest.raises(StoreError):
        shop.query("UNWIND ['eve', 'ada'] AS id CREATE (:User {userId: id})", read_only=False)
    assert shop.counts() == COUNTS


@pytest.fixture
def reader(store_url: str) -> Iterator[GraphStore]:
    """The shop, opened to read only."""
    with open_store(store_url) as writer:
        writer.ensure_schema()
        for name, rows in SHOP.items():
            writer.bulk_load(name, rows)
    with open_store(store_url, read_only=True) as opened:
        yield opened


def test_a_reader_reads(reader: GraphStore) -> None:
    """counts, export and query work on a store opened to read only."""
    assert reader.counts() == COUNTS
    assert reader.export({"User": []}, {}).nodes["User"].num_rows == 4
    assert reader.query("MATCH (u:User) RETURN count(u) AS n").rows == [[4]]


def test_a_store_opened_to_read_writes_nothing(reader: GraphStore) -> None:
    """Every door that writes is shut."""
    rows = table("User", userId=["eve"], createdAt=[1])
    for write in (
        lambda: reader.ensure_schema(),
        lambda: reader.bulk_load("User", rows),
        lambda: reader.upsert("User", rows),
        lambda: reader.replace_edges("SIMILAR_TO", release().edges["SIMILAR_TO"]),
        lambda: reader.write_release(release()),
        lambda: reader.delete_users(["ada"]),
        lambda: reader.query("CREATE (:User {userId: 'x'})", read_only=False),
        lambda: reader.query("CREATE (:User {userId: 'x'})"),
    ):
        with pytest.raises(WriteRefused):
            write()
    assert reader.counts() == COUNTS
