"""Profiles of people who are not in the graph: what they would be if they were, and nothing
written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kg.account import Entry, account
from kg.cli import main
from kg.config import settings
from kg.errors import InputError, ReleaseError
from kg.ingest import ingest
from kg.newcomer import profile_newcomer
from kg.person import Person, person
from kg.privacy.consent import withdraw
from kg.publish import publish
from kg.releases import versions
from kg.schema import BEHAVIOURS, SOCIAL
from kg.store import GraphStore, open_store
from loaders.interface import Staged
from tests.neo4j_server.wipe import wipe
from tests.test_refresh import NOW, TRAINING, shop, users_and_items

__all__ = ["shop"]


@pytest.fixture(scope="module", params=["ladybug", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def desk(
    request: pytest.FixtureRequest, shop: tuple[Staged, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[str, Path]:  # fmt: skip
    """URL of a store of each kind with the release live, to read; and the folder of its
    `releases`."""
    staged, folder = shop
    into = tmp_path_factory.mktemp("desk")
    shutil.copytree(folder / "releases", into / "releases")
    if request.param != "neo4j":
        shutil.copy(folder / "kg.lbug", into)
        return f"ladybug://{into}/kg.lbug", into
    url = str(request.getfixturevalue("neo4j_url"))
    wipe(url)
    with open_store(url) as store:
        ingest(staged, store)
        publish(store, into / "releases", versions(into / "releases")[0], now=NOW)
    return url, into


@pytest.fixture
def reader(desk: tuple[str, Path]) -> Iterator[GraphStore]:
    with open_store(desk[0], read_only=True) as store:
        yield store


@pytest.fixture
def folder(desk: tuple[str, Path]) -> Path:
    return desk[1]


_PROPERTIES = ("at", "weight", "rating", "title", "text", "quantity", "price", "orderId")


def entries_of(store: GraphStore, user: str) -> list[Entry]:
    """What the graph has of a user, as a file would tell it."""
    rows = store.query(
        f"MATCH (u:User {{userId: $u}})-[e:{'|'.join(BEHAVIOURS)}]->(i:Item) "
        f"RETURN {'label' if store.dialect == 'ladybug' else 'type'}(e) AS type, i.itemId AS itemId, "  # noqa: E501
        + ", ".join(f"e.{p} AS {p}" for p in _PROPERTIES),
        {"u": user},
    ).records()
    for kind in SOCIAL:
        arrow = "->" if kind == "FOLLOWS" else "-"
        found = store.query(
            f"MATCH (u:User {{userId: $u}})-[:{kind}]{arrow}(v:User) RETURN v.userId AS userId",
            {"u": user},
        ).records()
        rows += [{"type": kind, **row} for row in found]
    lines = [json.dumps({k: v for k, v in row.items() if v is not None}) for row in rows]
    return account(lines, "f")


def made(store: GraphStore, folder: Path, entries: list[Entry], now: int = NOW) -> Person:
    return profile_newcomer(store, folder / "releases", TRAINING, entries, now=now)


def test_the_profile_is_the_one_they_would_have(reader: GraphStore, folder: Path) -> None:
    """A user's own events and ties, told by a file, give the interests and attributes that the
    release gives the user."""
    (user, *_), _ = users_and_items(reader)
    there, told = person(reader, user), made(reader, folder, entries_of(reader, user))
    assert {i.id: i.score for i in told.categories} == pytest.approx(
        {i.id: i.score for i in there.categories}, rel=1e-3
    )
    assert {i.id: i.score for i in told.items} == pytest.approx(
        {i.id: i.score for i in there.items}, rel=1e-3
    )
    assert there.profile is not None
    assert told.profile is not None
    for name in ("segment", "valueTier", "monetary", "churnRisk", "priceBand", "coldStart"):
        mine, theirs = told.profile[name], there.profile[name]
        assert mine == (pytest.approx(theirs, rel=1e-3) if isinstance(theirs, float) else theirs)
    activity = [{(a.kind, a.events, a.items) for a in p.activity} for p in (told, there)]
    assert activity[0] == activity[1]


def test_nothing_is_written(reader: GraphStore, folder: Path) -> None:
    """No node, no edge, no mark, no line in the audit, no cached text."""
    (user, *_), _ = users_and_items(reader)
    before = reader.counts()
    made(reader, folder, entries_of(reader, user))
    assert reader.counts() == before
    assert list(settings().home.iterdir()) == []


def test_evidence_is_by_line(reader: GraphStore, folder: Path) -> None:
    """Every claim cites lines of the file or friends, in words."""
    (user, *_), _ = users_and_items(reader)
    told = made(reader, folder, entries_of(reader, user))
    cited = [e for i in (*told.categories, *told.items) for e in i.evidence]
    assert cited
    assert all(e.kind in SOCIAL or ":line " in e.id for e in cited)
    assert "no longer in the graph" not in "".join(e.says for e in cited)


def test_friends_alone(reader: GraphStore, folder: Path) -> None:
    """Somebody with one friend stands on friends, and leans to what the friend likes."""
    (user, *_), _ = users_and_items(reader)
    told = made(reader, folder, account([json.dumps({"type": "FRIEND_OF", "userId": user})], "f"))
    assert told.profile is not None
    assert told.profile["coldStart"] == "friends"
    assert "Cold start: the profile stands on friends only: no event yet." in told.notes
    assert {e.id for i in told.categories for e in i.evidence} <= {f"FRIEND_OF:{user}"}


def test_a_text_alone(reader: GraphStore, folder: Path) -> None:
    """It is a review of nothing: it says nothing of recency or money, and no item that is not there
    is offered."""
    told = made(reader, folder, account(['{"text": "Bright strings, and they last."}'], "f"))
    there = {row[0] for row in reader.query("MATCH (i:Item) RETURN i.itemId").rows}
    assert {i.id for i in told.items} <= there
    assert [(a.kind, a.events, a.items) for a in told.activity] == [("REVIEWED", 1, 0)]
    assert told.profile is not None
    assert told.profile["coldStart"] == "text"
    for name in ("recencyDays", "frequency", "valueTier", "churnRisk", "monetary"):
        assert told.profile[name] is None


def test_what_is_not_in_the_graph_is_said(reader: GraphStore, folder: Path) -> None:
    """By line; the rest counts."""
    _, (item, *_) = users_and_items(reader)
    lines = ['{"type": "VIEWED", "itemId": "nothing"}', '{"type": "FOLLOWS", "userId": "nobody"}',
             json.dumps({"type": "VIEWED", "itemId": item})]  # fmt: skip
    told = made(reader, folder, account(lines, "f"))
    assert told.notes[-1] == (
        "Left out: line 1 (item 'nothing' is not to be had here, nor what 1 more name)."
    )
    assert [(a.kind, a.events) for a in told.activity] == [("VIEWED", 1)]


def test_who_objects_is_not_read(shop: tuple[Staged, Path], tmp_path: Path) -> None:
    """As a friend, an objector is left out."""
    shutil.copytree(shop[1] / "releases", tmp_path / "releases")
    shutil.copy(shop[1] / "kg.lbug", tmp_path)
    with open_store(f"ladybug://{tmp_path}/kg.lbug") as store:
        (user, *_), _ = users_and_items(store)
        withdraw(store, tmp_path / "releases", [user], now=NOW)
        line = json.dumps({"type": "FRIEND_OF", "userId": user})
        told = made(store, tmp_path, account([line], "f"))
    assert "Left out: line 1" in told.notes[-1]
    assert told.categories == []


def test_time_and_scale_are_checked(reader: GraphStore, folder: Path) -> None:
    _, (item, *_) = users_and_items(reader)
    future = json.dumps({"type": "VIEWED", "itemId": item, "at": NOW + 1})
    with pytest.raises(InputError, match="line 1: its time is in the future"):
        made(reader, folder, account([future], "f"))
    eleven = json.dumps({"type": "RATED", "itemId": item, "rating": 11})
    with pytest.raises(InputError, match=r"line 1: rating 11 is off the scale \(here 1 to 5\)"):
        made(reader, folder, account([eleven], "f"))


def test_later_events_move_the_moment(reader: GraphStore, folder: Path) -> None:
    """The profile is as of the last event told of, and not before the release's own."""
    _, (item, *_) = users_and_items(reader)
    late = json.dumps({"type": "VIEWED", "itemId": item, "at": NOW - 10})
    told = made(reader, folder, account([late], "f"))
    assert told.freshness.as_of == NOW - 9
    undated = made(reader, folder, account([json.dumps({"type": "VIEWED", "itemId": item})], "f"))
    assert undated.freshness.as_of is not None
    assert undated.freshness.as_of < NOW - 9
    assert undated.profile is not None
    assert undated.profile["coldStart"] == "events"


