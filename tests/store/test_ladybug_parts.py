"""Edges that do not fit into memory until they commit are loaded in parts, and seen at the end."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from kg.errors import CountMismatch
from kg.ladybug_store import load, memory
from kg.ladybug_store.memory import allowed, held_bytes
from kg.store import open_store
from tests.store.tables import COUNTS, edge_rows, table

EACH, PARTS = 1_000, 5
ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path, files: dict[str, Path]) -> Path:
    """A closed store that holds the shop."""
    return Path(shutil.copy(files["shop"], tmp_path / "kg.lbug"))


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for two batches in a commit."""
    monkeypatch.setattr(load, "commit_bytes", lambda: 2 * held_bytes(batch(0)) + 1)


def batch(k: int, dst: str = "pen") -> pa.Table:
    return table(
        "VIEWED",
        src=["ada", "ben"] * (EACH // 2),
        dst=[dst] * EACH,
        eventId=[f"{k}-{i:04d}" for i in range(EACH)],
        at=[k * EACH + i for i in range(EACH)],
    )


def batches() -> Iterator[pa.Table]:
    yield from (batch(k) for k in range(PARTS))


@pytest.mark.usefixtures("little_memory")
def test_parts_make_one_table(path: Path) -> None:
    """All rows with their properties, as in one commit; the table takes more afterwards."""
    with open_store(f"ladybug://{path}") as store:
        assert store.bulk_load("VIEWED", batches()).created == EACH * PARTS
        found = edge_rows(store, "VIEWED", "eventId", "at")
        sent = [row for k in range(PARTS) for row in batch(k).to_pylist()]
        assert found == sorted((r["src"], r["dst"], r["eventId"], r["at"]) for r in sent)
        more = table("VIEWED", src=["cleo"], dst=["mug"], eventId=["later"], at=[1])
        assert store.upsert("VIEWED", more).created == 1
    with open_store(f"ladybug://{path}", read_only=True) as again:
        assert again.counts() == {**COUNTS, "VIEWED": EACH * PARTS + 1}


@pytest.mark.usefixtures("little_memory")
def test_nobody_sees_a_part(path: Path) -> None:
    """A reader between two parts finds the type empty."""
    seen: list[dict[str, int]] = []

    def watched() -> Iterator[pa.Table]:
        for k in range(PARTS):
            yield batch(k)
            with open_store(f"ladybug://{path}", read_only=True) as reader:
                seen.append(reader.counts())

    with open_store(f"ladybug://{path}") as store:
        store.bulk_load("VIEWED", watched())
    assert seen == [COUNTS] * PARTS


@pytest.mark.usefixtures("little_memory")
def test_a_load_that_fails_in_a_later_part_leaves_nothing(path: Path) -> None:
    """And can be done again."""
    with open_store(f"ladybug://{path}") as store:
        with pytest.raises(CountMismatch, match="not in the store, such as Item 'nothing'"):
            store.bulk_load("VIEWED", (batch(k, "pen" if k < 4 else "nothing") for k in range(5)))
        assert store.counts() == COUNTS
        assert store.bulk_load("VIEWED", batches()).created == EACH * PARTS
        assert store.counts()["VIEWED"] == EACH * PARTS


def test_a_load_that_is_killed_in_a_later_part_leaves_nothing(path: Path) -> None:
    """And can be done again, by a process with more memory too."""
    program = (
        "import os\n"
        "from kg.store import open_store\n"
        "from kg.ladybug_store import load\n"
        "from tests.store.test_ladybug_parts import *\n"
        "load.commit_bytes = lambda: 2 * held_bytes(batch(0)) + 1\n"
        "def rows():\n"
        "    yield from batches()\n"
        "    os._exit(9)\n"
        f"open_store('ladybug://{path}').bulk_load('VIEWED', rows())\n"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 9
    with open_store(f"ladybug://{path}") as store:
        assert store.counts() == COUNTS
        assert store.bulk_load("VIEWED", batches()).created == EACH * PARTS
        assert store.counts()["VIEWED"] == EACH * PARTS


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/a/b\n", {"a/memory.max": "1000000\n", "a/b/memory.max": "max\n"}, 1_000_000),
        ("0::/a\n", {"memory.max": "5000000", "a/memory.max": "7000000"}, 5_000_000),
        ("4:memory:/x\n0::/\n", {"memory/x/memory.limit_in_bytes": "3000000\n"}, 3_000_000),
        ("4:cpu,memory:/gone\n", {"memory/memory.limit_in_bytes": "2000000\n"}, 2_000_000),
    ],
)
def test_a_container_has_its_own_memory(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    groups: str,
    files: dict[str, str],
    expected: int,
) -> None:
    """The least of the limits of the process's control groups and those above them."""
    for name, text in files.items():
        (tmp_path / "fs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fs" / name).write_text(text)
    (tmp_path / "self").write_text(groups)
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "fs")
    monkeypatch.setattr(memory, "SELF", tmp_path / "self")
    assert allowed() == expected


def test_without_control_groups_the_machine_is_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are none on other systems."""
    monkeypatch.setattr(memory, "SELF", tmp_path / "none")
    assert allowed() > 1 << 28
