"""Segments by another method than k-means, from training to readers, on both stores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from gnn.config import TrainConfig
from gnn.grouping import Method
from gnn.segments import NO_GROUP
from kg.account import account
from kg.errors import ConfigError
from kg.ingest import ingest
from kg.newcomer import profile_newcomer
from kg.publish import publish
from kg.queries import packaged
from kg.refresh import Refresher
from kg.releases import Card, read_card, versions
from kg.store import GraphStore, open_store
from kg.training import train_config, train_release
from loaders import stage
from loaders.interface import Staged
from tests.test_refresh import NOW, TRAINING

Shop = tuple[Staged, Path]


def asked(method: Method) -> TrainConfig:
    return TRAINING.config.model_copy(update={"segments": method})


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A small synthetic shop, staged, and a folder with releases of it: by HDBSCAN, then by
    Ward's clustering."""
    folder = tmp_path_factory.mktemp("shop")
    staged = stage("synthetic", [], folder / "in", now=NOW, options={"users": "150"})
    with open_store(f"ladybug://{folder}/kg.lbug") as store:
        ingest(staged, store)
        for second, method in enumerate(("hdbscan", "hierarchical")):
            training = replace(TRAINING, config=asked(method))
            train_release(store, folder / "releases", training, now=NOW + second)
    return staged, folder


@pytest.fixture(params=["ladybug", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def store(request: pytest.FixtureRequest, shop: Shop, tmp_path: Path) -> Iterator[GraphStore]:
    """With the shop in it, and nothing published."""
    if request.param == "neo4j":

        def fill(store: GraphStore) -> None:
            ingest(shop[0], store)

        graphs = request.getfixturevalue("neo4j_graphs")
        url = graphs.have("synthetic shop, not published", fill)
    else:
        (tmp_path / "kg.lbug").write_bytes((shop[1] / "kg.lbug").read_bytes())
        url = f"ladybug://{tmp_path}/kg.lbug"
    with open_store(url) as opened:
        yield opened


def card(folder: Path, place: int) -> Card:
    return read_card(folder / "releases", versions(folder / "releases")[place])


def segments(store: GraphStore) -> dict[str, str | None]:
    users = store.export({"User": ("segment",)}, {}).nodes["User"]
    return dict(zip(users["userId"].to_pylist(), users["segment"].to_pylist(), strict=True))


@pytest.mark.parametrize("place", [0, 1])
def test_a_refresh_and_a_query_agree_with_the_publish(
    store: GraphStore, shop: Shop, place: int
) -> None:
    """Everyone profiled anew stays in the segment, and `kg query segments` counts all of them."""
    version = card(shop[1], place).version
    publish(store, shop[1] / "releases", version, now=NOW, force="small shop")
    before = segments(store)
    query = packaged()["segments"].run(store, {}, max_rows=100)
    assert place or NO_GROUP in before.values()
    counted = sum(row["users"] for row in query.records())
    assert counted == len([s for s in before.values() if s is not None]) > 100
    ready = Refresher.open(store, shop[1] / "releases", TRAINING)
    ready.refresh(sorted(before), now=NOW)
    assert segments(store) == before


def test_the_card_has_the_method_beside_k_means(shop: Shop) -> None:
    """With silhouette and stability of each that was tried, and what each tells of choices."""
    for place, method in ((0, "hdbscan"), (1, "hierarchical")):
        said = card(shop[1], place)
        assert said.config["segments"] == method
        tried = said.metrics["segments_tried"]
        assert "kmeans" in {row["method"] for row in tried} <= {"kmeans", method}
        assert all({"silhouette", "stability"} < row.keys() for row in tried)
        judged = {row["grouping"] for row in said.metrics["segment_quality"]}
        assert {"profile", "k-means", "random"} <= judged


def test_a_newcomer_has_a_segment(shop: Shop, tmp_path: Path) -> None:
    """One of the release's, or none of the groups."""
    copy = tmp_path / "kg.lbug"
    copy.write_bytes((shop[1] / "kg.lbug").read_bytes())
    with open_store(f"ladybug://{copy}") as store:
        item = store.query("MATCH (i:Item) RETURN i.itemId AS id ORDER BY id LIMIT 1").rows[0][0]
        line = {"type": "PURCHASED", "itemId": item, "at": "2025-11-02"}
        told = account([json.dumps(line)], "account.jsonl")
        publish(store, shop[1] / "releases", card(shop[1], 0).version, now=NOW, force="small shop")
        known = set(segments(store).values())
        found = profile_newcomer(store, shop[1] / "releases", TRAINING, told, now=NOW)
    assert found.profile["segment"] in {*known, NO_GROUP} - {None}


def test_names_are_kept_from_one_method_to_the_next(shop: Shop, tmp_path: Path) -> None:
    """Of the same users, whatever grouped them."""
    copy = tmp_path / "kg.lbug"
    copy.write_bytes((shop[1] / "kg.lbug").read_bytes())
    with open_store(f"ladybug://{copy}") as store:
        publish(store, shop[1] / "releases", card(shop[1], 1).version, now=NOW, force="small shop")
        old = segments(store)
        store.upsert("User", pa.table({
            "userId": list(old), "segment": [s and f"the {s}" for s in old.values()],
        }))  # fmt: skip
        training = replace(TRAINING, config=asked("hierarchical"))
        again = train_release(store, tmp_path / "releases", training, now=NOW)
        publish(store, tmp_path / "releases", again.version, now=NOW, force="small shop")
        assert segments(store) == {u: s and f"the {s}" for u, s in old.items()}


def test_an_unknown_method_is_refused() -> None:
    """With the methods there are."""
    with pytest.raises(ConfigError, match="'kmeans', 'hierarchical' or 'hdbscan'"):
        train_config("small", {"segments": "som"})
