"""Staged tables into a store: first into an empty one, then over what is there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from kg.errors import ConfigError
from kg.ingest import ingest
from kg.store import GraphStore, WriteCount, open_store
from loaders import Staged, stage
from tests.loaders.tables import NOW, RATINGS, staged, write

STORES = [pytest.param("ladybug"), pytest.param("neo4j", marks=pytest.mark.neo4j)]

REVIEWS = """\
{"reviewerID": "u1", "asin": "i1", "overall": 5, "reviewText": "Good", "unixReviewTime": 1600000000}
{"reviewerID": "u2", "asin": "i1", "overall": 2, "reviewText": "嗯😐", "unixReviewTime": 1600000001}
{"reviewerID": "u2", "asin": "i2", "overall": 4, "unixReviewTime": 1600000002}
"""
ITEMS = """\
{"asin": "i1", "title": "One", "price": "$1.50", "category": ["A", "B"]}
{"asin": "i3", "title": "Three", "price": "", "category": ["A"]}
"""


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GraphStore]:
    """An empty store, without its schema."""
    if request.param == "neo4j":
        url = str(request.getfixturevalue("empty_neo4j"))
    else:
        url = f"ladybug://{tmp_path}/kg.lbug"
    with open_store(url) as opened:
        yield opened


def amazon(tmp_path: Path, files: dict[str, str]) -> Staged:
    for name in ("in", "out"):
        shutil.rmtree(tmp_path / name, ignore_errors=True)
    return staged(tmp_path, "amazon", files)


def graph(store: GraphStore) -> list[list[object]]:
    """Everything that was loaded, in an order of its own."""
    text = (
        "MATCH (u:User)-[e:REVIEWED]->(i:Item) RETURN e.eventId AS a, u.userId AS b, "
        "i.itemId AS c, e.text AS d, e.weight AS e, i.title AS f, i.price AS g ORDER BY a"
    )
    named = "MATCH (i:Item) RETURN i.itemId AS a, i.title AS b, i.price AS c ORDER BY a"
    return [*store.query(text).rows, *store.query(named).rows, [store.counts()]]


def test_what_was_staged_is_in_the_store(store: GraphStore, tmp_path: Path) -> None:
    done = amazon(tmp_path, {"r.json": REVIEWS, "m.json": ITEMS})
    written = ingest(done, store)
    assert store.counts() == done.report.tables
    assert written == {n: WriteCount(created=rows) for n, rows in done.report.tables.items()}
    assert graph(store)[0] == [
        "u1|i1|1600000000", "u1", "i1", "Good", 1.0, "One", 1.5,
    ]  # fmt: skip


def test_loading_twice_changes_nothing(store: GraphStore, tmp_path: Path) -> None:
    done = amazon(tmp_path, {"r.json": REVIEWS, "m.json": ITEMS})
    ingest(done, store)
    before = graph(store)
    again = ingest(amazon(tmp_path, {"r.json": REVIEWS, "m.json": ITEMS}), store)
    assert graph(store) == before
    assert sum(count.created for count in again.values()) == 0


def test_overlapping_loads_end_like_one(store: GraphStore, tmp_path: Path) -> None:
    """The second load shares a row with the first."""
    lines = REVIEWS.splitlines(keepends=True)
    ingest(amazon(tmp_path, {"r.json": lines[0] + lines[1], "m.json": ITEMS}), store)
    written = ingest(amazon(tmp_path, {"r.json": lines[1] + lines[2]}), store)
    assert written["RATED"] == WriteCount(created=1)
    assert written["REVIEWED"].created == 0
    whole = amazon(tmp_path, {"r.json": REVIEWS, "m.json": ITEMS})
    assert store.counts() == whole.report.tables


def test_an_item_that_is_only_named_keeps_what_is_known_of_it(
    store: GraphStore, tmp_path: Path
) -> None:
    """Reviews after the metadata do not take the title away."""
    ingest(amazon(tmp_path, {"m.json": ITEMS}), store)
    ingest(amazon(tmp_path, {"r.json": REVIEWS}), store)
    found = store.query("MATCH (i:Item) RETURN i.itemId AS a, i.title AS b ORDER BY a").rows
    assert found == [["i1", "One"], ["i2", None], ["i3", "Three"]]


SALES = """\
title = "sales"

