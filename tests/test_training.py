"""From a store to a published release and back, on a small synthetic shop."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from gnn.config import TrainConfig
from kg.arrays import graph_hash, read_graph
from kg.cli import main
from kg.config import settings
from kg.doctor import examine
from kg.errors import ConfigError, GateFailed, NotFound, ReleaseError
from kg.gate_case import Thresholds
from kg.ingest import ingest
from kg.privacy.erasure import forget
from kg.publish import live_version, publish, roll_back
from kg.releases import Card, publications, read_tables, versions
from kg.store import GraphStore, open_store
from kg.text_vectors import item_text
from kg.training import Training, train_config, train_release
from loaders import stage

NOW = 1_780_000_000
CONFIG = TrainConfig(dim=16, epochs=4, rank=8)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store, kg.lbug, and two trained releases of it."""
    folder = tmp_path_factory.mktemp("shop")
    staged = stage("synthetic", [], folder / "in", now=NOW, options={"users": "150"})
    with open_store(f"ladybug://{folder}/kg.lbug") as store:
        ingest(staged, store)
        for second in (0, 1):
            train(store, folder, second)
    return folder


def train(store: GraphStore, folder: Path, second: int = 0, encoder: str = "none") -> Card:
    training = Training(config=CONFIG, encoder=encoder)
    return train_release(store, folder / "releases", training, now=NOW + second)


@pytest.fixture
def store(shop: Path, tmp_path: Path) -> Iterator[GraphStore]:
    """A copy of the store, so that each test writes for itself."""
    (tmp_path / "kg.lbug").write_bytes((shop / "kg.lbug").read_bytes())
    with open_store(f"ladybug://{tmp_path}/kg.lbug") as opened:
        yield opened


@pytest.fixture
def releases(shop: Path, tmp_path: Path) -> Path:
    """A copy of the releases."""
    import shutil

    return Path(shutil.copytree(shop / "releases", tmp_path / "releases"))


def interests(store: GraphStore) -> int:
    return store.counts().get("INTERESTED_IN.Category", 0)


def test_training_changes_nothing_for_readers(store: GraphStore) -> None:
    """A candidate is a folder; the store knows nothing of it."""
    assert live_version(store) is None
    assert interests(store) == 0


def test_two_trainings_agree(shop: Path) -> None:
    """The same graph, settings and seed give the same tables; only the version differs."""
    first, second = (read_tables(shop / "releases", v) for v in versions(shop / "releases"))
    for name, table in first.items():
        other = second[name]
        for dropped in ("modelVersion",):
            if dropped in table.column_names:
                table, other = table.drop_columns([dropped]), other.drop_columns([dropped])
        assert table.equals(other), name


def test_what_is_published_is_what_was_trained(store: GraphStore, releases: Path) -> None:
    """Every row of the release is in the graph, under its version."""
    done = publish(store, releases, now=NOW)
    tables = read_tables(releases, done.card.version)
    assert live_version(store) == done.card.version
    assert interests(store) == tables["edges/INTERESTED_IN.Category"].num_rows
    text = "MATCH (u:User) RETURN count(u.embedding) AS vectors, count(u.community) AS tied"
    users = tables["users"]
    expected = [users.num_rows - users[c].null_count for c in ("embedding", "community")]
    assert store.query(text).rows == [expected]


def test_a_publication_is_kept_with_its_gates(store: GraphStore, releases: Path) -> None:
    """The release remembers when it went live and what the gates said."""
    done = publish(store, releases, now=NOW)
    (kept,) = publications(releases, done.card.version)
    assert (kept.at, [g.gate for g in kept.gates]) == (NOW, [g.gate for g in done.gates])


def test_a_failed_gate_stops_before_anything_is_written(store: GraphStore, releases: Path) -> None:
    """The error names gate, figure and threshold; the graph is as before."""
    strict = Thresholds(effective_rank=1_000)
    with pytest.raises(GateFailed, match=r"not_collapsed: .*effective rank .*1000"):
        publish(store, releases, now=NOW, thresholds=strict)
    assert live_version(store) is None


