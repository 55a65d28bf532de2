"""A load and a publish in little memory (a large one: `benchmarks/faults.py --memory`)."""

from __future__ import annotations

from pathlib import Path

from benchmarks.little_memory import in_little_memory


def test_a_load_and_a_publish_stay_within_their_memory(tmp_path: Path) -> None:
    """Two hundred thousand edges, and ten thousand users with ten interests each, in 1.2 GiB; with
    more they would be killed."""
    rows = in_little_memory(tmp_path, None, edges=200_000, users=10_000, gib=1.2)
    assert [row[0] for row in rows] == ["load", "publish"]
