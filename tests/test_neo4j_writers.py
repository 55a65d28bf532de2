"""Bulk loads by several writers: who writes what and when, one graph, errors."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kg.config import MOST_WRITERS, Neo4jSettings
from kg.errors import ConfigError, StoreError
from kg.neo4j_store import Neo4jStore, rows, write
from kg.neo4j_store.schedule import edge_rounds, node_round, turns
from kg.neo4j_store.writers import write_rounds
from kg.store import WriteCount
from tests.store.tables import edge_rows, node_rows, table

N = 120
PEOPLE = [f"u{i}" for i in range(N)]
THINGS = [f"i{i}" for i in range(N // 2)]


def drawn(among: list[str], n: int, seed: int) -> list[str]:
    """Few of them often, as in any shop."""
    at = (len(among) * np.random.default_rng(seed).random(n) ** 3).astype(int)
    return [among[k] for k in at]


PAIRS = sorted(set(zip(drawn(PEOPLE, 900, 1), drawn(PEOPLE, 900, 2), strict=True)))
GRAPH = {
    "User": table("User", userId=PEOPLE, createdAt=list(range(N))),
    "Item": table("Item", itemId=THINGS, price=[0.5 * k for k in range(len(THINGS))]),
    "RATED": table(
        "RATED",
        src=drawn(PEOPLE, 700, 3),
        dst=drawn(THINGS, 700, 4),
        eventId=[f"e{k}" for k in range(700)],
        rating=[float(k % 5) for k in range(700)],
    ),
    "FOLLOWS": table(
        "FOLLOWS",
        src=[a for a, _ in PAIRS],
        dst=[b for _, b in PAIRS],
        since=list(range(len(PAIRS))),
    ),
}
"""A tie may be from a user to the same, or there and back."""


# --- the schedule


def cells(writers: int) -> dict[tuple[int, int], tuple[int, int]]:
    """(round, writer) → its cell"""
    return {divmod(int(t), writers): cell for cell, t in np.ndenumerate(turns(writers))}


@pytest.mark.parametrize("writers", range(1, MOST_WRITERS + 1))
def test_every_cell_has_a_turn_of_its_own(writers: int) -> None:
    """N rounds of N blocks, every block once, and work for every writer in every round."""
    found = cells(writers)
    assert set(found) == {(r, w) for r in range(writers) for w in range(writers)}
    assert len(set(found.values())) == writers**2


@pytest.mark.parametrize("writers", range(1, MOST_WRITERS + 1))
def test_writers_of_a_round_share_no_part(writers: int) -> None:
    """Each has sources and targets of its own."""
    found = cells(writers)
    for r in range(writers):
        for end in (0, 1):
            assert len({found[r, w][end] for w in range(writers)}) == writers


@pytest.mark.parametrize("writers", [1, 2, 3, 8])
def test_writers_of_a_round_share_no_node(writers: int) -> None:
    """Of real rows: whichever keys a hash puts together."""
    for blocks in edge_rounds(GRAPH["RATED"], writers):
        assert len(blocks) == writers
        for end in ("src", "dst"):
            nodes = [set(b[end].to_pylist()) for b in blocks]
            assert sum(map(len, nodes)) == len(set().union(*nodes))


@pytest.mark.parametrize("writers", [1, 2, 3, 8])
def test_every_edge_is_in_one_block(writers: int) -> None:
    """With all its columns."""
    every = pa.concat_tables([*chain(*edge_rounds(GRAPH["RATED"], writers))])
    assert every.sort_by("eventId") == GRAPH["RATED"].sort_by("eventId")


def test_a_block_is_in_the_order_of_its_keys() -> None:
    """A node's edges next to each other."""
    blocks = [*chain(*edge_rounds(GRAPH["RATED"], 2))]
    for block in blocks:
        assert block == block.sort_by([("src", "ascending"), ("dst", "ascending")])


