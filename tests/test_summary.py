"""The README's "How fast" is made of the benchmarks' own tables."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.summary import RESULTS, found, summary

ROOT = Path(__file__).parents[1]
KEPT = (RESULTS / "summary.md").read_text(encoding="utf-8")


def test_the_summary_is_that_of_the_tables() -> None:
    """`python -m benchmarks.summary` would change nothing."""
    assert summary() + "\n" == KEPT


def test_the_readme_has_it() -> None:
    assert KEPT in (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_figure_of_a_table_comes_through(tmp_path: Path) -> None:
    """Ours twice as dear halves the ratio."""
    shutil.copytree(RESULTS, tmp_path, dirs_exist_ok=True)
    table = tmp_path / "stores_ladybug.md"
    row = found(table)["load VIEWED"]
    dearer = 2 * float(row["client µs"])
    table.write_text(table.read_text().replace(f"| {row['client µs']} |", f"| {dearer:.2f} |"))
    before, after = (
        next(line for line in text.splitlines() if "load events | embedded" in line)
        for text in (summary(), summary(tmp_path))
    )
    ratios = [float(line.split("|")[5]) for line in (before, after)]
    assert ratios[0] == pytest.approx(2 * ratios[1], rel=0.02)


def test_a_step_that_a_table_lacks_is_named(tmp_path: Path) -> None:
    shutil.copytree(RESULTS, tmp_path, dirs_exist_ok=True)
    table = tmp_path / "stores_neo4j.md"
    table.write_text(table.read_text().replace("| load VIEWED |", "| load SEEN |"))
    with pytest.raises(KeyError, match="load VIEWED"):
        summary(tmp_path)
