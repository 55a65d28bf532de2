"""`kg train --predict`: judged beside plain methods, off by default, and nothing of it kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from kg.cli import main
from kg.errors import ConfigError
from kg.foretold import declared_values
from kg.ingest import ingest
from kg.releases import read_tables
from kg.store import GraphStore, open_store
from kg.training import train_release
from loaders import stage
from tests.test_refresh import NOW, TRAINING


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthetic shop, two thirds of whose users say which club they are in."""
    folder = tmp_path_factory.mktemp("shop")
    with open_store(f"ladybug://{folder}/kg.lbug") as store:
        fill(store, folder)
    return folder


def fill(store: GraphStore, folder: Path) -> pa.ChunkedArray:
    """Returns all users, in order."""
    ingest(stage("synthetic", [], folder / "in", now=NOW, options={"users": "120"}), store)
    store.ensure_schema({"User": pa.schema([("club", pa.string())])})
    users = store.export({"User": ()}, {}).nodes["User"]["userId"].sort()
    clubs = ["red", "blue", None] * (len(users) // 3)
    store.upsert("User", pa.table({"userId": users, "club": pa.array(clubs, pa.string())}))
    return users


def test_an_attribute_is_judged_and_not_kept(shop: Path) -> None:
    """The card has the rows; tables and store have what they would have without."""
    with open_store(f"ladybug://{shop}/kg.lbug") as store:
        before, known = store.counts(), store.attributes()
        asked = replace(TRAINING, predict="club")
        card = train_release(store, shop / "releases", asked, now=NOW)
        plain = train_release(store, shop / "releases", TRAINING, now=NOW + 1)
        assert (store.counts(), store.attributes()) == (before, known)
    rows = card.metrics["foretold"]
    assert [r["model"] for r in rows] == ["most frequent", "logistic on items", "profile"]
    assert {r["attribute"] for r in rows} == {"club"}
    assert all(0 <= r["macro_f1"] <= 1 and 0 <= r["auc"] <= 1 for r in rows)
    assert "foretold" not in plain.metrics
    with_it, without = (read_tables(shop / "releases", c.version) for c in (card, plain))
    assert {n: t.schema for n, t in with_it.items()} == {n: t.schema for n, t in without.items()}


def test_an_attribute_that_is_not_there(shop: Path) -> None:
    """Is an error before anything is trained; so is a vector or a list."""
    with (
        open_store(f"ladybug://{shop}/kg.lbug") as store,
        pytest.raises(ConfigError, match="no attribute 'gender' that could be foretold; there"),
    ):
        declared_values(store, "gender")


def test_who_objects_is_not_judged(tmp_path: Path) -> None:
    """Their values are read by nobody: the graph the model learns from is without them."""
    with open_store(f"ladybug://{tmp_path}/kg.lbug") as store:
        users = fill(store, tmp_path)
        store.upsert("User", pa.table({"userId": users[:15], "profiling": [False] * 15}))
        asked = replace(TRAINING, predict="club")
        card = train_release(store, tmp_path / "releases", asked, now=NOW)
    assert card.metrics["foretold"][0]["users"] == 70  # 80 of 120 say it, 10 of these object


def test_the_command(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KG_STORE", f"ladybug://{shop}/kg.lbug")
    monkeypatch.setenv("KG_ENCODER", "none")
    monkeypatch.delenv("KG_RELEASES", raising=False)
    asked = ["train", "--preset", "small", "--set", "epochs=1"]
    assert main([*asked, "--predict", "shoeSize"]) == 1
    assert "no attribute 'shoeSize'" in capsys.readouterr().err
    assert main([*asked, "--predict", "club", "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert card["metrics"]["foretold"]
    assert main(["evaluate"]) == 0
    assert "how well vectors foretell what some users declare" in capsys.readouterr().out
