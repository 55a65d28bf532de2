"""What a process that was killed leaves lying about, and who removes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kg.files import whole_file, work_folder
from kg.privacy.erasure import forget
from kg.releases import DRAFT, save
from kg.store import open_store
from tests.store.tables import SHOP, load_shop
from tests.test_releases import USERS, card

ROOT = Path(__file__).parents[2]


@contextmanager
def at_work(code: str, where: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process inside a `with` block of this code, in which it stays."""
    program = (
        "import time\nfrom pathlib import Path\nfrom kg.files import whole_file, work_folder\n"
        f"where = Path({str(where)!r})\n"
        f"with {code} as mine:\n"
        "    (mine / 'rows' if mine.is_dir() else mine).write_text('somebody')\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def kill(code: str, where: Path) -> None:
    with at_work(code, where) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert len(list(where.iterdir())) == 1, "it left nothing: this test tests nothing"


def test_the_next_work_folder_removes_that_of_a_killed_process(tmp_path: Path) -> None:
    """What a load had staged does not stay in the temporary folder."""
    kill("work_folder(where, 'kg-load-')", tmp_path)
    with work_folder(tmp_path, "kg-load-") as mine:
        assert list(tmp_path.iterdir()) == [mine]
    assert list(tmp_path.iterdir()) == []


def test_a_work_folder_of_a_living_process_stays(tmp_path: Path) -> None:
    """Two loads at once do not disturb each other."""
    with at_work("work_folder(where, 'kg-load-')", tmp_path):
        with work_folder(tmp_path, "kg-load-"):
            assert len(list(tmp_path.iterdir())) == 2
        (theirs,) = tmp_path.iterdir()
        assert (theirs / "rows").read_text() == "somebody"


def test_the_next_export_removes_that_of_a_killed_process(tmp_path: Path) -> None:
    """Half an export beside the place of the whole one."""
    kill("whole_file(where / 'out.csv')", tmp_path)
    (tmp_path / ".out.csv.mine").touch()
    with whole_file(tmp_path / "out.csv") as beside:
        beside.write_text("all")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".out.csv.mine", "out.csv"]


def test_the_next_training_removes_the_draft_of_a_killed_one(tmp_path: Path) -> None:
    """Half a release is no release, and does not stay."""
    kill(f"work_folder(where, {DRAFT!r})", tmp_path)
    save(tmp_path, card(), {"users": USERS}, lambda folder: None)
    assert [p.name for p in tmp_path.iterdir()] == [card().version]


def test_an_erasure_removes_what_killed_processes_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Staged rows and half a release, which may be about the person."""
    staged, releases = tmp_path / "tmp", tmp_path / "releases"
    monkeypatch.setattr(tempfile, "tempdir", str(staged))
    for folder, prefix in ((staged, "kg-load-"), (releases, DRAFT)):
        folder.mkdir()
        kill(f"work_folder(where, {prefix!r})", folder)
    with open_store(f"ladybug://{tmp_path}/kg.lbug") as store:
        store.ensure_schema()
        load_shop(store, SHOP)
        forget(store, releases, ["ada"], now=1)
    assert [list(folder.iterdir()) for folder in (staged, releases)] == [[], []]
