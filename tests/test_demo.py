"""What the demo foretold beside what was planted: by hand on a shop whose truth is known."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from kg.demo import _refuse_another, agreement_with_planted
from kg.errors import ConfigError
from kg.ingest import ingest
from kg.store import open_store
from loaders import stage
from loaders.interface import Staged
from loaders.synthetic import read_truth

NOW = 1_790_000_000


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Staged:
    into = tmp_path_factory.mktemp("shop")
    return stage("synthetic", [], into, now=NOW, options={"users": "120"})


def test_a_perfect_guess_agrees_and_its_opposite_does_not(staged: Staged) -> None:
    """The profile says the truth, the plain figure its opposite; users without either are left
    out."""
    truth = pl.DataFrame(pl.from_arrow(read_truth(staged.folder).users))
    silence, spend = pl.col("silenceProbability"), pl.col("expectedSpend")
    profiles = truth.select(
        "userId", churnRisk=silence, recencyDays=-silence, expectedValue=spend**2, monetary=-spend
    ).with_columns(churnRisk=pl.when(pl.int_range(pl.len()) > 9).then("churnRisk"))
    rows = agreement_with_planted(staged, profiles)
    assert [(r["planted"], r["by"]) for r in rows] == [
        ("silence", "profile (churnRisk)"), ("silence", "plain (recencyDays)"),
        ("spend", "profile (expectedValue)"), ("spend", "plain (monetary)"),
    ]  # fmt: skip
    assert [r["users"] for r in rows] == [110, 110, 120, 120]
    for name in ("rank agreement", "of those who stay"):
        assert [r[name] for r in rows] == pytest.approx([1, -1, 1, -1])


def test_those_who_have_left_do_not_help_where_only_others_are_asked(staged: Staged) -> None:
    """A guess that knows who has left, and has all others the wrong way round."""
    truth = pl.DataFrame(pl.from_arrow(read_truth(staged.folder).users))
    guess = 2 * pl.col("churned").cast(pl.Float64) - pl.col("silenceProbability")
    profiles = truth.select(
        "userId", churnRisk=guess, recencyDays=guess, expectedValue=0.0, monetary=0.0
    )
    knows = agreement_with_planted(staged, profiles)[0]
    assert knows["of those who stay"] == pytest.approx(-1)
    assert knows["rank agreement"] > -0.7


def test_another_shop_is_left_alone(staged: Staged, tmp_path: Path) -> None:
    """Before anything is written; the same shop again is welcome."""
    with open_store(f"ladybug://{tmp_path}/demo.lbug") as store:
        _refuse_another(staged, store)
        ingest(staged, store)
        _refuse_another(staged, store)
        before = store.counts()
        other = stage("synthetic", [], tmp_path / "other", now=NOW, options={"users": "60"})
        with pytest.raises(ConfigError, match=r"holds another shop .*--store"):
            _refuse_another(other, store)
        assert store.counts() == before
