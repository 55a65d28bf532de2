"""Writers that meet: deadlocks and races end in the graph each of them asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import neo4j
import pyarrow as pa
import pytest
from neo4j.exceptions import TransientError

from kg.errors import StoreError
from kg.neo4j_store import Neo4jStore, connection, ddl
from kg.neo4j_store.connection import run
from kg.neo4j_store.errors import translated, worth_another_try
from kg.store import WriteCount
from tests.neo4j_server.wipe import wipe
from tests.store.tables import edge_rows, node_rows, table


@pytest.fixture
def store(empty_neo4j: str) -> Iterator[Neo4jStore]:
    with Neo4jStore.open(empty_neo4j) as opened:
        opened.ensure_schema()
        yield opened


def together(*calls: Callable[[], Any]) -> list[Any]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [f.result() for f in [pool.submit(c) for c in calls]]


def test_a_deadlock_is_tried_again(store: Neo4jStore) -> None:
    """Two transactions that lock the same two users the other way round both arrive."""
    store.bulk_load("User", table("User", userId=["a", "b"], createdAt=[0, 0]))
    both_hold_one = threading.Barrier(2)
    attempts: list[str] = []

    def lock(tx: neo4j.ManagedTransaction, first: str, second: str) -> None:
        attempts.append(first)
        text = "MATCH (u:User {userId: $id}) SET u.createdAt = u.createdAt + 1"
        run(tx, text, id=first).consume()
        if attempts.count(first) == 1:
            both_hold_one.wait(timeout=30)
        run(tx, text, id=second).consume()

    server = store._server()
    together(
        lambda: server.write(lambda tx: lock(tx, "a", "b")),
        lambda: server.write(lambda tx: lock(tx, "b", "a")),
    )
    assert len(attempts) > 2
    assert node_rows(store, "User", "createdAt") == [("a", 2), ("b", 2)]


def test_a_deadlock_outlasts_the_driver_s_patience(
    store: Neo4jStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver gives up after seconds; we go on until the work is done."""
    deadlock = neo4j.exceptions.Neo4jError._hydrate_neo4j(
        code="Neo.TransientError.Transaction.DeadlockDetected", message="deadlock"
    )
    failures = iter([deadlock] * 3)

    def impatient(self: neo4j.Session, work: Callable[[Any], Any]) -> Any:
        for failure in failures:
            raise failure
        return "done"

    monkeypatch.setattr(neo4j.Session, "execute_write", impatient)
    monkeypatch.setattr(connection, "_pauses", lambda: iter([0.0] * 9))
    assert store._server().write(lambda tx: None) == "done"


@pytest.mark.parametrize("name", ["User", "RATED", "FOLLOWS"])
def test_two_writers_of_the_same_rows_make_one_graph(store: Neo4jStore, name: str) -> None:
    """Each row is created once, whoever was first."""
    n = 3_000
    keys = [f"k{i}" for i in range(n)]
    if name != "User":
        store.bulk_load("User", table("User", userId=keys))
        store.bulk_load("Item", table("Item", itemId=keys))
    rows = {
        "User": table("User", userId=keys, createdAt=[1] * n),
        "RATED": table("RATED", src=keys, dst=keys[::-1], eventId=keys, at=[1] * n),
        "FOLLOWS": table("FOLLOWS", src=keys, dst=keys[::-1], since=[1] * n),
    }[name]
    backwards = rows.take(pa.array(range(n - 1, -1, -1)))
    with Neo4jStore.open(store.url) as other:
        done = together(lambda: store.upsert(name, rows), lambda: other.upsert(name, backwards))
    assert sum(done, WriteCount()).created == n
    assert store.counts()[name] == n


def test_writers_of_crossing_edges_both_arrive(store: Neo4jStore) -> None:
    """Edges between the same few users and items, which lock one another."""
    keys = [f"k{i}" for i in range(20)]
    store.bulk_load("User", table("User", userId=keys))
    store.bulk_load("Item", table("Item", itemId=keys))
    pairs = [(a, b) for a in keys for b in keys]

    def load(writer: int) -> None:
        rows = pairs if writer % 2 else pairs[::-1]
        with Neo4jStore.open(store.url) as mine:
            mine.upsert(
                "VIEWED",
                table(
                    "VIEWED",
                    src=[a for a, _ in rows],
                    dst=[b for _, b in rows],
                    eventId=[f"{writer}:{a}:{b}" for a, b in rows],
                ),
            )

    together(*(lambda w=w: load(w) for w in range(4)))
    assert len({r[2] for r in edge_rows(store, "VIEWED", "eventId")}) == 4 * len(pairs)


def test_two_may_make_the_schema_at_once(neo4j_url: str) -> None:
    """Whoever is second finds it made."""
    wipe(neo4j_url, schema=True)
    with Neo4jStore.open(neo4j_url) as one, Neo4jStore.open(neo4j_url) as other:
        together(one.ensure_schema, other.ensure_schema)
        made = one.query("SHOW CONSTRAINTS YIELD name RETURN count(*) AS n").rows[0][0]
    assert made == len(ddl.constraints())


def test_too_large_a_transaction_is_not_tried_again() -> None:
    """The server calls it transient; the same rows would be too many again."""
    error = neo4j.exceptions.Neo4jError._hydrate_neo4j(
        code="Neo.TransientError.General.MemoryPoolOutOfMemoryError", message="1 GiB is not enough"
    )
    assert isinstance(error, TransientError)
    assert not worth_another_try(error)
    said = translated(error, "bolt://x", None)
    assert isinstance(said, StoreError)
    assert "heap" in str(said)
