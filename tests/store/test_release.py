"""Publishing: profiles, interests and derived categories replaced in one step."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from kg.errors import CountMismatch, StoreError
from kg.profile import PROFILE_OF, USER_PROFILE
from kg.schema import EDGE_TABLES
from kg.store import GraphStore, ReleaseTables, WriteCount
from tests.store.tables import (
    SHOP,
    edge_rows,
    interests,
    items,
    node,
    node_rows,
    release,
    release_row,
    similar,
    table,
    users,
    vectors,
)

CLUSTERS = {
    "categories": table(
        "Category", categoryId=["c0", "c1"], name=["blue", "hot"], level=[0, 0], derived=[True] * 2
    ),
    "item_category": table("IN_CATEGORY", src=["pen", "mug"], dst=["c0", "c1"], weight=[1.0, 1.0]),
}


def test_a_release_says_what_it_wrote(shop: GraphStore) -> None:
    """Rows sent, by table."""
    written = shop.write_release(release())
    sent = {name: w.created + w.updated + w.unchanged for name, w in written.items()}
    assert sent == {
        "ProfileRelease": 1,
        "User": 3,
        "Item": 3,
        "INTERESTED_IN.Category": 2,
        "INTERESTED_IN.Item": 1,
        "SIMILAR_TO": 2,
    }


def test_a_release_writes_profiles(shop: GraphStore) -> None:
    """A user's columns, and those of the source are left alone."""
    shop.write_release(release())
    assert node(shop, "User", "ben", "embedding", "modelVersion", "frequency", "createdAt") == (
        [1.0, 0.5],
        "v1",
        1,
        20,
    )


def test_a_release_writes_items(shop: GraphStore) -> None:
    """The item's side of the score."""
    shop.write_release(release())
    assert node(shop, "Item", "ink", "embedding", "scoreBias", "description") == (
        [0.25, 1.0],
        0.5,
        "blue 🖋️",
    )


@pytest.mark.parametrize("name", ["INTERESTED_IN.Category", "INTERESTED_IN.Item"])
def test_a_release_writes_interests(shop: GraphStore, name: str) -> None:
    """With every property."""
    tables = release()
    shop.write_release(tables)
    columns = tables.edges[name].column_names
    sent = zip(*(tables.edges[name][c].to_pylist() for c in columns), strict=True)
    assert edge_rows(shop, name, *columns[2:]) == sorted(sent, key=repr)


def test_a_release_writes_neighbours(shop: GraphStore) -> None:
    """SIMILAR_TO is directed."""
    shop.write_release(release())
    assert edge_rows(shop, "SIMILAR_TO", "score") == [("ada", "ben", 0.8), ("ben", "ada", 0.8)]


def test_the_next_release_replaces_the_edges(shop: GraphStore) -> None:
    """Nothing of the old interests is left."""
    shop.write_release(release("v1"))
    shop.write_release(
        release(
            "v2",
            edges={
                "INTERESTED_IN.Category": interests("Category", [("cleo", "desk", 0.6)], "v2"),
                "INTERESTED_IN.Item": interests("Item", [("ben", "ink", 0.1)], "v2"),
                "SIMILAR_TO": similar([("cleo", "ada", 0.7)], "v2"),
            },
        )
    )
    assert [edge_rows(shop, n, "modelVersion") for n in release().edges] == [
        [("cleo", "desk", "v2")],
        [("ben", "ink", "v2")],
        [("cleo", "ada", "v2")],
    ]


def test_a_user_the_next_release_leaves_out_loses_all(shop: GraphStore) -> None:
    """Every profile property is null, and what the source said stays."""
    shop.write_release(release("v1"))
    shop.write_release(release("v2", users=users(["ada"], "v2")))
    columns = [p.name for p in USER_PROFILE]
    assert set(node(shop, "User", "ben", *columns)) == {None}
    assert node(shop, "User", "ben", "createdAt") == (20,)


def test_a_property_the_next_release_leaves_out_is_null(shop: GraphStore) -> None:
    """A declared column that is absent from the table is set to null."""
    shop.write_release(release("v1"))
    shop.write_release(release("v2", users=users(["ada"], "v2").drop_columns(["frequency"])))
    assert node(shop, "User", "ada", "frequency", "modelVersion") == (None, "v2")


def test_an_item_the_next_release_leaves_out_loses_all(shop: GraphStore) -> None:
    """As with users."""
    shop.write_release(release("v1"))
    shop.write_release(release("v2", items=items(["pen"], "v2")))
    assert node_rows(shop, "Item", "embedding", "modelVersion") == [
        ("ink", None, None),
        ("mug", None, None),
        ("pen", [0.25, 0.0], "v1"),
    ]