def test_likes_decide(reader: GraphStore, folder: Path) -> None:
    """Somebody who bought in one category is given it first."""
    found = reader.query(
        "MATCH (i:Item)-[:IN_CATEGORY]->(c:Category)-[:CHILD_OF]->(p:Category) "
        "RETURN p.categoryId AS top, i.itemId AS item ORDER BY top, item"
    ).rows
    hits = []
    for category in sorted({row[0] for row in found}):
        items = [row[1] for row in found if row[0] == category][:5]
        lines = [json.dumps({"type": "PURCHASED", "itemId": i}) for i in items]
        told = made(reader, folder, account(lines, "f"))
        hits.append(told.categories[0].id.startswith(category))
    assert np.mean(hits) > 0.8


def test_without_a_release(tmp_path: Path) -> None:
    with open_store(f"ladybug://{tmp_path}/kg.lbug") as empty:
        empty.ensure_schema()
        with pytest.raises(ReleaseError, match="no release is live"):
            made(empty, tmp_path, account(['{"text": "a"}'], "f"))


def test_the_command(
    reader: GraphStore, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """On the screen and for machines; a user and a file at once, or neither, is wrong usage."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KG_STORE", reader.url)
    monkeypatch.setenv("KG_RELEASES", str(folder / "releases"))
    _, (item, *_) = users_and_items(reader)
    reader.close()
    Path("events.jsonl").write_text(json.dumps({"type": "VIEWED", "itemId": item}) + "\n")
    assert main(["profile", "--from", "events.jsonl"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("somebody new")
    assert "Not in the graph: told of by the file, and nothing was written." in out
    assert main(["profile", "--from", "events.jsonl", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["profile"]["coldStart"] == "events"
    assert main(["profile"]) == 2
    assert main(["profile", "A1", "--from", "events.jsonl"]) == 2
