"""Audiences and tests over a store of pseudonyms: files from elsewhere name users as the source
does."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from kg.cli import main

USERS = [f"A{n}" for n in range(30)]


@pytest.fixture
def keyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a store whose users' ids are pseudonyms of USERS."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KG_STORE", f"ladybug://{tmp_path}/kg.lbug")
    monkeypatch.setenv("KG_HOME", str(tmp_path / "home"))
    assert main(["keys", "new", "shop.key"]) == 0
    monkeypatch.setenv("KG_PSEUDONYM_KEY_FILE", "shop.key")
    rows = [
        {"reviewerID": user, "asin": "B1", "overall": 4.0, "reviewText": "fine",
         "unixReviewTime": 1_600_000_000 + n}
        for n, user in enumerate(USERS)
    ]  # fmt: skip
    Path("reviews.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["load", "amazon", "reviews.jsonl"]) == 0
    return tmp_path


def test_plain_ids_find_their_users(keyed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Some of them get an arm, and their outcomes count; no file of ours holds a plain id."""
    Path("some.txt").write_text("\n".join(USERS[:24]))
    assert main(["ab", "assign", "t.csv", "--experiment", "x", "--among", "some.txt"]) == 0
    assigned = pl.read_csv("t.csv")["userId"].to_list()
    assert len(assigned) == 24
    assert set(assigned).isdisjoint(USERS)
    pl.DataFrame({"userId": USERS, "value": [1.0] * 30}).write_csv("out.csv")
    capsys.readouterr()
    assert main(["ab", "report", "t.csv", "--outcome", "out.csv", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(a["users"], a["value"]) for a in told["arms"]] == [(12, 1), (12, 1)]