def test_a_release_may_be_empty(shop: GraphStore) -> None:
    """All profiles and interests go."""
    shop.write_release(release("v1"))
    edges = {name: rows.slice(0, 0) for name, rows in release().edges.items()}
    shop.write_release(release("v2", users=users([], "v2"), items=items([], "v2"), edges=edges))
    assert [edge_rows(shop, n) for n in edges] == [[], [], []]
    assert {r[1] for r in node_rows(shop, "User", "modelVersion")} == {None}


def test_an_edge_table_that_is_not_named_is_left_alone(shop: GraphStore) -> None:
    """Only the tables given are replaced."""
    shop.write_release(release("v1"))
    only = {"INTERESTED_IN.Item": interests("Item", [("ben", "ink", 0.1)], "v2")}
    shop.write_release(release("v2", edges=only))
    assert edge_rows(shop, "INTERESTED_IN.Category", "modelVersion") == [
        ("ada", "desk/writing", "v1"),
        ("ben", "desk", "v1"),
    ]
    assert edge_rows(shop, "INTERESTED_IN.Item", "modelVersion") == [("ben", "ink", "v2")]


def test_one_release_is_live(shop: GraphStore) -> None:
    """The one before is retired."""
    shop.write_release(release("v1"))
    shop.write_release(release("v2"))
    assert node_rows(shop, "ProfileRelease", "status") == [("v1", "retired"), ("v2", "live")]


def test_the_release_row_is_written(shop: GraphStore) -> None:
    """With its metrics."""
    shop.write_release(release())
    columns = release_row("v1").column_names
    assert node_rows(shop, "ProfileRelease", *columns[1:]) == [
        tuple(release_row("v1")[c][0].as_py() for c in columns)
    ]


def test_a_release_can_be_written_again(shop: GraphStore) -> None:
    """The same release twice is the same graph: that is how a rollback and a retry work."""
    shop.write_release(release("v1"))
    before = (shop.counts(), node_rows(shop, "User", "embedding", "frequency"))
    shop.write_release(release("v1"))
    assert (shop.counts(), node_rows(shop, "User", "embedding", "frequency")) == before
    assert node_rows(shop, "ProfileRelease", "status") == [("v1", "live")]


def test_what_stays_the_same_keeps_its_version(shop: GraphStore) -> None:
    """Of profiles, items and edges; what changes says which release changed it."""
    shop.write_release(release("v1"))
    other = release("v2", users=with_frequency("v2", [0, 7, 2]), edges=other_interests("v2"))
    written = shop.write_release(other)
    assert node_rows(shop, "User", "frequency", "modelVersion") == [
        ("ada", 0, "v1"),
        ("ben", 7, "v2"),
        ("cleo", 2, "v1"),
        ("dan", None, None),
    ]
    assert {v for _, v in node_rows(shop, "Item", "modelVersion")} == {"v1"}
    assert edge_rows(shop, "INTERESTED_IN.Category", "score", "modelVersion") == [
        ("ada", "desk", 0.7, "v2"),
        ("ada", "desk/writing", 0.9, "v1"),
        ("cleo", "desk", 0.5, "v2"),
    ]
    assert written["User"] == WriteCount(updated=1, unchanged=2)
    assert written["INTERESTED_IN.Category"] == WriteCount(created=2, unchanged=1, deleted=1)
    assert written["INTERESTED_IN.Item"] == WriteCount(updated=1)
    assert written["SIMILAR_TO"] == WriteCount(unchanged=2)


def with_frequency(version: str, counts: list[int]) -> pa.Table:
    rows = users(["ada", "ben", "cleo"], version)
    at = rows.schema.get_field_index("frequency")
    return rows.set_column(at, "frequency", pa.array(counts, pa.int64()))


def other_interests(version: str) -> dict[str, pa.Table]:
    """One stays, one goes, two come; and one has another score."""
    of_category = [("ada", "desk/writing", 0.9), ("ada", "desk", 0.7), ("cleo", "desk", 0.5)]
    return {
        "INTERESTED_IN.Category": interests("Category", of_category, version),
        "INTERESTED_IN.Item": interests("Item", [("ada", "mug", 0.4)], version),
        "SIMILAR_TO": similar([("ada", "ben", 0.8), ("ben", "ada", 0.8)], version),
    }


