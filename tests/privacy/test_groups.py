"""A row about few users says too much of each: it is not shown where the settings say so."""

from __future__ import annotations

import json

import pytest

from kg.cli import main
from kg.privacy.groups import large_enough
from kg.store import QueryResult
from tests.privacy.conftest import Shop

Output = pytest.CaptureFixture[str]


def test_small_groups_are_left_out() -> None:
    result = QueryResult(["segment", "users"], [["a", 5], ["b", 4], ["c", None]])
    kept, hidden = large_enough(result, 5)
    assert (kept.rows, hidden) == ([["a", 5], ["c", None]], 1)


def test_results_about_no_group_stay() -> None:
    result = QueryResult(["userId"], [["ada"]])
    assert large_enough(result, 5) == (result, 0)


def test_the_setting(shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    """Guitars have four users in the small shop, knives three."""
    monkeypatch.setenv("KG_MIN_GROUP", "4")
    assert main(["query", "segments", "--json"]) == 0
    out, err = capsys.readouterr()
    assert [(r["segment"], r["users"]) for r in json.loads(out)] == [("guitars", 4)]
    assert err == "1 rows about fewer than 4 users are not shown\n"