def test_force_needs_a_reason_and_keeps_it(store: GraphStore, releases: Path) -> None:
    """An overridden gate is on the release node for every reader."""
    strict = Thresholds(effective_rank=1_000)
    publish(store, releases, now=NOW, force="first try", thresholds=strict)
    assert store.query("MATCH (r:ProfileRelease) RETURN r.forced AS f").rows == [["first try"]]


def test_a_segment_keeps_its_name_from_release_to_release(
    store: GraphStore, releases: Path
) -> None:
    """The one readers know as "night owls" is called so by the next training too."""
    publish(store, releases, versions(releases)[0], now=NOW)
    users = store.export({"User": ("segment",)}, {}).nodes["User"]
    first = pc.equal(users["segment"], users["segment"].drop_null()[0])
    owls = users.filter(first)["userId"]
    name = pa.array(["night owls"] * len(owls))
    store.upsert("User", pa.table({"userId": owls.combine_chunks(), "segment": name}))
    card = train(store, releases.parent, 9)
    found = read_tables(releases, card.version)["users"]
    again = found.filter(pc.equal(found["segment"], "night owls"))["userId"]
    assert set(again.to_pylist()) == set(owls.to_pylist())


def test_rolling_back(store: GraphStore, releases: Path) -> None:
    """The older release is live again; the newer one is retired."""
    old, new = versions(releases)
    publish(store, releases, old, now=NOW)
    publish(store, releases, new, now=NOW + 1)
    roll_back(store, releases, old, now=NOW + 2)
    text = "MATCH (r:ProfileRelease) RETURN r.version AS v, r.status AS s ORDER BY v"
    assert store.query(text).rows == [[old, "live"], [new, "retired"]]


def test_rolling_back_to_what_was_never_live_is_refused(store: GraphStore, releases: Path) -> None:
    """A candidate has to pass the gates first."""
    with pytest.raises(ReleaseError, match="was never live"):
        roll_back(store, releases, versions(releases)[0], now=NOW)


def test_a_release_does_not_change_what_is_trained_on(store: GraphStore, releases: Path) -> None:
    """Profiles, inferred edges and derived categories are no input of the next training."""
    before = graph_hash(read_graph(store))
    publish(store, releases, now=NOW)
    assert graph_hash(read_graph(store)) == before


def test_the_fingerprint_does_not_hang_on_order(store: GraphStore) -> None:
    """Equal graphs agree whatever order their rows are in; another row shows."""
    graph = read_graph(store)
    viewed = graph.behaviour["VIEWED"]
    turned = viewed.take(pa.array(range(viewed.num_rows - 1, -1, -1)))
    assert graph_hash(replace(graph, behaviour=graph.behaviour | {"VIEWED": turned})) == graph_hash(
        graph
    )
    fewer = viewed.slice(1)
    assert graph_hash(replace(graph, behaviour=graph.behaviour | {"VIEWED": fewer})) != graph_hash(
        graph
    )


def test_what_came_later_is_hidden(store: GraphStore) -> None:
    """`until` leaves out every event from that moment on."""
    times = pl.from_arrow(read_graph(store).behaviour["VIEWED"].select(["at"]))
    assert isinstance(times, pl.DataFrame)
    middle = int(times["at"].median() or 0)
    seen = read_graph(store, until=middle).behaviour["VIEWED"]["at"].to_numpy()
    assert seen.max() < middle
    assert len(seen) == times.filter(pl.col("at") < middle).height


def test_forgetting(store: GraphStore, releases: Path) -> None:
    """A forgotten user is in no table of any release and nowhere in the graph, also after an older
    release is made live again."""
    old, new = versions(releases)
    publish(store, releases, old, now=NOW)
    user = read_tables(releases, old)["users"]["userId"][0].as_py()
    done = forget(store, releases, [user], now=NOW)
    assert done.users == 1
    assert set(done.releases) == {old, new}
    for version in versions(releases):
        for name, table in read_tables(releases, version).items():
            held = [c for c in ("userId", "src", "dst") if c in table.column_names]
            assert all(user not in table[c].to_pylist() for c in held), name
    publish(store, releases, new, now=NOW + 1)
    text = "MATCH (u:User {userId: $user}) RETURN count(u) AS n"
    assert store.query(text, {"user": user}).rows == [[0]]


