"""Vectors for an index of inner products: they rank as the release does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import gnn.train
import kg.retrieval
from gnn.config import TrainConfig
from gnn.retrieval import product_scores
from kg.arrays import read_graph
from kg.audit import Act, append
from kg.cli import main
from kg.config import Settings
from kg.errors import ConfigError, ReleaseError
from kg.ingest import ingest
from kg.privacy.consent import withdraw
from kg.privacy.erasure import forget, search
from kg.publish import publish
from kg.refresh import live_model
from kg.releases import versions
from kg.retrieval import export_retrieval
from kg.store import GraphStore, open_store
from kg.training import Training, train_release
from loaders import stage
from loaders.interface import Staged

NOW = 1_780_000_000
TRAINING = Training(config=TrainConfig(dim=16, epochs=2, rank=8), encoder="none")
WEIGHT = 2.0


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Staged, Path]:
    """A small synthetic shop, staged; and a folder with an embedded store of it whose release has
    the band beside the encoder."""
    folder = tmp_path_factory.mktemp("shop")
    staged = stage("synthetic", [], folder / "in", now=NOW, options={"users": "150"})
    with open_store(f"ladybug://{folder}/kg.lbug") as store, pytest.MonkeyPatch.context() as patch:
        patch.setattr(gnn.train, "choose_weight", lambda *_: (WEIGHT, {"users": 0}))
        ingest(staged, store)
        train_release(store, folder / "releases", TRAINING, now=NOW)
        publish(store, folder / "releases", versions(folder / "releases")[0], now=NOW)
    return staged, folder


@pytest.fixture
def own(shop: tuple[Staged, Path], tmp_path: Path) -> Iterator[GraphStore]:
    """The embedded store, to change; its releases are in `tmp_path`."""
    shutil.copytree(shop[1] / "releases", tmp_path / "releases")
    shutil.copy(shop[1] / "kg.lbug", tmp_path)
    with open_store(f"ladybug://{tmp_path}/kg.lbug") as store:
        yield store


def ranked(folder: Path) -> tuple[list[str], list[str], np.ndarray]:
    users, items = (pl.read_parquet(folder / f"{name}.parquet") for name in ("users", "items"))
    user, item = (np.load(folder / f"{name}.npy") for name in ("users", "items"))
    for table, array in ((users, user), (items, item)):
        assert array.dtype == np.float32
        assert np.array_equal(np.array(table["vector"].to_list(), np.float32), array)
    return users["userId"].to_list(), items["itemId"].to_list(), user @ item.T


def expected(store: GraphStore, releases: Path) -> tuple[list[str], np.ndarray]:
    """By the live model, looking at the whole graph."""
    _, kept = live_model(store, releases)
    graph = read_graph(store)
    scorer = kept.trained.scorer(graph)
    users = np.arange(graph.users.num_rows)
    scores = product_scores(scorer, users, scorer.encoder_scores(users), WEIGHT)
    return graph.users["userId"].to_pylist(), scores.cpu().numpy()


def test_products_are_the_models_scores(
    own: GraphStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all users and items, in whatever blocks they are written."""
    monkeypatch.setattr(kg.retrieval, "AT_ONCE", 40)
    done = export_retrieval(own, tmp_path / "releases", tmp_path / "out")
    users, items, found = ranked(tmp_path / "out")
    assert done == {"users": len(users), "items": len(items)}
    ids, scores = expected(own, tmp_path / "releases")
    theirs = scores[[ids.index(u) for u in users]]
    assert found == pytest.approx(theirs, abs=2e-3)
    assert np.corrcoef(found.ravel(), theirs.ravel())[0, 1] > 0.999999


