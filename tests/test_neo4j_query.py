"""The reader's door of a Neo4j store: what the server would let pass, and values only it has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kg.errors import QueryTimeout, StoreError, WriteRefused
from kg.neo4j_store import Neo4jStore
from tests.store.tables import SHOP, load_shop

SERVER_REFUSES = [
    "CREATE CONSTRAINT x FOR (u:User) REQUIRE u.x IS UNIQUE",
    "DROP CONSTRAINT kg_User_userId",
    "CREATE INDEX x FOR (u:User) ON (u.x)",
    "CREATE USER bob SET PASSWORD 'long enough'",
    "ALTER CURRENT USER SET PASSWORD FROM 'a' TO 'long enough'",
    "DROP DATABASE neo4j",
    "CALL db.createLabel('X')",
    "MATCH (u:User) CALL (u) { SET u.createdAt = 1 } RETURN count(u)",
    "MATCH (u:User) FOREACH (x IN [1] | SET u.createdAt = x)",
]

WE_REFUSE = [
    "LOAD CSV FROM 'file:///etc/passwd' AS row RETURN row",
    "load\n/* */ csv WITH HEADERS FROM 'http://127.0.0.1:1/x' AS row RETURN row",
    "MATCH (u:User) LOAD CSV FROM 'http://127.0.0.1:1/' + u.userId AS row RETURN row",
    "MATCH (u:User) CALL (u) { LOAD CSV FROM 'file:///x' AS row RETURN row } RETURN row",
    "EXPLAIN LOAD CSV FROM 'file:///x' AS row RETURN row",
    "TERMINATE TRANSACTION 'neo4j-transaction-1'",
    "SHOW TRANSACTIONS YIELD transactionId AS id TERMINATE TRANSACTION id YIELD message RETURN 1",
    "SHOW TRANSACTIONS",
    "SHOW SETTINGS",
    "SHOW USERS",
    "CALL dbms.listConfig('password')",
    "CALL dbms.killConnection('bolt-1')",
    "CALL `dbms`.`killConnection`('bolt-1')",
    "MATCH (u:User) CALL dbms.listConfig('x') YIELD value RETURN value",
    "CALL db.clearQueryCaches()",
    "CALL db.stats.collect('QUERIES')",
    "CALL tx.setMetaData({a: 1})",
    "PROFILE CALL db.clearQueryCaches()",
]

WE_ALLOW = [
    "CALL db.labels() YIELD label RETURN label",
    "CALL dbms.components() YIELD name RETURN name",
    "SHOW INDEXES YIELD name RETURN name",
    "SHOW CONSTRAINTS YIELD name RETURN name",
    "MATCH (u:User) CALL (u) { RETURN 1 AS x } RETURN u.userId, x",
    "RETURN 'call me, show me the CSV you LOAD' AS text",
    "EXPLAIN MATCH (u:User) RETURN u",
    "PROFILE MATCH (u:User) RETURN u",
]


@pytest.fixture(scope="module")
def shop(neo4j_url: str) -> Iterator[Neo4jStore]:
    from tests.neo4j_server.wipe import wipe

    wipe(neo4j_url)
    with Neo4jStore.open(neo4j_url) as store:
        store.ensure_schema()
        load_shop(store, SHOP)
        yield store


@pytest.mark.parametrize("text", SERVER_REFUSES)
def test_the_server_refuses_what_writes_or_administers(shop: Neo4jStore, text: str) -> None:
    """A read transaction is more than a hint to a router."""
    before = shop.counts()
    with pytest.raises(WriteRefused):
        shop.query(text)
    assert shop.counts() == before


@pytest.mark.parametrize("text", WE_REFUSE)
def test_files_settings_and_other_people_s_work_are_refused(shop: Neo4jStore, text: str) -> None:
    """What the server's read transactions would let pass."""
    with pytest.raises(WriteRefused):
        shop.query(text)


def test_a_letter_by_its_number_hides_nothing(shop: Neo4jStore) -> None:
    """Cypher 5 reads \\u0043 as C before it looks for words."""
    cypher_5 = "CYPHER 5 LOAD \\u0043SV FROM 'file:///x' AS row RETURN row"
    with pytest.raises(WriteRefused):
        shop.query(cypher_5)


@pytest.mark.parametrize("text", WE_ALLOW)
def test_what_only_reads_the_graph_is_let_through(shop: Neo4jStore, text: str) -> None:
    """Procedures of the schema, sub-queries, words in a text."""
    assert shop.query(text).columns is not None


def test_a_writer_may_call_what_it_likes(shop: Neo4jStore) -> None:
    """The guard is the reader's."""
    rows = shop.query("CALL db.clearQueryCaches() YIELD value RETURN 1 AS x", read_only=False).rows
    assert rows == [[1]]


def test_the_rest_of_a_capped_result_is_not_fetched(shop: Neo4jStore) -> None:
    """A billion rows are cut off at the first three."""
    found = shop.query("UNWIND range(1, 1000000000) AS x RETURN x", max_rows=3)
    assert (found.rows, found.truncated) == ([[1], [2], [3]], True)


def test_a_writer_has_a_time_limit_too(shop: Neo4jStore) -> None:
    """And what it wrote until then is gone."""
    text = (
        "CREATE (:User {userId: 'late'}) WITH 1 AS x UNWIND range(1, 100000) AS a "
        "UNWIND range(1, 100000) AS b RETURN sum(a * b)"
    )
    with pytest.raises(QueryTimeout, match=r"0\.5 s"):
        shop.query(text, read_only=False, timeout_s=0.5)
    assert shop.counts()["User"] == 4


def test_an_error_while_rows_come_is_an_error(shop: Neo4jStore) -> None:
    """After the first rows."""
    with pytest.raises(StoreError, match="zero"):
        shop.query("UNWIND [1, 0] AS x RETURN 1 / x AS y")


VALUES: list[tuple[str, Any]] = [
    ("date('2024-02-29')", "2024-02-29"),
    ("datetime('2024-02-29T12:00:00Z')", "2024-02-29T12:00:00.000000000+00:00"),
    ("localtime('12:30')", "12:30:00.000000000"),
    ("duration('P1DT2H')", "P1DT2H"),
    ("point({x: 1, y: 2})", [1.0, 2.0]),
    ("{a: [date('2024-01-01')], b: null}", {"a": ["2024-01-01"], "b": None}),
    ("[[1], [2, [3]]]", [[1], [2, [3]]]),
]


@pytest.mark.parametrize(("text", "value"), VALUES, ids=[t for t, _ in VALUES])
def test_values_are_plain_python(shop: Neo4jStore, text: str, value: Any) -> None:
    """What JSON can hold."""
    assert shop.query(f"RETURN {text} AS value").rows == [[value]]


def test_a_path_is_its_nodes_and_edges_in_turn(shop: Neo4jStore) -> None:
    """Each a dict of its properties."""
    text = "MATCH p = (:User {userId: 'ben'})-[:FOLLOWS]->() RETURN p"
    assert shop.query(text).rows == [
        [[{"userId": "ben", "createdAt": 20}, {"since": 5}, {"userId": "ada", "createdAt": 10}]]
    ]
