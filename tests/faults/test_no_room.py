"""A disk that is full and folders that may not be written: one line, nothing half there, and the
same command is done when there is room."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gnn.text_cache import UNFINISHED
from kg.store import open_store
from tests.gnn.tiny_encoder import tiny_bert

ROOT = Path(__file__).parents[2]
KG = (sys.executable, "-c", "import sys; from kg.cli import main; sys.exit(main())")
LOAD = ("load", "synthetic", "--option", "users=60", "--option", "items=40")
TRAIN = ("train", "--set", "dim=16", "--set", "epochs=1", "--set", "rank=0")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a loaded embedded store and an encoder."""
    folder = tmp_path_factory.mktemp("made")
    tiny_bert(folder / "encoder")
    done = kg(folder, *LOAD)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def desk(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "desk"))


def kg(folder: Path, *argv: str, room: int | None = None) -> subprocess.CompletedProcess[str]:
    """The command as another process that, being root or not, is bound by permissions, and whose
    files grow to `room` bytes at most."""
    command = [*KG, *argv]
    if os.geteuid() == 0:
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]

    def little() -> None:
        if room is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

    (folder / "tmp").mkdir(exist_ok=True)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("KG_", "NEO4J_"))} | {
        "KG_STORE": f"ladybug://{folder}/kg.lbug",
        "KG_HOME": str(folder / "home"),
        "KG_ENCODER": str(folder / "encoder"),
        "TMPDIR": str(folder / "tmp"),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        # Python does not see that a .pyc it writes ran out of room; everyone after would read it
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, preexec_fn=little
    )


def told(done: subprocess.CompletedProcess[str], what: str) -> None:
    """One line, no traceback."""
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert what in lines[-1], done.stderr


def unfinished(folder: Path) -> list[str]:
    """Files of work that was given up."""
    return [p.name for p in folder.rglob("*")
            if p.name.endswith((UNFINISHED, ".kg-part", ".bulk", ".undo"))]  # fmt: skip


@pytest.mark.parametrize("room", [1 << 12, 1 << 15, 1 << 19])
def test_a_load_without_room_is_told(made: Path, tmp_path: Path, room: int) -> None:
    """Whether it ends in the staging, in the engine or in the audit file; then it is done."""
    shutil.copytree(made / "encoder", tmp_path / "encoder")
    told(kg(tmp_path, *LOAD, room=room), "")
    assert unfinished(tmp_path) == []
    done = kg(tmp_path, *LOAD)
    assert done.returncode == 0, done.stderr
    with (
        open_store(f"ladybug://{tmp_path}/kg.lbug", read_only=True) as now,
        open_store(f"ladybug://{made}/kg.lbug", read_only=True) as wanted,
    ):
        assert now.counts() == wanted.counts()


@pytest.mark.parametrize("room", [1 << 10, 1 << 15])
def test_a_training_without_room_is_told(desk: Path, room: int) -> None:
    """Whether it ends in the text cache or in the release's folder: no half of either is left."""
    told(kg(desk, *TRAIN, room=room), "")
    assert unfinished(desk) == []
    assert list((desk / "kg.lbug.releases").glob("*")) == []


def test_a_line_that_did_not_fit_is_not_there(desk: Path) -> None:
    """The audit file takes the next one, and its chain holds."""
    log = desk / "home" / "audit.jsonl"
    size = log.stat().st_size
    told(kg(desk, "refresh", room=size + 20), "audit.jsonl")
    assert log.stat().st_size == size
    told(kg(desk, "refresh"), "no release is live")
    assert kg(desk, "audit", "--check").returncode == 0


@pytest.mark.parametrize(
    ("folder", "argv", "what"),
    [
        ("home/text", TRAIN, "home/text"),
        ("home", LOAD, "home"),
        ("kg.lbug.releases", TRAIN, "kg.lbug.releases"),
        (".", LOAD, "kg.lbug"),
    ],
)
def test_a_folder_that_may_not_be_written_is_named(
    desk: Path, folder: str, argv: tuple[str, ...], what: str
) -> None:
    """Of the text cache, of keys and audit, of releases, of the store."""
    place = desk / folder
    (desk / "tmp").mkdir(exist_ok=True)
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o555)
    for file in place.glob("*.*"):
        if file.is_file():
            file.chmod(0o444)
    try:
        told(kg(desk, *argv), what)
    finally:
        place.chmod(0o755)
    assert unfinished(desk) == []


def test_two_loads_at_once(desk: Path) -> None:
    """One is done; the other too, or it is told who writes."""
    command = [*KG, *LOAD]
    here = {"KG_STORE": f"ladybug://{desk}/kg.lbug", "KG_HOME": str(desk / "home")}
    environment = {**os.environ, **here, "PYTHONPATH": str(ROOT)}
    both = [
        subprocess.Popen(command, cwd=desk, env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate()[1] for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes in ([0, 0], [0, 1]), said
    if codes == [0, 1]:
        assert "is writing to it" in "".join(said)