@pytest.mark.neo4j
def test_a_server_gives_the_same(
    shop: tuple[Staged, Path], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The same graph and release, the same files."""
    staged, folder = shop
    shutil.copytree(folder / "releases", tmp_path / "releases")

    def fill(store: GraphStore) -> None:
        kept = Path(shutil.copytree(folder / "releases", tmp_path / "published"))
        ingest(staged, store)
        publish(store, kept, versions(kept)[0], now=NOW)

    graphs = request.getfixturevalue("neo4j_graphs")
    with open_store(graphs.have("synthetic shop, retrieval", fill)) as store:
        export_retrieval(store, tmp_path / "releases", tmp_path / "there")
    with open_store(f"ladybug://{folder}/kg.lbug", read_only=True) as store:
        export_retrieval(store, tmp_path / "releases", tmp_path / "here")
    there, here = ranked(tmp_path / "there"), ranked(tmp_path / "here")
    assert there[:2] == here[:2]
    assert np.array_equal(there[2], here[2])


def test_without_a_weight_the_encoder_stands_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the command line: `dim` numbers and the bias."""
    monkeypatch.setenv("KG_STORE", f"ladybug://{tmp_path}/kg.lbug")
    monkeypatch.setenv("KG_HOME", str(tmp_path / "home"))
    assert main(["load", "synthetic", "--option", "users=80"]) == 0
    quick = ["--set", "dim=8", "--set", "epochs=1", "--set", "rank=0", "--encoder", "none"]
    assert main(["retrain", *quick, "--force", "test"]) == 0, capsys.readouterr().err
    capsys.readouterr()
    out = tmp_path / "out"
    assert main(["export", "--format", "retrieval", "--json", str(out)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["rows"]["items"] == len(np.load(out / "items.npy"))
    assert np.load(out / "users.npy").shape == (said["rows"]["users"], 9)


def test_items_of_sensitive_categories_are_not_offered(own: GraphStore, tmp_path: Path) -> None:
    """Nor those of categories below; users' vectors are what they were."""
    top = own.query(
        "MATCH (i:Item)-[:IN_CATEGORY]->(:Category)-[:CHILD_OF]->(c:Category) "
        "RETURN c.categoryId, count(DISTINCT i) ORDER BY c.categoryId LIMIT 1"
    ).rows[0]
    under = own.query(
        "MATCH (i:Item)-[:IN_CATEGORY]->(:Category)-[:CHILD_OF]->(c:Category {categoryId: $id}) "
        "RETURN DISTINCT i.itemId",
        {"id": top[0]},
    )
    hidden = {row[0] for row in under.rows}
    releases = tmp_path / "releases"
    export_retrieval(own, releases, tmp_path / "all")
    export_retrieval(own, releases, tmp_path / "out", sensitive=frozenset({top[0]}))
    users, items, scores = ranked(tmp_path / "all")
    same, offered, found = ranked(tmp_path / "out")
    assert hidden
    assert offered == [i for i in items if i not in hidden]
    assert same == users
    stay = [i not in hidden for i in items]
    assert found == pytest.approx(scores[:, stay], abs=1e-5)


def test_where_all_is_sensitive_it_says_so(own: GraphStore, tmp_path: Path) -> None:
    """And nothing is written."""
    every = own.query("MATCH (c:Category) RETURN c.categoryId").rows
    hidden = frozenset(row[0] for row in every)
    with pytest.raises(ConfigError, match="all items are in sensitive categories"):
        export_retrieval(own, tmp_path / "releases", tmp_path / "out", sensitive=hidden)
    assert not (tmp_path / "out").exists()


def test_who_objects_is_not_there(own: GraphStore, tmp_path: Path) -> None:
    """Neither as a row nor as a vector; the others' are what they were."""
    export_retrieval(own, tmp_path / "releases", tmp_path / "before")
    users, _, scores = ranked(tmp_path / "before")
    withdraw(own, tmp_path / "releases", users[:1], now=NOW)
    export_retrieval(own, tmp_path / "releases", tmp_path / "out")
    left, _, found = ranked(tmp_path / "out")
    assert left == users[1:]
    assert found == pytest.approx(scores[1:], abs=1e-5)


def test_erasing_a_user_takes_the_rows_out(
    own: GraphStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of table and array, which still stand together."""
    monkeypatch.setenv("KG_HOME", str(tmp_path / "home"))
    releases, chosen = tmp_path / "releases", Settings(home=tmp_path / "home")
    export_retrieval(own, releases, tmp_path / "out")
    users, _, scores = ranked(tmp_path / "out")
    files = [str(tmp_path / "out")]
    append(
        tmp_path / "home", Act(at="", user="", command="export", store=own.url, files=files)
    )  # fmt: skip
    assert set(search(own, releases, users[3:4], chosen).files) == set(files)
    forget(own, releases, users[3:4], now=NOW, chosen=chosen)
    assert search(own, releases, users[3:4], chosen).files == {}
    left, _, found = ranked(tmp_path / "out")
    assert left == users[:3] + users[4:]
    assert found == pytest.approx(np.delete(scores, 3, axis=0), abs=1e-5)


def test_without_a_release_it_says_what_to_do(shop: tuple[Staged, Path], tmp_path: Path) -> None:
    """And nothing is written."""
    with open_store(f"ladybug://{tmp_path}/kg.lbug") as store:
        ingest(shop[0], store)
        with pytest.raises(ReleaseError, match="kg train"):
            export_retrieval(store, tmp_path / "releases", tmp_path / "out")
    assert not (tmp_path / "out").exists()
