"""Ids of events that the writing process keeps: they spare it reads, and never let an event in
twice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kg.errors import CountMismatch, StoreError
from kg.ladybug_store import known
from kg.store import GraphStore, WriteCount, open_store
from tests.store.tables import SHOP, edge_rows, release, table
from tests.store.test_ladybug_file import child, path, url

__all__ = ["path"]


@pytest.fixture(autouse=True)
def merging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every upsert into a table that is not empty counts as a small one."""
    monkeypatch.setattr("kg.ladybug_store.load.MERGE_BELOW", 0)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Edge tables whose ids were read, in order."""
    found: list[str] = []
    read = known._hashes_of

    def counted(connection: Any, edge: Any) -> known.Hashes:
        found.append(edge.name)
        return read(connection, edge)

    monkeypatch.setattr(known, "_hashes_of", counted)
    return found


@pytest.fixture
def store(path: Path) -> Iterator[GraphStore]:
    with open_store(url(path)) as opened:
        yield opened


def rated(event: str, user: str = "dan", item: str = "pen", rating: float = 1.0) -> pa.Table:
    return table("RATED", src=[user], dst=[item], eventId=[event], rating=[rating])


def refused(store: GraphStore, event: str, user: str = "dan", item: str = "pen") -> None:
    before = edge_rows(store, "RATED", "eventId", "rating")
    with pytest.raises(StoreError, match=event):
        store.upsert("RATED", rated(event, user, item))
    assert edge_rows(store, "RATED", "eventId", "rating") == before


def test_ids_are_read_once(store: GraphStore, reads: list[str]) -> None:
    """New events and known ones alike: the second upsert asks nothing of all events."""
    for event in ("n1", "n2", "r1", "n1"):
        user = "ada" if event == "r1" else "dan"
        store.upsert("RATED", rated(event, user))
    assert reads == ["RATED"]
    refused(store, "n2", "ben")


def test_each_type_has_its_own(store: GraphStore, reads: list[str]) -> None:
    """An id is an event's of one type."""
    store.upsert("RATED", rated("n1"))
    review = table("REVIEWED", src=["ada"], dst=["pen"], eventId=["n1"])
    assert store.upsert("REVIEWED", review) == WriteCount(created=1)
    assert reads == ["RATED", "REVIEWED"]


def test_writes_that_bring_no_event_keep_them(store: GraphStore, reads: list[str]) -> None:
    """A mark, a publish, new profiles, a deletion."""
    store.upsert("RATED", rated("n1"))
    store.upsert("User", table("User", userId=["ada"], createdAt=[1]))
    store.write_release(release())
    store.renew_profiles(table("User", userId=["ada"], segment=["c"]), {})
    store.delete_users(["cleo"])
    store.query("MATCH (u:User {userId: 'ada'}) SET u.staleSince = NULL", read_only=False)
    store.upsert("RATED", rated("n2"))
    assert reads == ["RATED"]


@pytest.mark.parametrize(
    "text",
    [
        "MATCH (u:User {userId: 'ben'}), (i:Item {itemId: 'mug'}) "
        "CREATE (u)-[:RATED {eventId: 'q1'}]->(i)",
        "MATCH (u:User {userId: 'ben'}), (i:Item {itemId: 'mug'}) "
        "MERGE (u)-[:RATED {eventId: 'q1'}]->(i)",
        "MATCH (:User)-[e:RATED {eventId: 'r3'}]->(:Item) SET e.eventId = 'q1'",
        "MATCH (:User)-[e:RATED {eventId: 'r3'}]->(:Item) SET e = {eventId: 'q1'}",
    ],
)
def test_an_event_of_a_query_is_known(store: GraphStore, text: str) -> None:
    """A writer's own Cypher may bring events in."""
    store.upsert("RATED", rated("n1"))
    store.query(text, read_only=False)
    refused(store, "q1")


