"""Users whose edges changed are profiled anew, and nobody else is touched."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnn.config import TrainConfig
from kg.cli import main
from kg.errors import NotFound, ReleaseError
from kg.ingest import ingest
from kg.privacy.consent import withdraw
from kg.privacy.erasure import forget, search
from kg.profile import USER_PROFILE
from kg.publish import publish, roll_back
from kg.refresh import Refresher
from kg.releases import versions
from kg.schema import EDGE_TABLES
from kg.stale import marks, waiting
from kg.store import GraphStore, WriteCount, open_store
from kg.training import Training, train_release
from loaders import stage
from loaders.interface import Staged

NOW = 1_780_000_000
TRAINING = Training(config=TrainConfig(dim=16, epochs=4, rank=8), encoder="none")
COLUMNS = tuple(p.name for p in USER_PROFILE)
OURS = [name for name, table in EDGE_TABLES.items() if table.type.written_by_us]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Staged, Path]:
    """A small synthetic shop, staged; and a folder with an embedded store of it in which a release
    is live, and another candidate."""
    folder = tmp_path_factory.mktemp("shop")
    staged = stage("synthetic", [], folder / "in", now=NOW, options={"users": "150"})
    with open_store(f"ladybug://{folder}/kg.lbug") as store:
        ingest(staged, store)
        for second in (0, 1):
            train_release(store, folder / "releases", TRAINING, now=NOW + second)
        publish(store, folder / "releases", versions(folder / "releases")[0], now=NOW)
    return staged, folder


@pytest.fixture(params=["ladybug", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def live(
    request: pytest.FixtureRequest, shop: tuple[Staged, Path], tmp_path: Path
) -> Iterator[GraphStore]:
    """A store of each kind with the release live; its releases are in `tmp_path`."""
    staged, folder = shop
    shutil.copytree(folder / "releases", tmp_path / "releases")
    if request.param == "neo4j":

        def fill(store: GraphStore) -> None:
            kept = Path(shutil.copytree(folder / "releases", tmp_path / "published"))
            ingest(staged, store)
            publish(store, kept, versions(kept)[0], now=NOW)

        graphs = request.getfixturevalue("neo4j_graphs")
        with open_store(graphs.have("synthetic shop, refreshed", fill)) as store:
            yield store
    else:
        shutil.copy(folder / "kg.lbug", tmp_path)
        with open_store(f"ladybug://{tmp_path}/kg.lbug") as store:
            yield store


def refresher(store: GraphStore, folder: Path) -> Refresher:
    return Refresher.open(store, folder / "releases", TRAINING)


def reviews(folder: Path, rows: list[tuple[str, str]], at: int = NOW - 1000) -> Staged:
    """Five-star reviews by users of items, as a file of a real layout."""
    lines = [
        {"reviewerID": user, "asin": item, "overall": 5.0, "reviewText": "fine",
         "unixReviewTime": at + n}
        for n, (user, item) in enumerate(rows)
    ]  # fmt: skip
    path = folder / "reviews.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return stage("amazon", [path], folder / "staged", now=NOW)


def users_and_items(store: GraphStore, n: int = 4) -> tuple[list[str], list[str]]:
    """Some with events, far apart."""
    users = store.query(
        "MATCH (u:User) WHERE u.evidenceCount > 8 RETURN u.userId AS id ORDER BY id"
    ).rows
    items = store.query("MATCH (i:Item) RETURN i.itemId AS id ORDER BY id").rows
    return [r[0] for r in users[:: len(users) // n]][:n], [r[0] for r in items[:n]]


def profiles(store: GraphStore) -> dict[str, dict]:
    found = store.export({"User": COLUMNS}, {}).nodes["User"]
    return {row["userId"]: row for row in found.to_pylist()}


def claims(store: GraphStore) -> dict[str, list[tuple]]:
    """All edges we infer, by user."""
    columns = {
        name: tuple(c for c in EDGE_TABLES[name].arrow.names if c not in ("src", "dst"))
        for name in OURS
    }
    snapshot = store.export({}, columns)
    keys = {label: table.column(0) for label, table in snapshot.nodes.items()}
    found: dict[str, list[tuple]] = {}
    for name in OURS:
        table = snapshot.edges[name]
        src = keys["User"].take(table["src"]).to_pylist()
        dst = keys[EDGE_TABLES[name].dst].take(table["dst"]).to_pylist()
        for who, whom, row in zip(src, dst, table.to_pylist(), strict=True):
            rest = tuple(str(row[c]) for c in columns[name])
            found.setdefault(who, []).append((name, whom, *rest))
    return {who: sorted(rows) for who, rows in found.items()}


def stale(store: GraphStore) -> set[str]:
    return set(marks(store)["userId"].to_pylist())


def close(mine: dict, theirs: dict) -> None:
    for name, value in theirs.items():
        exact = value is None or isinstance(value, str)
        assert mine[name] == (value if exact else pytest.approx(value, rel=1e-3, abs=1e-5)), name


def test_a_load_marks_the_users_it_bears_on(live: GraphStore, tmp_path: Path) -> None:
    """Those who acted, and nobody else."""
    users, items = users_and_items(live)
    ingest(reviews(tmp_path, [(users[0], items[0]), (users[2], items[1])]), live, now=NOW)
    assert stale(live) == {users[0], users[2]}


def test_a_load_of_what_is_known_marks_nobody_else(live: GraphStore, tmp_path: Path) -> None:
    """The same file again leaves nobody to look at."""
    users, items = users_and_items(live)
    staged = reviews(tmp_path, [(users[0], items[0])])
    ingest(staged, live, now=NOW)
    ready = refresher(live, tmp_path)
    ready.refresh_stale(now=NOW)
    before = profiles(live)[users[0]]
    assert ingest(staged, live, now=NOW)["REVIEWED"] == WriteCount(unchanged=1)
    assert (stale(live), waiting(live)) == (set(), 0)
    assert profiles(live)[users[0]] == before


def test_an_export_loaded_anew_marks_those_it_has_news_of(live: GraphStore, tmp_path: Path) -> None:
    """As each night: everything that was ever told, with one new event among it. Whoever was marked
    before stays so."""
    users, items = users_and_items(live)
    first, waits = tmp_path / "first", tmp_path / "waits"
    told = [(u, i) for u in users for i in items[:2]]
    first.mkdir(), waits.mkdir()
    ingest(reviews(first, told), live, now=NOW)
    refresher(live, tmp_path).refresh_stale(now=NOW)
    ingest(reviews(waits, [(users[3], items[3])], at=NOW - 500), live, now=NOW + 1)
    again = ingest(reviews(tmp_path, [*told, (users[1], items[2])]), live, now=NOW + 5)
    assert again["REVIEWED"] == WriteCount(created=1, unchanged=len(told))
    assert stale(live) == {users[1], users[3]}


def test_before_the_first_publish_nobody_is_marked(
    shop: tuple[Staged, Path], tmp_path: Path
) -> None:
    with open_store(f"ladybug://{tmp_path}/other.lbug") as store:
        ingest(shop[0], store, now=NOW)
        assert stale(store) == set()


def test_nobody_else_is_touched(live: GraphStore, tmp_path: Path) -> None:
    """Who acted and who reads them are renewed; every other profile and edge is as it was."""
    users, items = users_and_items(live)
    ingest(reviews(tmp_path, [(users[0], items[0]), (users[0], items[2])]), live, now=NOW)
    before, edges = profiles(live), claims(live)
    done = refresher(live, tmp_path).refresh_stale(now=NOW)
    after, new_edges = profiles(live), claims(live)
    readers = {
        r[0]
        for r in live.query(
            "MATCH (r:User)-[:FOLLOWS]->(u:User {userId: $id}) RETURN r.userId AS id "
            "UNION MATCH (r:User)-[:FRIEND_OF]-(u:User {userId: $id}) RETURN r.userId AS id",
            {"id": users[0]},
        ).rows
    }
    touched = {users[0]} | readers
    assert done.users == len(touched)
    assert stale(live) == set()
    assert after[users[0]]["profileAsOf"] > before[users[0]]["profileAsOf"]
    for user in before.keys() - touched:
        assert after[user] == before[user]
        assert new_edges.get(user) == edges.get(user)


def test_few_are_renewed_as_all_would_be(live: GraphStore, tmp_path: Path) -> None:
    """The changed users' profiles are those that a refresh of every user gives them."""
    users, items = users_and_items(live)
    ingest(reviews(tmp_path, [(u, i) for u in users[:2] for i in items]), live, now=NOW)
    ready = refresher(live, tmp_path)
    ready.refresh_stale(now=NOW)
    few, few_claims = profiles(live), claims(live)
    ready.refresh(sorted(few), now=NOW)
    everyone, all_claims = profiles(live), claims(live)
    for user in users[:2]:
        close(few[user], everyone[user])
        # similar users are looked for among the others as they stand: those were renewed too
        mine, theirs = (
            [c[:2] for c in found[user] if c[0] != "SIMILAR_TO"]
            for found in (few_claims, all_claims)
        )
        assert mine == theirs


