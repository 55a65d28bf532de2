"""A slow way to Neo4j, one that breaks, and a server of another version behind it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

from kg.cli import main
from kg.errors import StoreUnavailable
from kg.store import open_store
from tests.faults.proxy import Proxy
from tests.neo4j_server.wipe import wipe
from tests.store.steps import add_many, assert_whole, stepped
from tests.store.tables import SHOP, edge_rows, load_shop, table

N, CUTS = 3000, 5
KEYS = [f"k{n:05}" for n in range(N)]
USERS = table("User", userId=KEYS, createdAt=list(range(N)))
FOLLOWS = table("FOLLOWS", src=KEYS, dst=[*KEYS[1:], KEYS[0]])
"""Edges without a key of their own: one that came twice would show."""


@pytest.fixture
def way(empty_neo4j: str) -> Iterator[Proxy]:
    """To the server, with the schema there and nothing else."""
    with open_store(empty_neo4j) as store:
        store.ensure_schema()
    with Proxy(urlsplit(empty_neo4j).port or 7687) as proxy:
        yield proxy


def load(url: str) -> None:
    with open_store(url) as store:
        for name, rows in (("User", USERS), ("FOLLOWS", FOLLOWS)):
            if store.counts().get(name):
                store.upsert(name, rows)
            else:
                store.bulk_load(name, rows)


def test_a_slow_way_changes_nothing(way: Proxy, empty_neo4j: str) -> None:
    """Ten milliseconds on every piece, each way: a load and a publish arrive as they are."""
    way.delay_s = 0.01
    with open_store(way.url) as store:
        load_shop(store, SHOP)
        store.upsert("User", table("User", userId=KEYS[:200]))
        assert store.counts()["User"] == 204
        assert edge_rows(store, "FOLLOWS", "since") != []


def test_a_load_that_is_cut_is_told_or_done(way: Proxy, empty_neo4j: str) -> None:
    """Cut at any byte: it is tried again, or ends in one clear line; the same load then completes
    the graph, and nothing is there twice."""
    load(way.url)
    whole = way.bytes
    told = []
    for part in range(1, CUTS + 1):
        wipe(empty_neo4j)
        way.cut_after = whole * part // (CUTS + 1)
        try:
            load(way.url)
        except StoreUnavailable as e:
            told.append(str(e))
            load(way.url)
        assert way.cut_after is None
        with open_store(empty_neo4j) as store:
            assert store.counts() == {"User": N, "FOLLOWS": N}
    assert all("no Neo4j answers" in line for line in told)
    assert len(told) < CUTS, "nothing was tried again"


def test_a_publish_that_is_cut_is_run_again(way: Proxy, empty_neo4j: str) -> None:
    """Wherever the way breaks, the next publish ends in one whole release."""
    with open_store(empty_neo4j) as store:
        load_shop(store, SHOP)
    add_many(empty_neo4j)
    way.bytes = 0
    with open_store(way.url) as store:
        store.write_release(stepped(1))
    whole = way.bytes
    for step, part in enumerate((0.4, 0.8), 2):
        way.cut_after = int(whole * part)
        with open_store(way.url) as store:
            try:
                store.write_release(stepped(step))
            except StoreUnavailable:
                store.write_release(stepped(step))
        with open_store(empty_neo4j) as store:
            assert assert_whole(store) == step


def test_a_server_of_an_old_version_is_refused(
    way: Proxy, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says it is older, by a word changed on its way: one line, with what is needed."""
    with open_store(way.url) as store:
        said = store.query("CALL dbms.components() YIELD versions RETURN versions[0] AS v").rows
    version = said[0][0]
    old = "5.25.31" if version.startswith("5.") else version.replace("2026", "0004", 1)
    way.instead = (version.encode(), old.encode())
    monkeypatch.delenv("KG_STORE", raising=False)
    assert main(["query", "--cypher", "RETURN 1", "--store", way.url]) == 1
    error = capsys.readouterr().err
    assert f"is Neo4j {old}; 5.26 or newer is needed" in error
    assert error.count("\n") == 1


def test_what_was_cut_is_written_once(way: Proxy, empty_neo4j: str) -> None:
    """Cut while the answer to a commit is under way, the rows may be there: they are not made
    again, though their edges have no key."""
    with open_store(way.url) as store:
        store.bulk_load("User", USERS)
        way.bytes = 0
        store.upsert("FOLLOWS", FOLLOWS.slice(0, 10))
        answer = way.bytes
        for back in range(5, 200, 25):
            way.cut_after = answer - back
            try:
                store.upsert("FOLLOWS", FOLLOWS.slice(0, 10))
            except StoreUnavailable:
                continue
            finally:
                way.cut_after = None
    with open_store(empty_neo4j) as store:
        found = pa.table({"src": [r[0] for r in edge_rows(store, "FOLLOWS")]})
        assert found.num_rows == 10