def test_an_event_of_another_process_is_known(path: Path) -> None:
    """Which can write as soon as this one has closed the file."""
    with open_store(url(path)) as first:
        first.upsert("RATED", rated("n1"))
    write = "store.upsert('RATED', table('RATED', src=['ben'], dst=['mug'], eventId=['p1']))"
    with child(f"{write}; store.close()", path) as other:
        assert other.wait(60) == 0
    with open_store(url(path)) as second:
        refused(second, "p1")


def test_another_process_writes_while_this_one_reads(path: Path) -> None:
    """Its last writer has closed, a reader has not. No more events are there than before."""
    upsert = "store.upsert('RATED', table('RATED', src=['ben'], dst=['mug'], eventId=['p1']))"
    write = f"store.delete_users(['ada']); {upsert}"
    with open_store(url(path), read_only=True):
        with open_store(url(path)) as first:
            first.upsert("RATED", rated("n1"))
        with child(f"{write}; store.close()", path) as other:
            assert other.wait(60) == 0
        with open_store(url(path)) as second:
            refused(second, "p1")


def test_two_handles_know_the_same(store: GraphStore, path: Path, reads: list[str]) -> None:
    """Of one file in one process."""
    store.upsert("RATED", rated("n1"))
    with open_store(url(path)) as second:
        second.upsert("RATED", rated("n2", "ben", "mug"))
        refused(second, "n1", "ada")
    refused(store, "n2")
    assert reads[0] == "RATED"


def test_two_stores_know_their_own(store: GraphStore, tmp_path: Path, files: Any) -> None:
    """One after the other, and in turns."""
    with open_store(f"ladybug://{tmp_path}/other.lbug") as other:
        other.ensure_schema()
        for name in ("User", "Item"):
            other.bulk_load(name, SHOP[name])
        store.upsert("RATED", rated("n1"))
        assert other.upsert("RATED", rated("n1", "ada", "ink")) == WriteCount(created=1)
        refused(store, "n1", "ada", "ink")
        refused(other, "n1")


def test_events_of_a_deleted_user_can_come_back(store: GraphStore) -> None:
    """With the user, and with another one."""
    store.upsert("RATED", rated("n1"))
    store.delete_users(["ada"])
    store.upsert("User", SHOP["User"].slice(0, 1))
    assert store.upsert("RATED", rated("r1", "ada")) == WriteCount(created=1)
    assert store.upsert("RATED", rated("r1", "ada")) == WriteCount(unchanged=1)
    assert store.upsert("RATED", rated("r2", "ben", "ink")) == WriteCount(created=1)
    refused(store, "r1")


def test_what_came_back_is_read_once(store: GraphStore, reads: list[str]) -> None:
    """After the first of a deleted user's events the others are as new as any."""
    store.upsert("RATED", rated("n1"))
    store.delete_users(["ada"])
    for event in ("r1", "r2", "n3"):
        store.upsert("RATED", rated(event, "ben"))
    assert reads == ["RATED", "RATED"]


def test_an_undone_write_is_none(store: GraphStore) -> None:
    """The same events are new again."""
    store.upsert("RATED", rated("n1"))
    with pytest.raises(CountMismatch):
        store.upsert("RATED", [rated("n2"), rated("n3", "nobody")])
    assert store.upsert("RATED", rated("n2")) == WriteCount(created=1)
    assert store.upsert("RATED", rated("n3", "ben")) == WriteCount(created=1)
    refused(store, "n3")


def test_a_commit_that_failed_is_none(path: Path) -> None:
    """And nothing is known of the file, which was opened anew."""
    code = (
        "import resource, signal\n"
        "import kg.ladybug_store.load as load\n"
        "from tests.store.test_ladybug_known import rated, refused\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "load.MERGE_BELOW = 0\n"
        "store.upsert('RATED', rated('n1'))\n"
        "n = 50_000\n"
        "many = table('RATED', src=['ben'] * n, dst=['mug'] * n,\n"
        "             eventId=[f'n{k}' for k in range(2, n + 2)], at=list(range(n)))\n"
        f"room = os.path.getsize({str(path)!r}) + 100_000\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))\n"
        "load.MERGE_BELOW = 1_000_000\n"
        "try:\n"
        "    store.upsert('RATED', many)\n"
        "except StoreError as e:\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
        "    load.MERGE_BELOW = 0\n"
        "    assert store.upsert('RATED', rated('n2')).created == 1\n"
        "    refused(store, 'n2', 'ben')\n"
        "    refused(store, 'n1', 'ben')\n"
        "    print('as before', flush=True)\n"
        "    store.close()\n"
    )
    with child(code, path) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "as before\n"
        assert other.wait(60) == 0


