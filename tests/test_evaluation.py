"""A card → the report of `kg evaluate`, and the figure beside it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from kg.cli import main
from kg.evaluation import JUDGEMENTS, evaluation
from kg.figures import reliability_svg
from kg.releases import Card, save

CHURN = [
    {"model": "recency", "brier": 0.2, "auc": 0.7},
    {"model": "RFM", "brier": 0.18, "auc": 0.7},
    {"model": "profile", "brier": 0.17, "auc": 0.8},
]
RELIABILITY = [{"said": 0.01, "came": 0.02, "pairs": 10.0}, {"said": 0.5, "came": 0.4, "pairs": 1}]


def card(**metrics: Any) -> Card:
    return Card(
        version="20260101-000000", created_at=0, as_of=100, horizon_days=30, store="ladybug://x",
        graph={"User": 2}, graph_hash="0", config={}, config_hash="0", seed=1, encoder=None,
        software={}, metrics=metrics,
    )  # fmt: skip


def verdict(**metrics: Any) -> str | None:
    found = evaluation(card(**metrics)).sections[0].verdict
    return None if found is None else found.in_words()


def test_the_best_plain_method_stands_beside() -> None:
    """Not the first one."""
    assert verdict(churn=CHURN) == "the profile wins: brier 0.17 beside 0.18 (RFM)"


def test_where_the_plain_method_wins_it_says_so() -> None:
    """Errors are better low, hits high."""
    rows = [{"model": "own history", "hit@1": 0.3}, {"model": "profile", "hit@1": 0.2}]
    says = "the plain method wins: hit@1 0.2 beside 0.3 (own history)"
    assert verdict(next_category=rows) == says


def test_rankings_are_judged_over_all_users() -> None:
    """Rows of users with few events stand in the table and do not decide."""
    rows = [
        {"model": "fused", "users": "all", "ndcg@20": 0.3},
        {"model": "popularity", "users": "all", "ndcg@20": 0.1},
        {"model": "popularity", "users": "1-4 events", "ndcg@20": 0.9},
    ]
    assert verdict(quality=rows) == "the profile wins: ndcg@20 0.3 beside 0.1 (popularity)"


def test_what_validation_chose_stands_with_what_it_brings() -> None:
    """A release from before there was such a choice says nothing."""
    ranker = {"users": 500, "share": 0.5, "worth": {"0.0": 0.4, "0.5": 0.43}}
    few = {"users": 400, "worth": {"0.0": 0.2, "4.0": 0.21}}
    found = evaluation(card(ranker=ranker, few_events=few, fusion={"half": 4.0})).choices
    assert [(c["users"], c["chosen"], c["worth without"], c["worth with"]) for c in found] == [
        (500, 0.5, 0.4, 0.43),
        (400, 4.0, 0.2, 0.21),
    ]
    assert evaluation(card(ranker={"users": 20})).choices == []
    assert evaluation(card()).choices == []


def test_without_a_plain_method_nobody_wins() -> None:
    """A table to read."""
    assert verdict(reliability=RELIABILITY) is None


def test_the_sections_are_in_a_fixed_order() -> None:
    """Whatever the card's order; what was not judged is left out."""
    names = [s.name for s in evaluation(card(churn=CHURN, reliability=RELIABILITY)).sections]
    assert names == ["reliability", "churn"]
    assert [j.name for j in JUDGEMENTS].index("churn") > 0


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    made = card(churn=CHURN, unavailable={"monetary": "no purchase has a price"})
    save(tmp_path, made, {}, lambda folder: None, {"reliability.svg": "<svg/>"})
    return tmp_path


def test_the_command(releases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tables with their verdict, and what is not given."""
    assert main(["evaluate", "--releases", str(releases)]) == 0
    out = capsys.readouterr().out
    assert "→ the profile wins: brier 0.17 beside 0.18 (RFM)" in out
    assert "no purchase has a price" in out


def test_the_command_for_machines(releases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object with the sections."""
    assert main(["evaluate", "20260101-000000", "--releases", str(releases), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["horizonDays"] == 30
    assert said["sections"][0]["rows"] == CHURN
    assert said["sections"][0]["verdict"]["beside"] == "RFM"


def test_an_unknown_version_is_named(releases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With those there are."""
    assert main(["evaluate", "nothing", "--releases", str(releases)]) == 1
    assert "20260101-000000" in capsys.readouterr().err


def test_figures_lie_sealed_in_the_release(releases: Path) -> None:
    """They are part of what the checksums cover."""
    folder = releases / "20260101-000000"
    assert (folder / "reliability.svg").read_text() == "<svg/>"
    assert "reliability.svg" in (folder / "SHA256SUMS").read_text()


def test_the_diagram_has_a_dot_for_each_bin() -> None:
    """Well-formed; said .01 is half-way along a scale of four powers of ten, and 1 at its end."""
    text = reliability_svg([*RELIABILITY, {"said": 1.0, "came": 1.0}], "a < b & c")
    dots = [e for e in ET.fromstring(text).iter() if e.tag.endswith("circle")]
    assert [d.get("cx") for d in dots] == ["180.0", "332.9", "360.0"]
    assert [d.get("cy") for d in dots][2] == "0.0"
