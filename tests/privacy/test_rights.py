"""Access, retention and objection: what the person, the clock and the word "no" can ask for."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kg.arrays import read_graph, read_sample
from kg.cli import main
from kg.errors import NotFound
from kg.ingest import ingest
from kg.person import OBJECTS, person
from kg.privacy.consent import enforce, give, objectors, withdraw
from kg.privacy.erasure import forget
from kg.privacy.places import TEXT
from kg.privacy.retention import Retained, retain
from kg.privacy.subject import holdings
from kg.publish import publish
from kg.recommend import recommend
from kg.releases import read_tables
from kg.stale import marks
from loaders import stage
from tests import small_shop
from tests.privacy.conftest import Shop
from tests.privacy.test_erasure import cached, fill_cache
from tests.small_shop import ago

Output = pytest.CaptureFixture[str]
NOW = small_shop.AS_OF + 10
OURS = ("INTERESTED_IN.Category", "INTERESTED_IN.Item", "SIMILAR_TO")


def test_all_we_hold_is_given(shop: Shop) -> None:
    """Source and profile, each event with all it carries, ties both ways, releases."""
    with shop.open() as store:
        found = holdings(store, shop.releases, "ada")
    assert found["properties"]["country"] == "UK"
    assert found["properties"]["valueTier"] == "champion"
    (review,) = found["edges"]["REVIEWED"]
    assert (review["dst"], review["text"], review["helpful"]) == (
        "strings", "These strings sing.", 4,
    )  # fmt: skip
    assert {(t["src"], t["dst"]) for t in found["edges"]["FOLLOWS"]} == {
        ("ada", "ben"), ("ben", "ada"), ("eve", "ada"), ("dan", "ada"),
    }  # fmt: skip
    assert found["edges"]["INTERESTED_IN.Category"][0]["topEvidence"]
    released = found["releases"][small_shop.VERSION]
    assert {"users", "edges/SIMILAR_TO", "model/kept_interactions"} <= set(released)


def test_access_knows_as_many_edges_as_an_erasure_removes(shop: Shop) -> None:
    with shop.open() as store:
        held = {k: len(v) for k, v in holdings(store, shop.releases, "ben")["edges"].items()}
        assert held == forget(store, shop.releases, ["ben"], now=NOW).edges


def test_a_stranger_has_nothing(shop: Shop) -> None:
    with shop.open() as store, pytest.raises(NotFound, match="nobody"):
        holdings(store, shop.releases, "nobody")


def test_export_user_is_json_and_goes_with_an_erasure(shop: Shop, capsys: Output) -> None:
    assert main(["export-user", "ada"]) == 0
    assert json.loads(capsys.readouterr().out)["userId"] == "ada"
    assert main(["export-user", "ada", "-o", "ada.json"]) == 0
    assert main(["forget", "ada", "--yes"]) == 0
    assert not Path("ada.json").exists()


def kept(shop: Shop, days: int) -> Retained:
    with shop.open() as store:
        return retain(store, shop.home / TEXT, before=ago(days), now=NOW)


def test_old_events_go(shop: Shop) -> None:
    """Those before the moment, of every kind; events without a time and users stay."""
    done = kept(shop, 30)
    assert done.events == {"PURCHASED": 4, "REVIEWED": 1}
    with shop.open() as store:
        counts = store.counts()
        first = store.query("MATCH ()-[e:PURCHASED]->() RETURN min(e.at)").rows
    assert (counts["PURCHASED"], counts["RATED"], counts["RETURNED"]) == (5, 1, 1)
    assert counts["User"] == 9
    assert first == [[ago(20)]]


def test_a_second_retention_finds_nothing(shop: Shop) -> None:
    kept(shop, 30)
    assert kept(shop, 30).events == {}


def test_whose_events_went_are_stale(shop: Shop) -> None:
    """And those who read them."""
    kept(shop, 150)  # dan's piano and its review
    with shop.open() as store:
        assert set(marks(store)["userId"].to_pylist()) == {"dan", "cleo"}


def test_texts_that_went_leave_no_vector(shop: Shop) -> None:
    fill_cache(shop, "Two keys broke in a week.", "These strings sing.")
    assert kept(shop, 150).texts == 1
    assert not cached(shop, "Two keys broke in a week.")
    assert cached(shop, "These strings sing.")


def test_much_goes_some_at_a_time(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kg.privacy.retention.AT_ONCE", 2)
    assert kept(shop, 30).events == {"PURCHASED": 4, "REVIEWED": 1}


def test_the_retain_command(shop: Shop, capsys: Output) -> None:
    assert main(["retain", "--older-than", "soon", "--yes"]) == 2
    capsys.readouterr()
    assert main(["retain", "--older-than", "100d", "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["events"]["PURCHASED"] == 9


def objected(shop: Shop, *users: str) -> dict[str, int]:
    with shop.open() as store:
        return withdraw(store, shop.releases, users, now=NOW)


def of_user(shop: Shop, user: str) -> dict[str, int]:
    """Edges we inferred from or to a user."""
    with shop.open() as store:
        edges = holdings(store, shop.releases, user)["edges"]
    return {name: len(edges[name]) for name in OURS if name in edges}


def test_an_objection_takes_the_profile_at_once(shop: Shop) -> None:
    """Interests, similar users in both directions, every property of the profile."""
    objected(shop, "ada")
    assert of_user(shop, "ada") == {}
    with shop.open() as store:
        properties = holdings(store, shop.releases, "ada")["properties"]
    assert properties == {
        "userId": "ada", "createdAt": ago(400), "country": "UK", "profiling": False,
    }  # fmt: skip


def test_others_keep_their_profiles(shop: Shop) -> None:
    objected(shop, "ada")
    assert of_user(shop, "ben") == {
        "INTERESTED_IN.Category": 2, "INTERESTED_IN.Item": 1, "SIMILAR_TO": 2,
    }  # fmt: skip


def test_who_read_the_objector_is_stale(shop: Shop) -> None:
    objected(shop, "ada")
    with shop.open() as store:
        stale = set(marks(store)["userId"].to_pylist())
    assert stale == {"ben", "eve", "dan", "gus"}


def test_training_does_not_see_objectors(shop: Shop) -> None:
    """Neither the user nor what the user did, whole or as a sample."""
    objected(shop, "ada")
    with shop.open() as store:
        graph = read_graph(store)
        sample, drawn = read_sample(store, 8, seed=1)
    for seen in (graph, sample):
        assert "ada" not in seen.users["userId"].to_pylist()
        assert seen.behaviour["PURCHASED"].num_rows == 6
        assert seen.social["FOLLOWS"].num_rows == 0
        assert seen.users.num_rows == 8
    assert "ada" not in drawn.to_pylist()


def test_an_older_release_is_published_without_objectors(shop: Shop) -> None:
    with shop.open() as store:
        store.query("MATCH (u:User {userId: 'ada'}) SET u.profiling = false", read_only=False)
        publish(store, shop.releases, small_shop.VERSION, now=NOW, force="test")
    assert of_user(shop, "ada") == {}
    assert of_user(shop, "ben")["INTERESTED_IN.Category"] == 2


def test_releases_lose_their_rows(shop: Shop) -> None:
    objected(shop, "ada")
    for table in read_tables(shop.releases, small_shop.VERSION).values():
        assert "'ada'" not in str(table.to_pylist())


def test_exports_leave_objectors_out(shop: Shop) -> None:
    """The user and all edges of the user."""
    objected(shop, "ada")
    assert main(["export", "out"]) == 0
    for path in Path("out").iterdir():
        assert "'ada'" not in str(pq.read_table(path).to_pylist()), path.name
    assert pq.read_table("out/User.parquet").num_rows == 8


def test_an_objection_can_be_taken_back(shop: Shop) -> None:
    """The next refresh profiles the user again."""
    objected(shop, "ada")
    with shop.open() as store:
        give(store, ["ada"], now=NOW)
        assert objectors(store).to_pylist() == []
        assert "ada" in marks(store)["userId"].to_pylist()


def test_who_objects_is_shown_what_is_popular(shop: Shop) -> None:
    """Neither own items nor friends say anything to somebody who may not be profiled."""
    objected(shop, "ada")
    with shop.open() as store:
        found = recommend(store, "ada", 3)
    assert found.says == "The user objects to being profiled: chosen by what is popular."
    assert {item.source for item in found.items} == {"popular"}


def test_the_reader_of_a_profile_is_told_of_the_objection(shop: Shop) -> None:
    """A missing profile of somebody who objects is not for a refresh to mend."""
    objected(shop, "ada")
    with shop.open() as store:
        found = person(store, "ada")
    assert found.profile is None
    assert found.notes == [OBJECTS]


def test_an_unknown_user_changes_nothing(shop: Shop) -> None:
    with shop.open() as store, pytest.raises(NotFound, match="nothing was changed"):
        withdraw(store, shop.releases, ["ada", "nobody"], now=NOW)
    assert of_user(shop, "ada")


MEMBERS = """
title = "members"
[[files]]
match = "members.csv"
holds = "members"
[[files.nodes]]
label = "User"
key = "id"
set.profiling = "consent"
"""


def test_a_column_of_the_source_says_so(shop: Shop, tmp_path: Path) -> None:
    """Whoever has a profile loses it with the load."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "shop.toml").write_text(MEMBERS)
    (tmp_path / "in" / "members.csv").write_text("id,consent\nada,no\nben,yes\nnew,no\n")
    staged = stage("tabular", [tmp_path / "in"], tmp_path / "out", now=1_700_000_000,
                   options={"mapping": str(tmp_path / "in" / "shop.toml")})  # fmt: skip
    with shop.open() as store:
        ingest(staged, store, now=NOW)
        assert objectors(store).to_pylist() == ["ada", "new"]
    assert of_user(shop, "ada") == {}
    assert of_user(shop, "ben")["SIMILAR_TO"] == 2


def test_enforcing_twice_changes_nothing(shop: Shop) -> None:
    objected(shop, "ada")
    with shop.open() as store:
        before = store.counts()
        enforce(store, now=NOW)
        assert store.counts() == before


@pytest.mark.parametrize("few", [0, 1_000])
def test_objectors_among_some_are_found_either_way(
    shop: Shop, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their keys, or among all; of nobody there is none."""
    objected(shop, "ada")
    monkeypatch.setattr("kg.privacy.consent.FEW", few)
    with shop.open() as store:
        assert objectors(store, pa.array(["ben", "ada", "nobody"])).to_pylist() == ["ada"]
        monkeypatch.setattr("kg.privacy.consent.FEW", 1_000)
        assert objectors(store, pa.array(["ben"])).to_pylist() == []
        assert objectors(store, pa.array([], pa.string())).to_pylist() == []


def test_the_consent_commands(shop: Shop, capsys: Output) -> None:
    Path("no.txt").write_text("ada\nben\n")
    assert main(["consent", "withdraw", "--file", "no.txt", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["users"] == 2
    assert main(["consent", "give", "ben", "--json"]) == 0
    with shop.open() as store:
        assert objectors(store).to_pylist() == ["ada"]
