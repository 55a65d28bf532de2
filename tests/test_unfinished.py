"""A publish that was cut off is ended by the next command; a reader beside one sees one release."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from kg import releases as folders
from kg.errors import ReleaseError, StoreUnavailable
from kg.publish import live_version, publish, roll_back
from kg.steady import steady
from kg.store import GraphStore, open_store
from kg.unfinished import settle, unfinished
from tests.store.steps import EDGES, MANY, assert_whole, stepped
from tests.store.tables import SHOP, load_shop, table
from tests.test_releases import card

ROOT = Path(__file__).parents[1]
STORES = [pytest.param("ladybug"), pytest.param("neo4j", marks=pytest.mark.neo4j)]
V0, V1 = "v0", "v1"


def fill(url: str, folder: Path, every: int) -> Path:
    """Two releases as folders, the first of them published."""
    kept = folder / "releases"
    for step in (0, 1):
        made = stepped(step, every)
        tables = {"users": made.users, "items": made.items}
        tables |= {f"edges/{name}": rows for name, rows in made.edges.items()}
        folders.save(kept, card(f"v{step}"), tables, lambda model: None)
    with open_store(url) as store:
        store.ensure_schema()
        load_shop(store, SHOP)
        store.upsert("User", table("User", userId=MANY))
        publish(store, kept, V0, now=1, force="test")
    return kept


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "neo4j":
        return str(request.getfixturevalue("empty_neo4j"))
    return f"ladybug://{tmp_path}/kg.lbug"


@contextmanager
def publisher(url: str, kept: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that makes v1 live, caught when some users have it and others do not."""
    program = (
        "from pathlib import Path\n"
        "from kg.publish import publish\n"
        "from kg.store import open_store\n"
        f"with open_store({url!r}) as store:\n"
        f"    publish(store, Path({str(kept)!r}), 'v1', now=2, force='test')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def half_way(store: GraphStore, process: subprocess.Popen[bytes]) -> None:
    counted = "MATCH (u:User) WHERE u.frequency = 1 AND u.userId STARTS WITH 'u' RETURN count(u)"
    while not 0 < store.query(counted).rows[0][0] < len(MANY):
        assert process.poll() is None, "it was too fast to be caught half-way"


@pytest.fixture
def killed(empty_neo4j: str, tmp_path: Path) -> Iterator[tuple[GraphStore, Path]]:
    """A store in which v0 is live and the writing of v1 was killed."""
    kept = fill(empty_neo4j, tmp_path, every=1)
    with open_store(empty_neo4j) as store:
        with publisher(empty_neo4j, kept) as process:
            half_way(store, process)
            os.kill(process.pid, signal.SIGKILL)
        yield store, kept


def test_a_reader_can_tell_a_publish_that_was_cut_off(killed: tuple[GraphStore, Path]) -> None:
    """The release says `writing`; the one before is live still."""
    store, _ = killed
    assert (unfinished(store), live_version(store)) == (V1, V0)


def test_a_publish_that_was_cut_off_is_finished(killed: tuple[GraphStore, Path]) -> None:
    """By the next command that finds its folder whole."""
    store, kept = killed
    done = settle(store, kept, now=3)
    assert done is not None
    assert (done.card.version, assert_whole(store), unfinished(store)) == (V1, 1, None)
    assert settle(store, kept, now=4) is None


def test_a_publish_whose_folder_is_gone_is_undone(killed: tuple[GraphStore, Path]) -> None:
    """Everyone has the release that was live."""
    store, kept = killed
    (kept / V1 / "users.parquet").unlink()
    done = settle(store, kept, now=3)
    assert done is not None
    assert (done.card.version, assert_whole(store), unfinished(store)) == (V0, 0, None)


def test_without_any_folder_it_says_what_to_do(
    killed: tuple[GraphStore, Path], tmp_path: Path
) -> None:
    """And changes nothing."""
    store, _ = killed
    with pytest.raises(ReleaseError, match="retrain"):
        settle(store, tmp_path / "elsewhere", now=3)
    assert unfinished(store) == V1


def test_publishing_another_release_ends_it_too(killed: tuple[GraphStore, Path]) -> None:
    """Rolling back after a kill leaves nobody behind."""
    store, kept = killed
    roll_back(store, kept, V0, now=3)
    assert (assert_whole(store), unfinished(store)) == (0, None)
    rows = store.query(
        "MATCH (r:ProfileRelease) RETURN r.version, r.status ORDER BY r.version"
    ).rows
    assert rows == [[V0, "live"], [V1, "retired"]]


def test_a_publisher_that_lives_is_left_alone(empty_neo4j: str, tmp_path: Path) -> None:
    """A second one is told to wait, and the first goes on to its end."""
    kept = fill(empty_neo4j, tmp_path, every=1)
    with open_store(empty_neo4j) as store, publisher(empty_neo4j, kept) as process:
        half_way(store, process)
        os.kill(process.pid, signal.SIGSTOP)
        try:
            with pytest.raises(StoreUnavailable, match="publishing"):
                settle(store, kept, now=3)
        finally:
            os.kill(process.pid, signal.SIGCONT)
        assert process.wait(60) == 0
        assert assert_whole(store) == 1


@pytest.mark.parametrize("every", [1, 10], ids=["all change", "a tenth changes"])
def test_a_reader_sees_one_release_of_a_user(url: str, tmp_path: Path, every: int) -> None:
    """Reading without a pause while a release is published and rolled back: a profile and its
    edges are always there, and always of one step."""
    kept = fill(url, tmp_path, every)
    done = threading.Event()

    def look(seed: int) -> int:
        draw, looks = random.Random(seed), 0
        with open_store(url, read_only=True) as store:
            while not done.is_set():
                # those who change; the others would hide a fault
                user = MANY[draw.randrange(len(MANY) // every) * every + (1 if every > 1 else 0)]
                figure, *scores = steady(store, user, profile_of(store, user))
                assert figure in (0, 1, 1 - every)
                assert scores == [[figure]] * len(EDGES)
                looks += 1
        return looks

    with ThreadPoolExecutor(2) as threads:
        readers = [threads.submit(look, seed) for seed in range(2)]
        try:
            with open_store(url) as store:
                publish(store, kept, V1, now=2, force="test")
                roll_back(store, kept, V0, now=3)
                publish(store, kept, V1, now=4, force="test")
        finally:
            done.set()
        assert all(reader.result() for reader in readers)
    with open_store(url, read_only=True) as store:
        assert assert_whole(store, every) == 1


def test_a_reader_beside_a_refresh_sees_a_user_whole(url: str, tmp_path: Path) -> None:
    """The profile and its edges are renewed together, again and again."""
    fill(url, tmp_path, 1)
    done = threading.Event()
    some = MANY[:600]

    def look(seed: int) -> int:
        draw, looks = random.Random(seed), 0
        with open_store(url, read_only=True) as store:
            while not done.is_set():
                user = draw.choice(some)
                figure, *scores = steady(store, user, profile_of(store, user))
                assert scores == [[figure]] * len(EDGES)
                looks += 1
        return looks

    with ThreadPoolExecutor(2) as threads:
        readers = [threads.submit(look, seed) for seed in range(2)]
        try:
            with open_store(url) as store:
                for step in (1, 0, 1, 0, 1):
                    made = stepped(step)
                    edges = {name: rows.slice(0, len(some)) for name, rows in made.edges.items()}
                    store.renew_profiles(made.users.slice(0, len(some)), edges)
        finally:
            done.set()
        assert all(reader.result() for reader in readers)
    with open_store(url, read_only=True) as store:
        assert store.query(
            "MATCH (r:ProfileRelease) WHERE r.writingFrom IS NOT NULL RETURN count(r)"
        ).rows == [[0]]


def profile_of(store: GraphStore, user: str) -> Callable[[], list[object]]:
    """By three statements, as `kg profile` reads."""

    def read() -> list[object]:
        out: list[object] = [
            store.query("MATCH (u:User {userId: $u}) RETURN u.frequency", {"u": user}).rows[0][0]
        ]
        for type_, label in (("INTERESTED_IN", "Category"), ("INTERESTED_IN", "Item"),
                             ("SIMILAR_TO", "User")):  # fmt: skip
            text = f"MATCH (u:User {{userId: $u}})-[e:{type_}]->(:{label}) RETURN e.score"
            out.append([row[0] for row in store.query(text, {"u": user}).rows])
        return out

    return read