def test_forgetting_nobody_is_an_error(store: GraphStore, releases: Path) -> None:
    """A mistyped id is not taken for a person removed."""
    with pytest.raises(NotFound, match="none of 1 users"):
        forget(store, releases, ["nobody"], now=NOW)


def test_a_new_user_gets_a_profile_without_training(store: GraphStore, releases: Path) -> None:
    """The saved model profiles a user it has never seen, from the user's events alone."""
    from gnn.checkpoint import load_trained

    old = versions(releases)[0]
    viewed = read_graph(store).behaviour["VIEWED"]
    items = read_graph(store).items["itemId"].take(viewed["dst"].slice(0, 5)).to_pylist()
    store.upsert("User", pa.table({"userId": ["new"]}))
    events = {
        "src": ["new"] * 5,
        "dst": items,
        "eventId": [f"new{n}" for n in range(5)],
        "at": pa.array([NOW - n for n in range(5)], pa.int64()),
        "weight": [1.0] * 5,
    }
    store.upsert("VIEWED", pa.table(events))
    graph = read_graph(store)
    row = graph.users["userId"].to_pylist().index("new")
    encoded = load_trained(releases / old / "model").encode(graph)
    assert abs(float((encoded.user[row] ** 2).sum()) - 1) < 1e-4


def test_item_text() -> None:
    """Title, brand and description in one text; null where there is none of them."""
    items = pa.table(
        {
            "title": ["Pan", None, "", " Pot "],
            "brand": ["Acme", None, None, None],
            "description": [None, None, " ", "Round."],
        }
    )
    assert item_text(items).to_pylist() == ["Pan. Acme", None, None, "Pot. Round."]


@pytest.mark.parametrize(
    ("preset", "changes", "says"),
    [
        ("huge", {}, "small"),
        ("small", {"epochs": "many"}, "epochs"),
        ("small", {"colour": "red"}, "colour.*settings are dim"),
    ],
)
def test_a_wrong_setting_is_named(preset: str, changes: dict[str, str], says: str) -> None:
    """The error says which setting, and which there are."""
    with pytest.raises(ConfigError, match=says):
        train_config(preset, changes)


def test_doctor_finds_nothing_broken(store: GraphStore, releases: Path) -> None:
    """On a healthy machine with a store and releases nothing needs mending."""
    store.close()
    here = settings().model_copy(update={"releases": releases})
    found = {f.what: f.status for f in examine(here, store.url)}
    assert [what for what, status in found.items() if status == "broken"] == []
    assert found["store"] == found["releases"] == found["text encoder"] == "ok"


def test_doctor_names_a_broken_release(store: GraphStore, releases: Path) -> None:
    """A changed file is found, with what to do."""
    store.close()
    path = releases / versions(releases)[0] / "users.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    here = settings().model_copy(update={"releases": releases})
    (finding,) = (f for f in examine(here, store.url) if f.what == "releases")
    assert finding.status == "broken"
    assert "users.parquet" in finding.detail


def test_doctor_before_anything_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A newcomer is told what to run, and nothing counts as broken."""
    assert main(["doctor", "--store", f"ladybug://{tmp_path}/none.lbug", "--json"]) == 0
    found = {f["what"]: f for f in json.loads(capsys.readouterr().out)}
    assert found["store"]["status"] == "missing"
    assert "kg demo" in found["store"]["mend"]


def test_releases_are_listed(
    store: GraphStore, releases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`kg releases list` says which one readers see."""
    old, new = versions(releases)
    publish(store, releases, old, now=NOW)
    store.close()
    argv = ["releases", "list", "--store", store.url, "--releases", str(releases), "--json"]
    assert main(argv) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(r["version"], r["live"]) for r in rows] == [(old, True), (new, False)]
