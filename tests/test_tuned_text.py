"""A release whose text encoder was tuned on the shop's own reviews."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from gnn.config import TrainConfig
from kg.account import read_account
from kg.arrays import read_graph
from kg.errors import ConfigError, ReleaseError
from kg.ingest import ingest
from kg.newcomer import profile_newcomer
from kg.publish import publish
from kg.refresh import Refresher
from kg.releases import read_card, verify, versions
from kg.store import GraphStore, open_store
from kg.text_vectors import ENCODER, encode_text
from kg.training import Training, train_release
from loaders import stage
from tests.gnn.tiny_encoder import tiny_bert

NOW = 1_780_000_000


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Training]:
    """A store, a live release with an encoder of its own, and how it was trained."""
    folder = tmp_path_factory.mktemp("shop")
    options = {"users": "250", "events": "9000"}
    staged = stage("synthetic", [], folder / "in", now=NOW, options=options)
    config = TrainConfig(dim=16, epochs=3, rank=4, tune_text=1)
    training = Training(config=config, encoder=str(tiny_bert(folder / "encoder")))
    with open_store(f"ladybug://{folder}/kg.lbug") as store:
        ingest(staged, store)
        train_release(store, folder / "releases", training, now=NOW)
        publish(store, folder / "releases", now=NOW, force="test")
    return folder, training


@pytest.fixture
def live(shop: tuple[Path, Training], tmp_path: Path) -> Iterator[tuple[GraphStore, Path]]:
    folder, _ = shop
    shutil.copy(folder / "kg.lbug", tmp_path)
    shutil.copytree(folder / "releases", tmp_path / "releases")
    with open_store(f"ladybug://{tmp_path}/kg.lbug") as store:
        yield store, tmp_path / "releases"


def test_the_card_says_what_was_tuned(shop: tuple[Path, Training]) -> None:
    releases = shop[0] / "releases"
    (version,) = versions(releases)
    card = read_card(releases, version)
    tuning = card.metrics["text_tuning"]
    assert (tuning["layers"], tuning["seed"]) == (1, 7)
    assert tuning["pairs"] >= 128
    assert card.encoder != tuning["of"]
    assert str(shop[0]) not in card.model_dump_json().replace(card.store, "")


def test_a_refresh_reads_with_the_releases_own_encoder(
    live: tuple[GraphStore, Path], shop: tuple[Path, Training]
) -> None:
    """Whatever encoder is named: vectors of two encoders would not agree."""
    store, releases = live
    named = replace(shop[1], encoder="minilm", config=TrainConfig())
    users = store.query(
        "MATCH (u:User)-[r:REVIEWED]->(:Item) WHERE r.text IS NOT NULL "
        "RETURN DISTINCT u.userId AS u, u.embedding AS e ORDER BY u LIMIT 3"
    ).rows
    Refresher.open(store, releases, named).refresh([u for u, _ in users], now=NOW)
    for user, before in users:
        text = "MATCH (u:User {userId: $u}) RETURN u.embedding AS e"
        (after,) = store.query(text, {"u": user}).rows[0]
        assert after == pytest.approx(before, abs=1e-4)


def test_a_newcomer_is_read_with_it(
    live: tuple[GraphStore, Path], shop: tuple[Path, Training], tmp_path: Path
) -> None:
    store, releases = live
    told = tmp_path / "events.jsonl"
    told.write_text(json.dumps({"type": "REVIEWED", "text": "great guitar", "rating": 5}) + "\n")
    named = replace(shop[1], encoder="minilm")
    person = profile_newcomer(store, releases, named, read_account(told), now=NOW)
    assert person.categories


def test_an_encoder_that_was_changed_is_not_used(
    live: tuple[GraphStore, Path], shop: tuple[Path, Training]
) -> None:
    store, releases = live
    folder = releases / versions(releases)[0]
    verify(folder)
    weights = folder / "model" / ENCODER / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(ReleaseError, match=r"model\.safetensors is not the file"):
        Refresher.open(store, releases, shop[1])


def test_a_training_that_is_gone_on_with_keeps_its_encoder(
    live: tuple[GraphStore, Path], shop: tuple[Path, Training], tmp_path: Path
) -> None:
    """And another training's is made anew."""
    graph = read_graph(live[0])
    work = tmp_path / "work"
    work.mkdir()
    said: list[str] = []

    def told(label: str, done: int, total: int | None) -> None:
        said.append(label)

    first = encode_text(graph, shop[1], told, work)
    assert "tuning the text encoder" in said
    said.clear()
    again = encode_text(graph, shop[1], told, work)
    assert "tuning the text encoder" not in said
    assert again.fingerprint == first.fingerprint
    assert again.tuning == first.tuning
    earlier = shop[1].config.model_copy(update={"test": 0.2})  # more is held out
    for other in (replace(shop[1], seed=8), replace(shop[1], config=earlier)):
        said.clear()
        assert encode_text(graph, other, told, work).fingerprint != first.fingerprint
        assert "tuning the text encoder" in said


@pytest.mark.parametrize(
    ("kept", "said"), [(0, "there are no reviews"), (50, r"\d+ reviews .* tuning needs 128")]
)
def test_too_few_reviews(
    live: tuple[GraphStore, Path], shop: tuple[Path, Training], kept: int, said: str
) -> None:
    graph = read_graph(live[0])
    reviews = graph.behaviour["REVIEWED"]
    few = pc.less(pa.array(range(reviews.num_rows)), kept)
    text = pc.if_else(few, reviews["text"], pa.scalar(None, pa.string()))
    place = reviews.column_names.index("text")
    changed = graph.behaviour | {"REVIEWED": reviews.set_column(place, "text", text)}
    with pytest.raises(ConfigError, match=f"tune_text: {said}"):
        encode_text(replace(graph, behaviour=changed), shop[1])
