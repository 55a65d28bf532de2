"""Figures about groups: exact inside, noisy outside, paid for before they are shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kg.audience.count import STEPS, Range, Tally, tally
from kg.audit import acts, broken_at
from kg.cli import main
from kg.errors import ConfigError, QueryError
from kg.store import GraphStore, open_store
from tests.audience.crowd import USERS

Output = pytest.CaptureFixture[str]


@pytest.fixture
def store(crowd_url: str) -> Iterator[GraphStore]:
    with open_store(crowd_url, read_only=True) as opened:
        yield opened


def test_users_are_counted_by_group(store: GraphStore) -> None:
    """Who objects is not; a group that the condition empties keeps its name."""
    found = tally(store, by="valueTier")
    assert found.groups == ["champion", "lost", "loyal"]
    assert found.users.tolist() == [20, 20, 19]
    champions = tally(store, 'valueTier = "champion" and churnRisk < 0.5', by="valueTier")
    assert champions.groups == found.groups
    assert champions.users.tolist() == [10, 0, 0]


def test_without_groups_there_is_one_count(store: GraphStore) -> None:
    assert tally(store, interested_in=["drinks/tea"]).users.tolist() == [29]


def test_sums_are_of_values_cut_to_their_range(store: GraphStore) -> None:
    """One user moves a sum by no more than the range's bound."""
    risks = np.array([k / len(USERS) for k in range(len(USERS)) if k != 58])
    for high in (1.0, 0.25):
        found = tally(store, sums={"churnRisk": (range_ := Range(0, high))})
        total = found.sums["churnRisk"][0] * range_.step
        assert total == pytest.approx(np.minimum(risks, high).sum(), rel=1e-5)
    assert Range(-3, 2).steps(np.array([-9.0, 9.0, np.nan])).tolist() == [
        -STEPS, round(STEPS * 2 / 3), 0,
    ]  # fmt: skip


def test_what_is_released_is_noisy() -> None:
    """Count and sum share epsilon, half each: of two thousand groups the spread is that of a scale
    of 2 users and of 2 bounds. Three tenths are six standard errors."""
    n = 2_000
    exact = Tally(
        [str(k) for k in range(n)], np.full(n, 1_000), {"x": np.full(n, 7 * STEPS)},
        {"x": Range(0, 10)},
    )  # fmt: skip
    told = exact.released(1.0)
    q = np.exp(-0.5)
    assert (told.users - 1_000).var() == pytest.approx(2 * q / (1 - q) ** 2, rel=0.3)
    assert (told.sums["x"] - 70).var() == pytest.approx(2 * 20**2, rel=0.3)
    assert (np.abs(told.users - 1_000) <= told.users_within).mean() > 0.93
    assert (np.abs(told.sums["x"] - 70) <= told.sums_within["x"]).mean() > 0.93


def test_groups_that_seem_small_are_left_out() -> None:
    """By the noisy count: who is one below the limit can be shown, far below not."""
    exact = Tally(["few", "many"], np.array([3, 5_000]), {}, {})
    told = exact.released(1.0, smallest=500)
    assert (told.groups, told.hidden) == (["many"], 1)
    near = Tally([str(k) for k in range(500)], np.full(500, 9), {}, {}).released(0.5, smallest=10)
    assert 50 < near.hidden < 450


@pytest.mark.parametrize("by", ["country", "userId", "nothing"])
def test_groups_of_the_sources_words_are_refused(store: GraphStore, by: str) -> None:
    """That there is a group tells of whoever is alone in it."""
    with pytest.raises(QueryError, match="users are grouped by segment, valueTier"):
        tally(store, by=by)


def test_a_property_that_is_no_number_has_no_sum(store: GraphStore) -> None:
    for name in ("valueTier", "nothing"):
        with pytest.raises(QueryError, match=f"'{name}' is no number"):
            tally(store, sums={name: Range(0, 1)})


@pytest.mark.parametrize("ends", [(1, 0), (0, float("inf")), (float("nan"), 1), (1, 1)])
def test_a_range_has_two_ends(ends: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match="is no range"):
        Range(*ends)


def asked(*more: str) -> list[str]:
    return ["audience", "count", "--by", "valueTier", *more]


def test_the_command(desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    """With the figures: how far off they may be, and what was spent."""
    monkeypatch.setenv("KG_MIN_GROUP", "1")
    assert main(asked("--epsilon", "50", "--sum", "churnRisk=0:1", "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["group"] for row in told["groups"]] == ["champion", "lost", "loyal"]
    assert [row["users"] for row in told["groups"]] == [20, 20, 19]
    assert told["groups"][0]["churnRisk"] == pytest.approx(9.5, abs=1)
    assert 0 < told["within"]["churnRisk"] < 0.2
    assert (told["epsilon"], told["spent"], told["budget"]) == (50, 50, None)
    assert main(asked("--epsilon", "20")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["valueTier", "users"]
    assert lines[-1] == "epsilon 20 spent, 70 in all"


def test_what_is_spent_is_in_the_audit(desk: Path) -> None:
    """And nothing exact, nor what was asked."""
    assert main(["audience", "count", "churnRisk > 0.123", "--epsilon", "0.5"]) == 0
    (act,) = acts(desk / "home")
    assert (act.command, act.epsilon, act.rows) == ("audience count", 0.5, {})
    assert broken_at([act]) is None
    assert "0.123" not in (desk / "home" / "audit.jsonl").read_text()


def test_more_than_the_budget_is_refused(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """Nothing is shown, nothing more spent; what is left may still be had, to the last tenth."""
    monkeypatch.setenv("KG_PRIVACY_BUDGET", "0.3")
    assert main(asked("--epsilon", "0.1")) == 0
    assert main(asked("--epsilon", "0.1")) == 0
    capsys.readouterr()
    assert main(asked("--epsilon", "0.15")) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "0.1 is left of KG_PRIVACY_BUDGET=0.3, and this would spend 0.15" in err
    assert main(asked("--epsilon", "0.1")) == 0
    assert main(asked("--epsilon", "0.001")) == 1
    found = acts(desk / "home")
    assert [(a.epsilon, a.failed) for a in found] == [
        (0.1, None), (0.1, None), (None, "BudgetSpent"), (0.1, None), (None, "BudgetSpent"),
    ]  # fmt: skip
    assert broken_at(found) is None


def test_what_failed_cost_nothing(desk: Path) -> None:
    assert main(["audience", "count", "nothing > 1"]) == 1
    (act,) = acts(desk / "home")
    assert (act.epsilon, act.failed) == (None, "QueryError")


def test_without_the_extra_nothing_is_spent(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setitem(sys.modules, "opendp.mod", None)
    assert main(asked()) == 1
    assert "pip install '.[private]'" in capsys.readouterr().err
    assert acts(desk / "home")[0].epsilon is None


@pytest.mark.parametrize(
    "more",
    [["--epsilon", "0"], ["--epsilon", "nan"], ["--sum", "churnRisk"], ["--sum", "churnRisk=a:b"]],
)
def test_wrong_usage(desk: Path, more: list[str]) -> None:
    assert main(["audience", "count", *more]) == 2