def test_a_user_nothing_happened_to_keeps_the_profile(live: GraphStore, tmp_path: Path) -> None:
    """Renewed without a change, everything is as published."""
    users, _ = users_and_items(live)
    before, edges = profiles(live), claims(live)
    refresher(live, tmp_path).refresh(users, now=NOW)
    after, new_edges = profiles(live), claims(live)
    for user in users:
        close(after[user], before[user])
        assert [c[:2] for c in new_edges[user]] == [c[:2] for c in edges[user]]


def test_a_new_user_has_a_profile_at_once(live: GraphStore, tmp_path: Path) -> None:
    """Three reviews, one of an item nobody has seen: interests with evidence, similar users."""
    _, items = users_and_items(live)
    rows = [("stranger", items[0]), ("stranger", items[1]), ("stranger", "never seen")]
    ingest(reviews(tmp_path, rows), live, now=NOW)
    done = refresher(live, tmp_path).refresh_stale(now=NOW)
    assert (done.users, done.new_items) == (1, 1)
    profile = profiles(live)["stranger"]
    assert sum(x * x for x in profile["embedding"]) == pytest.approx(1, abs=1e-5)
    assert (profile["coldStart"], profile["evidenceCount"]) == ("events", 3)
    kinds = {c[0] for c in claims(live)["stranger"]}
    assert kinds == set(OURS)


