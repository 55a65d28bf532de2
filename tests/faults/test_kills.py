"""kill -9 at random moments of each command that writes: the same again ends as an undisturbed run
does, and a reader sees each user whole. (A hundred moments of each: `benchmarks/faults.py`.)"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.killed_shop import site_at
from benchmarks.kills import killed, prepare
from tests.gnn.tiny_encoder import tiny_bert

MOMENTS = {"ladybug": 1, "neo4j": 1}


@pytest.mark.parametrize("kind", ["ladybug", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def test_a_killed_command_is_run_again(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Load, train, publish, refresh, rollback and forget."""
    url = str(request.getfixturevalue("empty_neo4j")) if kind == "neo4j" else None
    site = site_at(url, tmp_path / "site", tiny_bert(tmp_path / "encoder"))
    counts = [killed(site, case, MOMENTS[kind], seed=3) for case in prepare(site)]
    assert [c.command for c in counts if not c.good] == [], counts
    assert sum(c.in_work for c in counts) >= len(counts) / 2
    assert all(c.looks for c in counts if c.command not in ("load", "train"))
