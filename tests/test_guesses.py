"""`kg train --predict ATTRIBUTE --write`: the likeliest value of users who declare none, from the
training to readers and away again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from kg.account import account
from kg.arrays import graph_hash, read_graph
from kg.cli import main
from kg.errors import ConfigError
from kg.guesses import vectors_of
from kg.ingest import ingest
from kg.newcomer import profile_newcomer
from kg.person import person
from kg.privacy.consent import withdraw
from kg.privacy.erasure import forget
from kg.privacy.subject import holdings
from kg.profile import GUESS
from kg.publish import publish, roll_back
from kg.refresh import Refresher
from kg.release_diff import release_diff
from kg.releases import read_card, read_tables, versions
from kg.store import GraphStore, open_store
from kg.training import train_release
from loaders import stage
from loaders.interface import Staged
from tests.test_refresh import NOW, TRAINING

Shop = tuple[Staged, Path]
ASKED = replace(TRAINING, predict="country", write=True)


def declare(store: GraphStore, values: dict[str, str | None]) -> None:
    table = pa.table({"userId": list(values), "country": pa.array(values.values(), pa.string())})
    store.upsert("User", table)


def declared(store: GraphStore) -> dict[str, str | None]:
    users = store.export({"User": ("country",)}, {}).nodes["User"]
    return dict(zip(users["userId"].to_pylist(), users["country"].to_pylist(), strict=True))


def planted(store: GraphStore, folder: Path) -> dict[str, str | None]:
    """Two of three users are of the country that their taste says; the third says none. Taste does
    not hang on it, so the next training finds it again."""
    card = train_release(store, folder / "looked", TRAINING, now=NOW)
    users = read_tables(folder / "looked", card.version)["users"]
    known = users.filter(pc.is_valid(users["embedding"]))
    vectors = vectors_of(known)
    centred = vectors - vectors.mean(axis=0)
    leading = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    says = np.where(leading > np.median(leading), "North", "South").astype(object)
    said = dict.fromkeys(users["userId"].to_pylist())
    said |= dict(zip(known["userId"].to_pylist(), says.tolist(), strict=True))
    (folder / "truth.json").write_text(json.dumps(said))
    return {u: None if n % 3 == 0 else v for n, (u, v) in enumerate(sorted(said.items()))}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A small synthetic shop, staged, and a folder with a store of it and two releases: one with
    guesses, one without."""
    folder = tmp_path_factory.mktemp("shop")
    staged = stage("synthetic", [], folder / "in", now=NOW, options={"users": "150"})
    with open_store(f"ladybug://{folder}/kg.lbug") as store:
        ingest(staged, store)
        declare(store, planted(store, folder))
        train_release(store, folder / "releases", ASKED, now=NOW)
        train_release(store, folder / "releases", TRAINING, now=NOW + 1)
    return staged, folder


