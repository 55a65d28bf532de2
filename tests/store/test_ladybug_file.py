"""The embedded store's file: opened by several, written by one, killed at any moment."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from kg.errors import ConfigError, NotFound, StoreError, StoreUnavailable
from kg.store import open_store
from tests.store.steps import add_many, assert_whole, stepped
from tests.store.tables import COUNTS, SHOP, node, table

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path, files: dict[str, Path]) -> Path:
    """A closed store that holds the shop."""
    return Path(shutil.copy(files["shop"], tmp_path / "kg.lbug"))


def url(path: Path) -> str:
    return f"ladybug://{path}"


@contextmanager
def child(code: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process with `store` open to write, which has said `ready`."""
    program = (
        "import sys, os\n"
        "from kg.store import open_store\n"
        "from tests.store.test_ladybug_file import *\n"
        f"store = open_store({url(path)!r})\n"
        "print('ready', flush=True)\n"
        f"{code}\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


EVERY = pytest.mark.parametrize("every", [1, 10], ids=["all change", "a tenth changes"])


def test_a_relative_path_is_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ladybug://data/kg.lbug is below the folder one is in."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    open_store("ladybug://data/kg.lbug").close()
    assert (tmp_path / "data" / "kg.lbug").exists()


def test_a_url_without_a_path_is_refused() -> None:
    """It says what a URL looks like."""
    with pytest.raises(ConfigError, match="ladybug://PATH"):
        open_store("ladybug://")


def test_reading_what_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    """And makes no file."""
    with pytest.raises(NotFound, match="kg load"):
        open_store(url(tmp_path / "kg.lbug"), read_only=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("read_only", [False, True])
def test_another_file_is_not_a_store(tmp_path: Path, *, read_only: bool) -> None:
    """Nor is it changed."""
    file = tmp_path / "notes.txt"
    file.write_text("remember the milk\n" * 500)
    with pytest.raises(StoreError, match="not a Ladybug database"):
        open_store(url(file), read_only=read_only)
    assert file.read_text().startswith("remember")


def test_a_folder_is_not_a_store(tmp_path: Path) -> None:
    """One line says so."""
    with pytest.raises(StoreError, match="folder"):
        open_store(url(tmp_path))


def test_a_damaged_file_is_one_clear_line(path: Path) -> None:
    """Half a store is an error, not a crash."""
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(StoreError) as error:
        open_store(url(path))
    assert "\n" not in str(error.value)


def test_one_process_writes(path: Path) -> None:
    """A second one is told who does, within seconds."""
    with child("sys.stdin.readline()", path) as other:
        with pytest.raises(StoreUnavailable, match=str(other.pid)):
            open_store(url(path))
        with open_store(url(path), read_only=True) as reader:
            assert reader.counts() == COUNTS


def test_a_reader_becomes_a_neighbour_of_a_writer(path: Path) -> None:
    """In one process a handle to read and one to write share the file, in either order."""
    with open_store(url(path), read_only=True) as reader:
        with open_store(url(path)) as writer:
            writer.delete_users(["ada"])
            assert reader.counts()["User"] == 3
        assert reader.counts()["User"] == 3


def test_a_closed_writer_lets_others_write(path: Path) -> None:
    """Even while this process goes on reading; and the reader sees what they write."""
    with open_store(url(path), read_only=True) as reader:
        with open_store(url(path)) as writer:
            writer.delete_users(["ben"])
        with child("store.delete_users(['ada']); store.close()", path) as other:
            assert other.wait(30) == 0
        assert reader.counts()["User"] == 2


def test_two_names_of_one_file_are_one_store(path: Path) -> None:
    """A link does not open it a second time."""
    link = path.with_name("link.lbug")
    link.symlink_to(path)
    with open_store(url(path)) as first, open_store(url(link)) as second:
        first.delete_users(["ada"])
        assert second.counts()["User"] == 3


@EVERY
def test_a_reader_sees_what_another_process_has_published(path: Path, every: int) -> None:
    """A handle that was open all along reads the new pages, not what they have become.

    (The engine by itself answers with wrong rows here.)"""
    add_many(url(path), every)
    publish = f"[store.write_release(stepped(k, {every})) for k in (1, 2, 3)]; store.close()"
    with open_store(url(path), read_only=True) as reader:
        with child(publish, path) as other:
            assert other.wait(60) == 0
        assert assert_whole(reader, every) == 3


@EVERY
def test_readers_see_the_old_release_or_the_new_one(path: Path, every: int) -> None:
    """While another process publishes without a pause."""
    add_many(url(path), every)
    publish = f"[store.write_release(stepped(k, {every})) for k in range(1, 6)]; store.close()"
    with open_store(url(path), read_only=True) as reader, child(publish, path) as other:
        seen = set()
        while other.poll() is None:
            seen.add(assert_whole(reader, every))
        assert assert_whole(reader, every) == 5
        assert len(seen) > 1


@EVERY
def test_threads_see_the_old_release_or_the_new_one(path: Path, every: int) -> None:
    """While this process publishes, and rolls back, opening and closing the store each time."""
    add_many(url(path), every)
    done = threading.Event()

    def read() -> int:
        looks = 0
        with open_store(url(path), read_only=True) as reader:
            while not done.is_set():
                assert_whole(reader, every)
                looks += 1
        return looks

    with ThreadPoolExecutor(2) as threads:
        readers = [threads.submit(read) for _ in range(2)]
        try:
            for step in range(1, 5):
                with open_store(url(path)) as writer:
                    writer.write_release(stepped(step, every))
        finally:
            done.set()
        assert all(r.result() for r in readers)
    with open_store(url(path), read_only=True) as reader:
        assert assert_whole(reader, every) == 4


def test_a_load_that_is_killed_leaves_nothing(path: Path) -> None:
    """Killed between two batches of a load of 20,000 events: none is there."""
    batches = (
        "def batches():\n"
        "    for k in range(4):\n"
        "        if k == 3: os._exit(9)\n"
        "        yield table('VIEWED', src=['ada'] * 5000, dst=['pen'] * 5000,\n"
        "                    eventId=[f'{k}-{i}' for i in range(5000)])\n"
        "store.bulk_load('VIEWED', batches())\n"
    )
    with child(batches, path) as other:
        assert other.wait(60) == 9
    with open_store(url(path)) as again:
        assert again.counts() == COUNTS
        assert again.bulk_load("VIEWED", table("VIEWED", src=["ada"], dst=["pen"], eventId=["1"]))


@EVERY
def test_a_publish_that_is_killed_is_whole_or_absent(path: Path, every: int) -> None:
    """A writer that publishes without end is killed at some moment, four times; whoever opens the
    file next, to read or to write, finds one release."""
    add_many(url(path), every)
    moment = random.Random(5)
    step = 0
    for k in range(4):
        endless = (
            "import itertools\n"
            f"for k in itertools.count({step + 1}): store.write_release(stepped(k, {every}))"
        )
        with child(endless, path) as other:
            time.sleep(moment.uniform(0.05, 0.6))
            os.kill(other.pid, signal.SIGKILL)
            other.wait()
        with open_store(url(path), read_only=bool(k % 2)) as again:
            step = assert_whole(again, every)


@EVERY
@pytest.mark.parametrize("read_only", [False, True])
def test_a_publish_killed_in_its_commit_is_undone(
    path: Path, every: int, *, read_only: bool
) -> None:
    """Killed as soon as the commit is announced: whoever comes next reads the release before.

    (The engine by itself replays the new profiles, and edge tables without a row.)"""
    add_many(url(path), every)
    bulk = path.with_name("kg.lbug.bulk")
    with child(f"store.write_release(stepped(1, {every}))", path) as other:
        while not bulk.exists():
            assert other.poll() is None
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
    assert bulk.exists()
    with open_store(url(path), read_only=read_only) as again:
        assert assert_whole(again, every) == 0
    assert not bulk.exists()


def test_a_small_write_survives_the_undoing_of_a_large_one(path: Path) -> None:
    """What was committed before the publish that was killed is still there."""
    add_many(url(path))
    code = (
        "store.upsert('User', table('User', userId=['eve'], createdAt=[7]))\n"
        "store.write_release(stepped(1))"
    )
    with child(code, path) as other:
        while not path.with_name("kg.lbug.bulk").exists():
            assert other.poll() is None
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
    with open_store(url(path)) as again:
        assert node(again, "User", "eve", "createdAt") == (7,)
        assert assert_whole(again) == 0


def test_a_full_disk_undoes_the_write(path: Path) -> None:
    """No room for the file to grow: an error, and the store is as before, in the same process."""
    add_many(url(path))
    code = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"room = os.path.getsize({str(path)!r}) + 100_000\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    store.write_release(stepped(1))\n"
        "except StoreError as e:\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
        "    print(assert_whole(store), type(e).__name__, flush=True)\n"
        "    store.write_release(stepped(2))\n"
        "    store.close()\n"
    )
    with child(code, path) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "0 StoreError\n"
        assert other.wait(60) == 0
    with open_store(url(path)) as again:
        assert assert_whole(again) == 2


def test_a_closed_store_is_one_file(path: Path) -> None:
    """Nothing is left in the engine's log: the file alone can be copied. The locks are empty, and a
    checksum lies beside it."""
    with open_store(url(path)) as store:
        store.upsert("User", SHOP["User"].slice(0, 1))
    sizes = {p.name: p.stat().st_size for p in path.parent.iterdir() if p != path}
    assert sizes.pop("kg.lbug.sum") < 200
    assert sizes.keys() == {"kg.lbug.lock", "kg.lbug.gate"}
    assert max(sizes.values()) <= 8