[[files]]
match = "sales.csv"
holds = "sales"

[[files.nodes]]
label = "User"
key = "user"
set.country = "country"
set.points = { column = "points", type = "int" }

[[files.edges]]
type = "PURCHASED"
when = { column = "pieces", above = 0 }
src = "user"
dst = "item"
key = ["order", "item"]
set.at = { column = "at", time = "s" }
set.quantity = "pieces"
set.channel = "channel"

[[files.edges]]
type = "RETURNED"
when = { column = "pieces", below = 0 }
src = "user"
dst = "item"
key = ["order", "item"]
set.at = { column = "at", time = "s" }
set.quantity = { column = "pieces", times = -1 }
"""
LINES = """\
order,user,item,pieces,at,country,points,channel
o1,u,i,5,1600000000,DE,9007199254740993,web
o2,u,i,-2,1600000100,DE,9007199254740993,web
"""


def test_attributes_and_cancellations_arrive(store: GraphStore, tmp_path: Path) -> None:
    """Columns of the mapping's own, on nodes and on edges."""
    ingest(staged(tmp_path, "tabular", {"shop.toml": SALES, "sales.csv": LINES}), store)
    found = store.query(
        "MATCH (u:User)-[p:PURCHASED]->() RETURN u.country AS a, u.points AS b, p.channel AS c, "
        "p.cancelledQuantity AS d, p.outlier AS e"
    )
    assert found.rows == [["DE", 9007199254740993, "web", 2.0, False]]
    back = store.query("MATCH (:User)-[r:RETURNED]->(:Item) RETURN r.cancels AS a").rows
    assert back == [["o1|i"]]


def test_a_later_load_of_the_purchase_alone_keeps_its_cancellation(
    store: GraphStore, tmp_path: Path
) -> None:
    first, second = LINES.splitlines(keepends=True)[:2], LINES
    ingest(staged(tmp_path, "tabular", {"shop.toml": SALES, "sales.csv": second}), store)
    for name in ("in", "out"):
        shutil.rmtree(tmp_path / name)
    alone = {"shop.toml": SALES, "sales.csv": "".join(first)}
    ingest(staged(tmp_path, "tabular", alone), store)
    kept = store.query("MATCH ()-[p:PURCHASED]->() RETURN p.cancelledQuantity AS a").rows
    assert kept == [[2.0]]


def test_friends_without_a_property_load(store: GraphStore, tmp_path: Path) -> None:
    """An edge table that has nothing but its two ends."""
    folder = write(tmp_path / "in", {"user_user.dat": "1\t2\t1\n2\t1\t1\n3\t1\t1\n"})
    written = ingest(stage("yelp_hin", [folder], tmp_path / "out", now=NOW), store)
    assert written["FRIEND_OF"] == WriteCount(created=2)


def test_an_attribute_may_not_have_a_profile_propertys_name(
    store: GraphStore, tmp_path: Path
) -> None:
    text = SALES.replace("set.country", "set.segment")
    done = staged(tmp_path, "tabular", {"shop.toml": text, "sales.csv": LINES})
    with pytest.raises(ConfigError, match="sourceSegment"):
        ingest(done, store)


def test_progress_ends_at_the_number_of_rows(store: GraphStore, tmp_path: Path) -> None:
    told: dict[str, tuple[int, int | None]] = {}
    files = {"shop.toml": RATINGS, "ratings.csv": "user,item,rating,at\nu,i,4,1600000000\n"}
    done = staged(tmp_path, "tabular", files)
    ingest(done, store, progress=lambda label, at, of: told.update({label: (at, of)}))
    assert told == {"load User": (1, 1), "load Item": (1, 1), "load RATED": (1, 1)}
