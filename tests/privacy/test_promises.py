"""The README's promises: each names tests that are there, and its commands run as they stand."""

from __future__ import annotations

import gzip
import json
import re
import shlex
from pathlib import Path

import pytest

from kg.cli import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = README.split("## What it protects, and what not")[1].split("\nApache-2.0")[0]


def test_every_promise_has_its_tests() -> None:
    """Each row of the table names functions of this suite."""
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    rows = [
        line for line in SECTION.splitlines() if line.startswith("| ") and "promised" not in line
    ]
    assert len(rows) > 10
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row)
        assert named, row
        assert set(named) <= there, row


@pytest.fixture
def reviews(desk: Path) -> None:
    rows = [
        {"reviewerID": f"A{n}", "asin": f"B{k}", "overall": 4.0, "reviewText": "fine",
         "unixReviewTime": 1_600_000_000 + n}
        for n in range(1, 5) for k in range(3)
    ]  # fmt: skip
    with gzip.open(desk / "reviews.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    policy = re.search(r"```toml\n(.*?)```", SECTION, re.DOTALL)
    assert policy is not None
    (desk / "policy.toml").write_text(policy[1], encoding="utf-8")


def test_its_commands_run(desk: Path, reviews: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """In their order, on reviews of four users; at the end nothing is found of A1."""
    block = re.search(r"```sh\n(.*?)```", SECTION, re.DOTALL)
    assert block is not None
    for line in block[1].splitlines():
        words = shlex.split(line, comments=True)
        if words[0] == "export":
            monkeypatch.setenv(*words[1].split("=", 1))
        else:
            assert words[0] == "kg"
            assert main(words[1:]) == 0, line
    assert not (desk / "A1.json").exists()
