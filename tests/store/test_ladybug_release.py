"""A publish to the embedded store looks at some users first, and counts exactly whatever they
show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from kg.errors import StoreError
from kg.store import GraphStore, WriteCount, open_store
from tests.store.tables import edge_rows, interests, release, table
from tests.store.test_ladybug_file import path, url

__all__ = ["path"]
EDGES = [("ada", "desk", 0.9), ("ada", "desk/writing", 0.8), ("ben", "desk", 0.4)]
NAME = "INTERESTED_IN.Category"


@pytest.fixture
def store(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GraphStore]:
    """With a release in it; a publish looks at the first user's edges first."""
    monkeypatch.setattr("kg.ladybug_store.replace.MANY", 1)
    monkeypatch.setattr("kg.ladybug_store.replace.SOME", 1)
    with open_store(url(path)) as opened:
        opened.write_release(release(edges={NAME: interests("Category", EDGES)}))
        yield opened


def published(store: GraphStore, rows: pa.Table, version: str = "v2") -> WriteCount:
    done = store.write_release(release(version, edges={NAME: rows}))[NAME]
    columns = ("score", "rank", "asOf", "modelVersion")
    wanted = zip(*(rows[c].to_pylist() for c in ("src", "dst", *columns)), strict=True)
    found = edge_rows(store, NAME, *columns)
    assert [r[:-1] for r in found] == sorted((r[:-1] for r in wanted), key=repr)
    return done


def at(rows: pa.Table, moments: list[int]) -> pa.Table:
    place = rows.schema.get_field_index("asOf")
    return rows.set_column(place, "asOf", pa.array(moments, pa.int64()))


def test_a_release_of_another_moment_changes_all(store: GraphStore) -> None:
    """One column shows it, and the others need no look."""
    rows = at(interests("Category", EDGES, "v2"), [500] * 3)
    assert published(store, rows) == WriteCount(updated=3)
    assert {r[2] for r in edge_rows(store, NAME, "modelVersion")} == {"v2"}


def test_some_users_do_not_speak_for_all(store: GraphStore) -> None:
    """What shows in the first user's edges is looked for in everyone's."""
    rows = at(interests("Category", EDGES, "v2"), [500, 500, 400])
    assert published(store, rows) == WriteCount(updated=2, unchanged=1)
    found = {r[:2]: r[2] for r in edge_rows(store, NAME, "modelVersion")}
    assert found[("ben", "desk")] == "v1"
    assert found[("ada", "desk")] == "v2"


def test_other_columns_count_where_one_does_not_tell(store: GraphStore) -> None:
    """The first user's edges are others in their moments, the last one's in its score alone."""
    rows = interests("Category", [*EDGES[:2], ("ben", "desk", 0.3)], "v2")
    assert published(store, at(rows, [500, 500, 400])) == WriteCount(updated=3)


def test_edges_come_and_go_beside_those_that_change(store: GraphStore) -> None:
    """Counted apart."""
    edges = [*EDGES[:2], ("cleo", "desk", 0.2), ("ben", "desk/writing", 0.1)]
    rows = at(interests("Category", edges, "v2"), [500] * 4)
    assert published(store, rows) == WriteCount(created=2, updated=2, deleted=1)


def test_a_release_that_is_the_same_again_changes_nothing(store: GraphStore) -> None:
    """No column tells."""
    assert published(store, interests("Category", EDGES, "v2")) == WriteCount(unchanged=3)


def test_users_who_were_deleted_leave_gaps(store: GraphStore) -> None:
    """The engine's numbers of nodes are not rows."""
    store.delete_users(["ada"])
    store.upsert("User", table("User", userId=["eve"]))
    edges = [("ben", "desk", 0.5), ("eve", "desk", 0.6), ("dan", "desk/writing", 0.7)]
    tables = release("v2", edges={NAME: interests("Category", edges, "v2")})
    left = tables.users.filter(pa.array([False, True, True]))
    done = store.write_release(release("v2", users=left, edges=tables.edges))
    assert done[NAME] == WriteCount(created=2, updated=1)
    assert [r[:3] for r in edge_rows(store, NAME, "score")] == sorted(edges)


def test_an_edge_to_a_new_cluster_counts_once(store: GraphStore) -> None:
    """Twice it is refused, though nothing knows the cluster yet."""
    clusters = table("Category", categoryId=["k1"], name=["one"], level=[0], derived=[True])
    once = interests("Category", [*EDGES, ("ben", "k1", 0.1)], "v2")
    twice = pa.concat_tables([once, once.slice(3)])
    with pytest.raises(StoreError, match="twice"):
        store.write_release(release("v2", categories=clusters, edges={NAME: twice}))
    done = store.write_release(release("v2", categories=clusters, edges={NAME: once}))
    assert done[NAME].created == 1
