"""The README's table of what happens when things break names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_row_names_its_tests() -> None:
    """Functions of this suite."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.split("## When things break")[1].split("\n## ")[0]
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    rows = [line for line in section.splitlines() if line.startswith("| ") and "then" not in line]
    named = [re.findall(r"`(test_\w+)`", row) for row in rows]
    assert len(rows) == 5
    assert all(named)
    assert {name for row in named for name in row} <= there