@pytest.fixture(params=["ladybug", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def both(request: pytest.FixtureRequest, shop: Shop, tmp_path: Path) -> Iterator[GraphStore]:
    """A store of each kind with nothing published; its releases are in `tmp_path`."""
    staged, folder = shop
    shutil.copytree(folder / "releases", tmp_path / "releases")
    if request.param == "neo4j":
        with open_store(f"ladybug://{folder}/kg.lbug", read_only=True) as there:
            said = declared(there)

        def fill(store: GraphStore) -> None:
            ingest(staged, store)
            declare(store, said)

        url = request.getfixturevalue("neo4j_graphs").have("shop of two countries", fill)
    else:
        shutil.copy(folder / "kg.lbug", tmp_path)
        url = f"ladybug://{tmp_path}/kg.lbug"
    with open_store(url) as opened:
        yield opened


@pytest.fixture
def live(shop: Shop, tmp_path: Path) -> Iterator[GraphStore]:
    """An embedded store with the guessing release live; its releases are in `tmp_path`."""
    shutil.copytree(shop[1] / "releases", tmp_path / "releases")
    shutil.copy(shop[1] / "kg.lbug", tmp_path)
    with open_store(f"ladybug://{tmp_path}/kg.lbug") as store:
        publish(store, tmp_path / "releases", versions(tmp_path / "releases")[0], now=NOW)
        yield store


def guesses(store: GraphStore) -> dict[str, dict]:
    """Of those who have one."""
    users = store.export({"User": GUESS}, {}).nodes["User"].to_pylist()
    return {u["userId"]: u for u in users if any(u[name] is not None for name in GUESS)}


def test_guesses_live_and_go_with_their_release(both: GraphStore, tmp_path: Path) -> None:
    """Of users who declare none, as the release has them; not of the release without, and back with
    a rollback; a refresh says them again, but of a user who declares it by now."""
    folder = tmp_path / "releases"
    written, plain = versions(folder)
    publish(both, folder, written, now=NOW)
    first, says = guesses(both), declared(both)
    table = read_tables(folder, written)["users"].select(["userId", *GUESS])
    assert first == {r["userId"]: r for r in table.to_pylist() if r["predictedValue"]}
    assert {says[user] for user in first} == {None}
    assert len(first) > 40
    publish(both, folder, plain, now=NOW, force="small shop")
    assert guesses(both) == {}
    roll_back(both, folder, written, now=NOW)
    assert guesses(both) == first

    user, other = sorted(first)[:2]
    declare(both, {user: "North"})
    ready = Refresher.open(both, folder, ASKED)
    ready.refresh(sorted(first), now=NOW)
    again = guesses(both)
    assert again.keys() == first.keys() - {user}
    assert [again[u]["predictedValue"] for u in again] == [
        first[u]["predictedValue"] for u in again
    ]
    chances = [[g[u]["predictedChance"] for u in again] for g in (again, first)]
    assert chances[0] == pytest.approx(chances[1], rel=1e-3)
    ready.refresh([user, other], now=NOW)
    assert guesses(both).keys() == again.keys()


def test_a_load_of_the_users_own_word_takes_the_guess_away(
    both: GraphStore, shop: Shop, tmp_path: Path
) -> None:
    """At once, with no refresh: the source's file says everyone's country."""
    folder = tmp_path / "releases"
    publish(both, folder, versions(folder)[0], now=NOW)
    before = guesses(both)
    ingest(shop[0], both, now=NOW)
    says = declared(both)
    spoken = {user for user in before if says[user] is not None}
    assert spoken
    assert guesses(both) == {user: guess for user, guess in before.items() if user not in spoken}


def test_the_card_says_how_good_they_are(shop: Shop) -> None:
    """Beside the most frequent value, with the error of the chances, and how many were written."""
    card = read_card(shop[1] / "releases", versions(shop[1] / "releases")[0])
    (row,) = card.metrics["foretold_written"]
    assert row["right"] > row["most_frequent"]
    assert row["written"] > 40
    assert {"ece", "ece_by_chance", "macro_f1"} < row.keys()
    assert "predictedValue" not in card.metrics["unavailable"]


def test_they_are_right(live: GraphStore, shop: Shop) -> None:
    """Mostly, and about as often as their chances say."""
    truth = json.loads((shop[1] / "truth.json").read_text())
    found = guesses(live)
    assert {g["predictedAttribute"] for g in found.values()} == {"country"}
    right = np.mean([g["predictedValue"] == truth[user] for user, g in found.items()])
    chances = [g["predictedChance"] for g in found.values()]
    assert right > 0.7
    assert all(0.5 <= c <= 1 for c in chances)
    assert np.mean(chances) == pytest.approx(right, abs=0.15)


def test_they_are_no_interest_and_teach_nothing(live: GraphStore, tmp_path: Path) -> None:
    """Edges are those of the release without, and the next training's graph is as before."""
    one, other = (read_tables(tmp_path / "releases", v) for v in versions(tmp_path / "releases"))
    for name, table in one.items():
        if name.startswith("edges/"):
            drop = ["modelVersion"]
            assert table.drop_columns(drop).equals(other[name].drop_columns(drop)), name
    assert set(GUESS) & set(live.attributes()["User"].names) == set()
    before = graph_hash(read_graph(live))
    publish(live, tmp_path / "releases", versions(tmp_path / "releases")[1], now=NOW, force="x")
    assert graph_hash(read_graph(live)) == before


def test_a_profile_an_access_and_a_diff_have_them(live: GraphStore, tmp_path: Path) -> None:
    """With what they are a guess of."""
    user = min(guesses(live))
    profile = person(live, user).profile
    assert profile is not None
    assert profile["predictedAttribute"] == "country"
    held = holdings(live, tmp_path / "releases", user)
    assert held["properties"]["predictedValue"] == profile["predictedValue"]
    (row,) = held["releases"][versions(tmp_path / "releases")[0]]["users"]
    assert row["predictedChance"] == profile["predictedChance"]
    names = versions(tmp_path / "releases")
    tables = [(v, read_tables(tmp_path / "releases", v)) for v in names]
    changed = {p.name: p.changed for p in release_diff(*tables).properties}
    assert changed["predictedValue"] == len(guesses(live))


def test_who_objects_or_is_erased_has_none(live: GraphStore, tmp_path: Path) -> None:
    """In the store, and in no release; another publish does not bring it back."""
    folder = tmp_path / "releases"
    objects, erased = sorted(guesses(live))[:2]
    withdraw(live, folder, [objects], now=NOW)
    forget(live, folder, [erased], now=NOW)
    for _ in range(2):
        assert {objects, erased} & guesses(live).keys() == set()
        kept = read_tables(folder, versions(folder)[0])["users"]["userId"].to_pylist()
        assert {objects, erased} & set(kept) == set()
        publish(live, folder, versions(folder)[0], now=NOW, force="again")


def test_who_declares_between_training_and_publish_has_none(
    live: GraphStore, tmp_path: Path
) -> None:
    """The candidate is older than the user's word."""
    user = min(guesses(live))
    declare(live, {user: "South"})
    publish(live, tmp_path / "releases", versions(tmp_path / "releases")[0], now=NOW, force="again")
    assert user not in guesses(live)


def test_an_attribute_that_has_become_sensitive_is_guessed_no_more(
    live: GraphStore, tmp_path: Path
) -> None:
    """A refresh takes the guess away."""
    user = min(guesses(live))
    training = replace(TRAINING, sensitive=frozenset({"Country"}))
    Refresher.open(live, tmp_path / "releases", training).refresh([user], now=NOW)
    assert user not in guesses(live)


def test_a_newcomer_is_guessed(live: GraphStore, tmp_path: Path) -> None:
    """As a refresh would in the graph; who is told of by nothing is not."""
    item = live.query("MATCH (i:Item) RETURN i.itemId AS id ORDER BY id LIMIT 1").rows[0][0]
    found, nobody = (
        profile_newcomer(live, tmp_path / "releases", TRAINING, account([line], "file"), now=NOW)
        for line in (
            json.dumps({"type": "PURCHASED", "itemId": what, "at": "2025-11-02"})
            for what in (item, "an item that is not there")
        )
    )
    assert found.profile is not None
    assert nobody.profile is not None
    assert found.profile["predictedAttribute"] == "country"
    assert nobody.profile["predictedAttribute"] is None


def test_what_cannot_be_foretold_is_not_written(shop: Shop, tmp_path: Path) -> None:
    """Countries by lot: the card says why there are none, and the release has no such column."""
    shutil.copy(shop[1] / "kg.lbug", tmp_path)
    with open_store(f"ladybug://{tmp_path}/kg.lbug") as store:
        users = sorted(declared(store))
        lot = np.random.default_rng(1).choice(np.array(["A", "B", None], object), len(users))
        declare(store, dict(zip(users, lot.tolist(), strict=True)))
        card = train_release(store, tmp_path / "releases", ASKED, now=NOW)
    assert card.metrics["unavailable"]["predictedValue"].startswith("country: ")
    assert card.metrics["foretold_written"][0]["written"] == 0
    tables = read_tables(tmp_path / "releases", card.version)
    assert set(GUESS) & set(tables["users"].column_names) == set()
    assert not list((tmp_path / "releases").rglob("attribute.json"))


def test_what_is_refused(live: GraphStore, tmp_path: Path) -> None:
    """Before anything is trained: writing nothing in particular, and a sensitive attribute."""
    nothing = replace(TRAINING, write=True)
    private = replace(ASKED, sensitive=frozenset({"country"}))
    for training, says in ((nothing, "--predict ATTRIBUTE"), (private, "KG_SENSITIVE")):
        with pytest.raises(ConfigError, match=says):
            train_release(live, tmp_path / "other", training, now=NOW)
    assert versions(tmp_path / "other") == []


def test_the_command(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Says of how many it guesses; refuses --write alone and what is sensitive."""
    shutil.copy(shop[1] / "kg.lbug", tmp_path)
    monkeypatch.setenv("KG_STORE", f"ladybug://{tmp_path}/kg.lbug")
    monkeypatch.setenv("KG_ENCODER", "none")
    monkeypatch.delenv("KG_RELEASES", raising=False)
    asked = ["train", "--set", "dim=16", "--set", "epochs=4", "--set", "rank=8"]
    assert main([*asked, "--write"]) == 2
    assert "needs --predict ATTRIBUTE" in capsys.readouterr().err
    assert main([*asked, "--predict", "country", "--write"]) == 0
    assert "country is guessed of" in capsys.readouterr().out
    again = ["retrain", *asked[1:], "--predict", "country", "--write", "--force", "tiny"]
    assert main(again) == 0
    assert "country is guessed of" in capsys.readouterr().out
    monkeypatch.setenv("KG_SENSITIVE", "country")
    assert main([*asked, "--predict", "country", "--write"]) == 1
    assert "is sensitive (KG_SENSITIVE)" in capsys.readouterr().err