def test_a_publish_leaves_marks_that_are_newer_than_its_training(
    live: GraphStore, tmp_path: Path
) -> None:
    """A load after the training is not in the release; one before it is."""
    users, items = users_and_items(live)
    ingest(reviews(tmp_path, [(users[0], items[0])]), live, now=NOW - 100)
    (tmp_path / "later").mkdir()
    rows = [(users[1], items[0]), ("stranger", items[1])]
    ingest(reviews(tmp_path / "later", rows), live, now=NOW + 100)
    publish(live, tmp_path / "releases", versions(tmp_path / "releases")[1], now=NOW + 200)
    assert stale(live) == {users[1], "stranger"}


def test_a_refreshed_profile_is_rolled_back_too(live: GraphStore, tmp_path: Path) -> None:
    """Rolling back gives what the release said, whatever was refreshed since."""
    users, items = users_and_items(live)
    before, edges = profiles(live), claims(live)
    ingest(reviews(tmp_path, [(users[0], items[0])]), live, now=NOW - 100)
    refresher(live, tmp_path).refresh_stale(now=NOW)
    roll_back(live, tmp_path / "releases", versions(tmp_path / "releases")[0], now=NOW + 5)
    assert profiles(live)[users[0]]["profileAsOf"] == before[users[0]]["profileAsOf"]
    assert claims(live)[users[0]] == edges[users[0]]


def test_erasing_a_user_marks_who_read_them(live: GraphStore, tmp_path: Path) -> None:
    """A part of the erased one's vector is in theirs until they are profiled anew."""
    followed, follower = live.query(
        "MATCH (a:User)-[:FOLLOWS]->(b:User) RETURN b.userId AS x, a.userId AS y ORDER BY x, y"
    ).rows[0]
    forget(live, tmp_path / "releases", [followed], now=NOW)
    assert follower in stale(live)
    assert followed not in stale(live)
    refresher(live, tmp_path).refresh_stale(now=NOW)
    cited = [c for c in claims(live)[follower] if f"FOLLOWS:{followed}" in str(c)]
    assert not cited
    assert stale(live) == set()
    assert search(live, tmp_path / "releases", [followed]).nothing


