"""`kg train --warm`: from the last release to the next, and what the card says of the two."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from kg.cli import main
from kg.config import Settings
from kg.privacy.tombstones import erasure_key, write
from kg.releases import read_card, versions
from kg.store import open_store

QUICK = ["--set", "dim=8", "--set", "epochs=3", "--set", "rank=0", "--encoder", "none"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop with one release, trained from seed 1."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KG_STORE", f"ladybug://{folder}/kg.lbug")
        patch.setenv("KG_HOME", str(folder / "home"))
        assert main(["load", "synthetic", "--option", "users=80"]) == 0
        assert main(["train", *QUICK, "--seed", "1"]) == 0
    return folder


@pytest.fixture
def shop(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it."""
    folder = Path(shutil.copytree(made, tmp_path / "shop"))
    monkeypatch.setenv("KG_STORE", f"ladybug://{folder}/kg.lbug")
    monkeypatch.setenv("KG_HOME", str(folder / "home"))
    return folder


def trained(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["train", *QUICK, "--json", *more]) == 0, capsys.readouterr().err
    card: dict[str, Any] = json.loads(capsys.readouterr().out)
    return card


def test_the_card_says_how_alike_they_are(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside the last release: cosine of item vectors, overlap of users' strongest interests. The
    figures a release is judged by are those of a cold training, which saw no later event."""
    first = versions(shop / "kg.lbug.releases")[0]
    warm = trained(capsys, "--warm")
    (row,) = warm["metrics"]["likeness"]
    assert row["beside"] == first
    assert row["items"] == read_card(shop / "kg.lbug.releases", first).graph["Item"]
    assert 0.3 < row["cosine_low"] < row["cosine"] <= 1
    assert 0 < row["categories_top10"] <= 1
    shutil.rmtree(shop / "kg.lbug.releases" / warm["version"])
    cold = trained(capsys)
    assert cold["metrics"]["quality"] == warm["metrics"]["quality"]
    assert "likeness" not in cold["metrics"]


def refused(capsys: pytest.CaptureFixture[str], *more: str) -> str:
    capsys.readouterr()
    assert main(["train", *QUICK, "--warm", *more]) == 1
    return capsys.readouterr().err


def test_without_a_release_there_is_nothing_to_begin_from(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line."""
    shutil.rmtree(shop / "kg.lbug.releases")
    assert "no release in" in refused(capsys)


def test_without_a_last_training_there_is_nothing_to_warm(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`refit=false` serves the judged model, which must not have seen what it is judged by."""
    assert "refit=false leaves it out" in refused(capsys, "--set", "refit=false")


def test_vectors_of_another_width_are_refused(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And it says so before the first epoch."""
    wider = [word.replace("dim=8", "dim=16") for word in QUICK]
    assert main(["train", *wider, "--warm", "--track", "csv"]) == 1
    assert "vectors of 8, this training of 16: give dim=8" in capsys.readouterr().err
    assert list((shop / "home").rglob("epochs.csv")) == []


def test_nothing_is_carried_on_after_an_erasure(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether the audit file knows of it or the store alone."""
    with open_store(f"ladybug://{shop}/kg.lbug") as store:
        key = erasure_key(Settings(home=shop / "home"), make=True)
        write(store, key, ["somebody"], 0, [[]], now=4_000_000_000)
    assert "people or events were removed since release" in refused(capsys)


@pytest.mark.parametrize("command", ["consent", "forget", "retain"])
def test_nothing_is_carried_on_of_what_was_removed(
    shop: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """An objection, an erasure, old events."""
    with open_store(f"ladybug://{shop}/kg.lbug") as store:
        user = store.export({"User": ()}, {}).nodes["User"]["userId"][0].as_py()
    argv = {
        "consent": ["consent", "withdraw", user],
        "forget": ["forget", user, "--yes"],
        "retain": ["retain", "--older-than", "20000d", "--yes"],
    }[command]
    assert main(argv) == 0, capsys.readouterr().err
    assert "train without --warm, once" in refused(capsys)
