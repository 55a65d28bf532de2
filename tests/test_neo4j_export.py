"""Reading whole tables while others write, and in pages of any size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kg.neo4j_store import Neo4jStore, export, pages
from tests.store.tables import SHOP, edge_rows, load_shop, node_rows, release, table


@pytest.fixture
def shop(empty_neo4j: str) -> Iterator[Neo4jStore]:
    with Neo4jStore.open(empty_neo4j) as store:
        store.ensure_schema()
        load_shop(store, SHOP)
        yield store


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_pages_of_any_size_are_the_same_table(
    shop: Neo4jStore, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """Nodes in key order, each once; edges whatever the degree of their source."""
    monkeypatch.setattr(pages.Pace, "learn", lambda self, *_: setattr(self, "rows", rows))
    monkeypatch.setattr(pages, "SOURCES", rows)
    snapshot = shop.export({"User": ["createdAt"]}, {"RATED": ["eventId"]})
    assert snapshot.nodes["User"]["userId"].to_pylist() == ["ada", "ben", "cleo", "dan"]
    assert snapshot.nodes["User"]["createdAt"].to_pylist() == SHOP["User"]["createdAt"].to_pylist()
    assert sorted(snapshot.edges["RATED"]["eventId"].to_pylist()) == ["r1", "r2", "r3", "r4"]


def test_a_page_learns_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long texts make short pages, between fixed bounds."""
    pace = pages.Pace()
    for nbytes, rows in ((pages.PAGE_BYTES * 2, 5_000), (0, pages.MOST), (1 << 40, pages.LEAST)):
        pace.learn(10_000, nbytes)
        assert pace.rows == rows


def during(monkeypatch: pytest.MonkeyPatch, write: Any) -> None:
    """Something is written after the nodes were read and before the edges are."""
    whole = export.read_edges

    def later(*args: Any, **named: Any) -> Any:
        write()
        return whole(*args, **named)

    monkeypatch.setattr(export, "read_edges", later)


def test_a_writer_at_work_is_noticed(shop: Neo4jStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where what it changes is not what is read, and no count moves."""
    text = "MATCH (i:Item {itemId: 'pen'}) SET i.price = 2.0"
    with Neo4jStore.open(shop.url) as other:
        during(monkeypatch, lambda: other.query(text, read_only=False))
        assert not shop.export({}, {"RATED": []}).consistent


def test_a_reader_at_work_is_not_a_writer(
    shop: Neo4jStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other readers change nothing."""
    with Neo4jStore.open(shop.url) as other:
        during(monkeypatch, other.counts)
        assert shop.export({}, {"RATED": []}).consistent


def test_an_edge_of_a_node_that_came_later_is_left_out(
    shop: Neo4jStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no row to point at; the ids of the others stay right."""

    def newcomer() -> None:
        with Neo4jStore.open(shop.url) as other:
            other.upsert("Item", table("Item", itemId=["new"], price=[1.0]))
            other.upsert("RATED", table("RATED", src=["ben"], dst=["new"], eventId=["r9"]))

    during(monkeypatch, newcomer)
    snapshot = shop.export({}, {"RATED": ["eventId"]})
    assert sorted(snapshot.edges["RATED"]["eventId"].to_pylist()) == ["r1", "r2", "r3", "r4"]
    assert not snapshot.consistent


def test_vectors_keep_nulls_and_width_over_pages(
    shop: Neo4jStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of nulls does not make a column of another type."""
    shop.write_release(release())
    monkeypatch.setattr(pages, "Pace", lambda: pages_of_one())
    assert [r[1] for r in node_rows(shop, "User", "embedding")] == [
        [0.0, 0.5],
        [1.0, 0.5],
        [2.0, 0.5],
        None,
    ]
    assert edge_rows(shop, "SIMILAR_TO", "score") == [("ada", "ben", 0.8), ("ben", "ada", 0.8)]


def pages_of_one() -> Any:
    class One:
        rows = 1

        def learn(self, *_: int) -> None:
            pass

    return One()
