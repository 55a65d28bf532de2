"""The embedded engine's buffers are measured by the container it runs in."""

from __future__ import annotations

from pathlib import Path

import pytest

from kg.ladybug_store import memory
from kg.ladybug_store.memory import allowed


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