@pytest.mark.parametrize("writers", [1, 3, 8])
def test_every_node_is_in_one_block(writers: int) -> None:
    """Blocks are ranges of keys, of one size."""
    blocks = node_round(GRAPH["User"], writers, ("userId",))
    assert pa.concat_tables(blocks)["userId"].to_pylist() == sorted(PEOPLE)
    assert {b.num_rows for b in blocks} <= {N // writers, N // writers + 1}


# --- the threads


def numbers(*values: int) -> pa.Table:
    return pa.table({"n": pa.array(values, pa.int64())})


def test_a_round_is_written_before_the_next_begins() -> None:
    """Whoever has the smaller block waits."""
    done: list[int] = []
    second = threading.Event()

    def slow(part: pa.Table) -> None:
        n = part["n"][0].as_py()
        if n == 1:
            second.wait(timeout=30)
        done.append(n)
        if n == 2:
            second.set()

    rounds = [[numbers(1), numbers(2)], [numbers(3), numbers()], [numbers(), numbers(4)]]
    write_rounds(rounds, slow, writers=2, size=5)
    assert done == [2, 1, 3, 4]


def test_a_transaction_has_no_more_rows_than_it_may() -> None:
    """A block is written in parts."""
    parts: list[int] = []
    write_rounds([[numbers(*range(7))]], lambda p: parts.append(p.num_rows), writers=2, size=3)
    assert parts == [3, 3, 1]


@pytest.mark.parametrize("error", [StoreError, KeyboardInterrupt])
def test_an_error_of_one_writer_stops_the_others(error: type[BaseException]) -> None:
    """It is raised as it was, and no round follows."""
    begun = threading.Event()
    done: list[int] = []

    def some_fail(part: pa.Table) -> None:
        n = part["n"][0].as_py()
        if n == -1:
            begun.wait(timeout=30)
            raise error("no room")
        begun.set()
        threading.Event().wait(0.01)
        done.append(n)

    rounds = [[numbers(-1), numbers(*range(1_000))], [numbers(1_000)]]
    with pytest.raises(error, match="no room"):
        write_rounds(rounds, some_fail, writers=2, size=1)
    assert done == [*range(len(done))]
    assert 0 < len(done) < 1_000


# --- on a server


@pytest.fixture
def small_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several transactions a block, and several groups of blocks."""
    monkeypatch.setattr(rows, "TRANSACTION_ROWS", 20)
    monkeypatch.setattr(rows, "SORTED_ROWS", 400)


@pytest.fixture
def written_by(empty_neo4j: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty store that so many write to."""
    opened: list[Neo4jStore] = []

    def store_of(writers: int) -> Neo4jStore:
        monkeypatch.setenv("NEO4J_WRITERS", str(writers))
        opened.append(Neo4jStore.open(empty_neo4j))
        opened[0].ensure_schema()
        return opened[0]

    yield store_of
    for store in opened:
        store.close()


@pytest.mark.usefixtures("small_transactions")
@pytest.mark.parametrize("writers", [1, 2, 4])
def test_any_number_of_writers_makes_the_same_graph(written_by: Any, writers: int) -> None:
    """Nodes, edges between two labels and edges within one, from a table and from batches."""
    store = written_by(writers)
    for name, given in GRAPH.items():
        batches = [given.slice(k, 150) for k in range(0, given.num_rows, 150)]
        loaded = store.bulk_load(name, batches if name in ("Item", "RATED") else given)
        assert loaded == WriteCount(created=given.num_rows)
    people, things = (
        GRAPH[label].select(columns).to_pylist()
        for label, columns in (("User", ["userId", "createdAt"]), ("Item", ["itemId", "price"]))
    )
    assert node_rows(store, "User", "createdAt") == sorted(tuple(r.values()) for r in people)
    assert node_rows(store, "Item", "price") == sorted(tuple(r.values()) for r in things)
    for name, columns in (("RATED", ("eventId", "rating")), ("FOLLOWS", ("since",))):
        sent = GRAPH[name].select(["src", "dst", *columns]).to_pylist()
        assert edge_rows(store, name, *columns) == sorted(
            (tuple(r.values()) for r in sent), key=repr
        )


@pytest.mark.usefixtures("small_transactions")
@pytest.mark.parametrize("name", ["User", "RATED"])
def test_two_writers_are_at_work_at_once(
    written_by: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Each in a transaction that is open while the other's is."""
    store = written_by(2)
    for node in ("User", "Item") if name != "User" else ():
        store.bulk_load(node, GRAPH[node])
    create, both, first = write.create_in_order, threading.Barrier(2), threading.local()

    def meet(tx: Any, **given: Any) -> int:
        made = create(tx, **given)
        if not getattr(first, "met", False):
            first.met = True
            both.wait(timeout=30)
        return made

    monkeypatch.setattr(write, "create_in_order", meet)
    assert store.bulk_load(name, GRAPH[name]).created == GRAPH[name].num_rows


@pytest.mark.usefixtures("small_transactions")
@pytest.mark.parametrize("writers", [1, 4])
def test_a_load_whose_writer_failed_is_finished_by_an_upsert(
    written_by: Any, monkeypatch: pytest.MonkeyPatch, writers: int
) -> None:
    """The error is raised, whole transactions are there, and nothing was begun after it."""
    store = written_by(writers)
    for node in ("User", "Item"):
        store.bulk_load(node, GRAPH[node])
    create, calls = write.create_in_order, iter(range(1, 1_000))

    def fails(tx: Any, **given: Any) -> int:
        made = create(tx, **given)
        if next(calls) == 6:
            raise StoreError("no room")
        return made

    with monkeypatch.context() as broken:
        broken.setattr(write, "create_in_order", fails)
        with pytest.raises(StoreError, match="no room"):
            store.bulk_load("RATED", GRAPH["RATED"])
    there = store.counts()["RATED"]
    assert 0 < there <= 20 * (5 + writers - 1)
    done = store.upsert("RATED", GRAPH["RATED"])
    assert done == WriteCount(created=700 - there, unchanged=there)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the threads that wrote, one a transaction."""
    names: list[str] = []
    create = write.create_in_order

    def noted(tx: Any, **given: Any) -> int:
        names.append(threading.current_thread().name)
        return create(tx, **given)

    monkeypatch.setattr(write, "create_in_order", noted)
    return names


def test_a_load_of_one_transaction_has_one_writer(written_by: Any, threads: list[str]) -> None:
    """All or nothing, however many writers there may be."""
    written_by(4).bulk_load("User", GRAPH["User"])
    assert threads == [threading.current_thread().name]


@pytest.mark.usefixtures("small_transactions")
def test_edges_within_one_label_have_one_writer(written_by: Any, threads: list[str]) -> None:
    """Several would meet deadlocks."""
    store = written_by(4)
    store.bulk_load("User", GRAPH["User"])
    assert len(set(threads)) > 1
    threads.clear()
    store.bulk_load("FOLLOWS", GRAPH["FOLLOWS"])
    assert set(threads) == {threading.current_thread().name}


# --- the setting


@pytest.mark.parametrize("said", ["0", "9", "-1", "two", "1.5", ""])
def test_a_number_of_writers_out_of_range_is_refused(
    monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """In one line that names the variable and the range."""
    monkeypatch.setenv("NEO4J_WRITERS", said)
    with pytest.raises(ConfigError, match=rf"^NEO4J_WRITERS={said}: a whole number from 1 to 8$"):
        Neo4jSettings()


def test_one_writer_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """More are asked for."""
    monkeypatch.delenv("NEO4J_WRITERS", raising=False)
    assert Neo4jSettings().writers == 1