def test_another_moment_is_another_claim(shop: GraphStore) -> None:
    """A chance within 30 days of a later moment is renewed, though its figure is the same."""
    shop.write_release(release("v1"))
    rows = interests("Item", [("ada", "mug", 0.3)], "v2")
    at = rows.schema.get_field_index("asOf")
    later = rows.set_column(at, "asOf", pa.array([500], pa.int64()))
    shop.write_release(release("v2", edges={"INTERESTED_IN.Item": later}))
    assert edge_rows(shop, "INTERESTED_IN.Item", "asOf", "modelVersion") == [
        ("ada", "mug", 500, "v2")
    ]


@pytest.mark.parametrize("clusters", [{}, CLUSTERS], ids=["plain", "with clusters"])
def test_going_back_gives_the_older_release_again(
    shop: GraphStore, clusters: dict[str, pa.Table]
) -> None:
    """Published A, B, A: all that A said stands there as after the first time, every column."""
    first = release("v1", **clusters)
    shop.write_release(first)
    before = everything(shop)
    second = release(
        "v2",
        users=with_frequency("v2", [0, 7, 2]).slice(1),
        items=items(["mug", "pen"], "v2"),
        edges=other_interests("v2"),
    )
    shop.write_release(second)
    assert everything(shop) != before
    shop.write_release(first)
    assert everything(shop) == before


def everything(store: GraphStore) -> list[object]:
    """All of the profiles, interests and categories."""
    nodes = [node_rows(store, label, *(p.name for p in PROFILE_OF[label])) for label in PROFILE_OF]
    names = [*release().edges, "IN_CATEGORY"]
    properties = {n: [p.name for p in EDGE_TABLES[n].type.properties] for n in names}
    edges = [edge_rows(store, n, *columns) for n, columns in properties.items()]
    return [*nodes, *edges, node_rows(store, "Category", "name", "level", "derived")]


def test_what_was_changed_by_others_is_put_right(shop: GraphStore) -> None:
    """The store is compared, not the release before: a refresh or a hand in between shows."""
    shop.write_release(release("v1"))
    before = everything(shop)
    shop.query("MATCH (u:User {userId: 'ada'}) SET u.frequency = 99", read_only=False)
    shop.query("MATCH (:User {userId: 'ben'})-[e:SIMILAR_TO]->(:User) DELETE e", read_only=False)
    shop.write_release(release("v1"))
    assert everything(shop) == before


def test_a_release_over_an_equal_one_writes_nothing(shop: GraphStore) -> None:
    """But its own row."""
    shop.write_release(release("v1"))
    written = shop.write_release(release("v2"))
    touched = {n: w.created + w.updated + w.deleted for n, w in written.items()}
    assert {n for n, w in touched.items() if w} == {"ProfileRelease"}


def test_taking_a_mark_away_is_no_change_of_the_profile(shop: GraphStore) -> None:
    """A user who was due and comes out the same keeps the version."""
    shop.write_release(release("v1"))
    shop.query("MATCH (u:User {userId: 'ada'}) SET u.staleSince = 5", read_only=False)
    shop.write_release(release("v2"))
    assert node(shop, "User", "ada", "staleSince", "modelVersion") == (None, "v1")


def test_a_release_brings_its_clusters(shop: GraphStore) -> None:
    """Derived categories and their items."""
    clusters = {"INTERESTED_IN.Category": interests("Category", [("ada", "c0", 0.9)])}
    shop.write_release(release(edges=clusters, **CLUSTERS))
    assert edge_rows(shop, "INTERESTED_IN.Category") == [("ada", "c0")]
    assert [r for r in edge_rows(shop, "IN_CATEGORY") if r[1] in ("c0", "c1")] == [
        ("mug", "c1"),
        ("pen", "c0"),
    ]


def test_the_next_release_removes_the_clusters(shop: GraphStore) -> None:
    """With their IN_CATEGORY edges; the source's categories stay."""
    shop.write_release(release("v1", **CLUSTERS))
    shop.write_release(release("v2"))
    assert [r[0] for r in node_rows(shop, "Category")] == ["desk", "desk/writing"]
    assert edge_rows(shop, "IN_CATEGORY", "weight") == [
        ("ink", "desk/writing", 1.0),
        ("pen", "desk/writing", 1.0),
    ]


def test_the_next_release_may_keep_a_cluster(shop: GraphStore) -> None:
    """A cluster of the same id takes the new name and the new items."""
    shop.write_release(release("v1", **CLUSTERS))
    shop.write_release(
        release(
            "v2",
            categories=table("Category", categoryId=["c1"], name=["warm"], derived=[True]),
            item_category=table("IN_CATEGORY", src=["ink"], dst=["c1"], weight=[0.5]),
        )
    )
    assert node_rows(shop, "Category", "name", "derived") == [
        ("c1", "warm", True),
        ("desk", "desk", False),
        ("desk/writing", "writing", False),
    ]
    assert ("ink", "c1", 0.5) in edge_rows(shop, "IN_CATEGORY", "weight")
    assert len(edge_rows(shop, "IN_CATEGORY")) == 3