def test_an_unknown_user_is_named(live: GraphStore, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no user 'nobody'"):
        refresher(live, tmp_path).refresh(["nobody"], now=NOW)


def test_without_a_live_release_there_is_nothing_to_refresh_by(tmp_path: Path) -> None:
    with open_store(f"ladybug://{tmp_path}/empty.lbug") as store:
        store.ensure_schema()
        with pytest.raises(ReleaseError, match="no release is live"):
            refresher(store, tmp_path)


def test_many_users_go_in_blocks_with_one_moment(
    live: GraphStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every block's profiles are as of the same last event."""
    monkeypatch.setattr("kg.refresh.AT_ONCE", 1)
    users, items = users_and_items(live)
    ingest(reviews(tmp_path, [(u, items[0]) for u in users]), live, now=NOW)
    done = refresher(live, tmp_path).refresh(users, now=NOW)
    after = profiles(live)
    assert {after[u]["profileAsOf"] for u in users} == {done.as_of}
    assert done.as_of == NOW - 1000 + len(users)


def test_a_sample_is_enough_to_profile_everyone(live: GraphStore, tmp_path: Path) -> None:
    """Trained on two thirds of the users, published, then all refreshed: everyone has a profile,
    and communities are those of the whole graph."""
    some = replace(TRAINING, sample=100)
    card = train_release(live, tmp_path / "releases", some, now=NOW + 50)
    assert card.metrics["sample"] == {"users": 100, "of": 150, "friend_events": 200}
    whole = {u: p["community"] for u, p in profiles(live).items()}
    publish(live, tmp_path / "releases", card.version, now=NOW + 60, force="a small sample")
    sampled = {u for u, p in profiles(live).items() if p["modelVersion"] == card.version}
    assert len(sampled) == 100
    done = refresher(live, tmp_path).refresh_all(now=NOW + 70)
    after = profiles(live)
    assert done.users == len(after) == 150
    assert {p["modelVersion"] for p in after.values()} == {card.version}
    assert {u: p["community"] for u, p in after.items()} == whole
    acted = [u for u, p in after.items() if p["coldStart"] == "events"]
    assert all(sum(x * x for x in after[u]["embedding"]) > 0.1 for u in acted)
    similar = {c[1] for c in claims(live)[acted[0]] if c[0] == "SIMILAR_TO"}
    assert len(similar) == 10


def test_a_refresh_reads_as_much_of_friends_as_the_sample_did(
    live: GraphStore, tmp_path: Path
) -> None:
    """Published from a sample with two events a friend, then refreshed: the same vectors."""
    some = replace(TRAINING, sample=100, friend_events=2)
    card = train_release(live, tmp_path / "releases", some, now=NOW + 50)
    publish(live, tmp_path / "releases", card.version, now=NOW + 60, force="a small sample")
    before = {
        u: p["embedding"]
        for u, p in profiles(live).items()
        if p["modelVersion"] == card.version and p["coldStart"] == "events"
    }
    refresher(live, tmp_path).refresh(list(before), now=NOW + 70)
    after = profiles(live)
    apart = [np.abs(np.subtract(v, after[u]["embedding"])).max() for u, v in before.items()]
    assert len(apart) > 50
    assert max(apart) < 1e-5


def test_the_command(
    shop: tuple[Staged, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`kg refresh --json` says what it did; a second one finds nothing to do."""
    monkeypatch.setenv("KG_ENCODER", "none")
    shutil.copytree(shop[1] / "releases", tmp_path / "kg.lbug.releases")
    shutil.copy(shop[1] / "kg.lbug", tmp_path)
    url = f"ladybug://{tmp_path}/kg.lbug"
    with open_store(url) as store:
        users, items = users_and_items(store)
        ingest(reviews(tmp_path, [(users[0], items[0])]), store, now=NOW)
    assert main(["refresh", "--store", url, "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["users"] >= 1
    assert first["written"]["User"]["updated"] == first["users"]
    assert main(["refresh", "--store", url]) == 0
    assert capsys.readouterr().out.startswith("0 users profiled anew")


def test_the_graph_trained_on_is_not_changed_by_marks(live: GraphStore, tmp_path: Path) -> None:
    """A refresh writes profiles and nothing a training reads."""
    from kg.arrays import graph_hash, read_graph

    users, _ = users_and_items(live)
    before = graph_hash(read_graph(live))
    refresher(live, tmp_path).refresh(users, now=NOW)
    assert graph_hash(read_graph(live)) == before


def test_who_objects_is_not_profiled_again(live: GraphStore, tmp_path: Path) -> None:
    """Neither the user nor a part of the user in those who read them."""
    followed, follower = live.query(
        "MATCH (a:User)-[:FOLLOWS]->(b:User) RETURN b.userId AS x, a.userId AS y ORDER BY x, y"
    ).rows[0]
    withdraw(live, tmp_path / "releases", [followed], now=NOW)
    done = refresher(live, tmp_path).refresh_stale(now=NOW)
    assert done.users >= 1
    refresher(live, tmp_path).refresh([followed], now=NOW)
    assert profiles(live)[followed]["modelVersion"] is None
    assert followed not in claims(live)
    assert not [c for c in claims(live)[follower] if followed in str(c)]