def test_a_large_upsert_is_known(store: GraphStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes another way. No more events are there than before."""
    store.upsert("RATED", rated("n1"))
    store.delete_users(["ada"])
    with monkeypatch.context() as patch:
        patch.setattr("kg.ladybug_store.load.MERGE_BELOW", 1_000_000)
        store.upsert("RATED", rated("n2"))
    refused(store, "n2", "ben")


def test_a_move_between_batches_is_refused(store: GraphStore) -> None:
    """Of one upsert; nothing of it is left."""
    bare = rated("n1", "ben", "mug").drop_columns(["rating"])
    before = edge_rows(store, "RATED", "eventId")
    with pytest.raises(StoreError, match="n1"):
        store.upsert("RATED", [rated("n1"), bare])
    assert edge_rows(store, "RATED", "eventId") == before
    assert store.upsert("RATED", bare) == WriteCount(created=1)


def test_a_store_with_too_many_events_reads_them_each_time(
    store: GraphStore, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory for ids has a bound; beyond it nothing is kept, and all is as exact."""
    monkeypatch.setattr(known, "MOST_BYTES", 8)
    assert store.upsert("RATED", rated("n1")) == WriteCount(created=1)
    refused(store, "n1", "ben")
    assert reads == []


@pytest.mark.parametrize("hashes", [2**64 - 1, 8], ids=["as they are", "alike"])
def test_any_order_of_writes_counts_exactly(
    store: GraphStore, monkeypatch: pytest.MonkeyPatch, hashes: int
) -> None:
    """Against a dictionary: new, known, moved, undone and forgotten events, in many small writes;
    also where many ids hash alike."""
    monkeypatch.setattr(known, "RECENT", 5)
    numbers = known._numbers
    monkeypatch.setattr(known, "_numbers", lambda c: numbers(c) % np.uint64(hashes))
    rng = random.Random(7)
    there = {r[2]: r for r in edge_rows(store, "RATED", "eventId", "rating")}
    people = ["ada", "ben", "cleo", "dan"]
    for _ in range(60):
        if rng.random() < 0.1:
            gone = rng.choice(people)
            store.delete_users([gone])
            there = {e: r for e, r in there.items() if r[0] != gone}
            store.upsert("User", table("User", userId=[gone]))
        sent = {}
        for event in rng.sample([f"e{k}" for k in range(30)], rng.randint(1, 3)):
            ends = rng.choice(people), rng.choice(["pen", "ink", "mug"])
            if event in there and rng.random() < 0.9:
                ends = there[event][:2]
            sent[event] = (*ends, event, float(rng.randint(1, 2)))
        src, dst, ids, rating = (list(c) for c in zip(*sent.values(), strict=True))
        rows = table("RATED", src=src, dst=dst, eventId=ids, rating=rating)
        if any(e in there and there[e][:2] != r[:2] for e, r in sent.items()):
            with pytest.raises(StoreError, match="cannot move"):
                store.upsert("RATED", rows)
        else:
            new = sent.keys() - there.keys()
            other = {e for e in sent.keys() & there.keys() if sent[e] != there[e]}
            same = len(sent) - len(new) - len(other)
            assert store.upsert("RATED", rows) == WriteCount(len(new), len(other), same)
            there |= sent
    assert edge_rows(store, "RATED", "eventId", "rating") == sorted(there.values(), key=repr)