@pytest.mark.parametrize("known", [[], [("ada", "c0", 0.9)]], ids=["new", "as before"])
def test_an_interest_in_a_cluster_that_goes_is_refused(
    shop: GraphStore, known: list[tuple[str, str, float]]
) -> None:
    """A cluster of the release before that is not one of this release: its edges would go too."""
    edges = {"INTERESTED_IN.Category": interests("Category", known)}
    shop.write_release(release("v1", edges=edges, **CLUSTERS))
    stale = {"INTERESTED_IN.Category": interests("Category", [("ada", "c0", 0.9)], "v2")}
    with pytest.raises(CountMismatch, match="c0"):
        shop.write_release(release("v2", edges=stale))
    assert node_rows(shop, "ProfileRelease", "status") == [("v1", "live")]


REFUSED: dict[str, ReleaseTables] = {
    "a user nobody loaded": release("v2", users=users(["ada", "nobody"], "v2")),
    "an item nobody loaded": release("v2", items=items(["pen", "nothing"], "v2")),
    "an interest of a user nobody loaded": release(
        "v2", edges={"INTERESTED_IN.Item": interests("Item", [("nobody", "pen", 0.1)])}
    ),
    "an interest in a category nobody loaded": release(
        "v2", edges={"INTERESTED_IN.Category": interests("Category", [("ada", "none", 0.1)])}
    ),
    "a cluster's item nobody loaded": release(
        "v2",
        categories=CLUSTERS["categories"],
        item_category=table("IN_CATEGORY", src=["nothing"], dst=["c0"]),
    ),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_a_release_that_does_not_fit_the_graph_is_refused(shop: GraphStore, case: str) -> None:
    """A missing end is an error, and readers keep the release they had."""
    shop.write_release(release("v1"))
    before = (shop.counts(), node_rows(shop, "User", "modelVersion", "embedding"))
    with pytest.raises(CountMismatch):
        shop.write_release(REFUSED[case])
    assert (shop.counts(), node_rows(shop, "User", "modelVersion", "embedding")) == before
    assert node_rows(shop, "ProfileRelease", "status") == [("v1", "live")]
    assert {r[2] for r in edge_rows(shop, "INTERESTED_IN.Item", "modelVersion")} == {"v1"}


@pytest.mark.parametrize(
    "embedding",
    [vectors([[math.nan, 0.0]]), pa.array([[0.0], [1.0, 2.0]])],
    ids=["not finite", "two widths"],
)
def test_a_vector_that_cannot_be_one_is_refused(shop: GraphStore, embedding: pa.Array) -> None:
    """NaN, and rows of several widths; the error names the column."""
    bad = pa.table({"userId": ["ada", "ben"][: len(embedding)]}).append_column(
        "embedding", embedding.cast(pa.list_(pa.float32()))
    )
    with pytest.raises(StoreError, match="embedding"):
        shop.write_release(release(users=bad))
    assert "ProfileRelease" not in shop.counts()


def test_edges_can_be_replaced_alone(shop: GraphStore) -> None:
    """All of a table for these, and only of that table."""
    shop.write_release(release("v1"))
    written = shop.replace_edges(
        "INTERESTED_IN.Category", interests("Category", [("cleo", "desk", 0.6)], "v2")
    )
    assert (written.created, written.deleted) == (1, 2)
    assert edge_rows(shop, "INTERESTED_IN.Category", "score") == [("cleo", "desk", 0.6)]
    assert edge_rows(shop, "INTERESTED_IN.Item", "score") == [("ada", "mug", 0.3)]


def test_a_replace_with_a_missing_end_changes_nothing(shop: GraphStore) -> None:
    """All or nothing."""
    shop.write_release(release("v1"))
    with pytest.raises(CountMismatch, match="nobody"):
        shop.replace_edges("SIMILAR_TO", similar([("ada", "ben", 0.1), ("nobody", "ada", 0.1)]))
    assert edge_rows(shop, "SIMILAR_TO", "score") == [("ada", "ben", 0.8), ("ben", "ada", 0.8)]


def test_the_source_s_edges_cannot_be_replaced(shop: GraphStore) -> None:
    """Only what we write ourselves: a source's events are upserted, never dropped."""
    with pytest.raises(StoreError, match="RATED"):
        shop.replace_edges("RATED", SHOP["RATED"])
    assert shop.counts()["RATED"] == 4
