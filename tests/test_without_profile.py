"""Users the model has not seen: before the first publish, and after the live release."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from kg.person import person
from kg.recommend import recommend
from kg.schema import table_schema
from kg.stale import mark
from kg.store import GraphStore, open_store
from tests import small_shop
from tests.small_shop import AS_OF, DAY


@pytest.fixture(params=["ladybug", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GraphStore]:
    """The small shop as loaded, before any publish."""
    if request.param == "neo4j":
        url = request.getfixturevalue("neo4j_graphs").have("unpublished small shop", unpublished)
    else:
        url = f"ladybug://{tmp_path}/kg.lbug"
        with open_store(url) as empty:
            unpublished(empty)
    with open_store(url) as opened:
        yield opened


def unpublished(store: GraphStore) -> None:
    small_shop.load(store, published=False)


def view(store: GraphStore, user: str, item: str, at: int) -> None:
    """The user looks at the item."""
    rows = pa.table(
        {
            "src": [user],
            "dst": [item],
            "eventId": [f"{user}-{item}"],
            "at": pa.array([at], pa.int64()),
            "weight": [1.0],
        },
        schema=table_schema("VIEWED"),
    )
    store.upsert("VIEWED", rows)


def test_profile_before_the_first_publish(store: GraphStore) -> None:
    """A user is shown without a profile, with what to run."""
    found = person(store, "ada")
    assert found.profile is None
    assert found.notes == [
        "No profile: nothing is published yet. Run `kg train`, then `kg publish`."
    ]


def test_recommendations_before_the_first_publish(store: GraphStore) -> None:
    """Friends and popularity serve until there is a model, and the answer says so."""
    found = recommend(store, "ada", 2)
    assert found.says.startswith("No profile: nothing is published yet")
    assert [(i.item_id, i.source) for i in found.items] == [
        ("knife", "friends"),
        ("board", "popular"),
    ]


def test_recommendations_for_a_newcomer(store: GraphStore) -> None:
    """A user who came after the release is served by what is near the user's own items."""
    store.write_release(small_shop.release())
    view(store, "ivy", "strat", AS_OF + DAY)
    found = recommend(store, "ivy", 1)
    assert found.says.startswith("No profile: the user came after the live release")
    assert [(i.item_id, i.source, i.why) for i in found.items] == [
        ("strings", "own items", "near the user's own items"),
    ]


def test_a_profile_that_is_behind(store: GraphStore) -> None:
    """Activity after the profile's cut-off is said."""
    store.write_release(small_shop.release())
    view(store, "ada", "piano", AS_OF + DAY)
    assert person(store, "ada").notes == [
        "Behind: the user was active on 2023-07-02, after the profile's cut-off 2023-07-01. "
        "Run `kg refresh`."
    ]


def test_a_profile_that_is_stale(store: GraphStore) -> None:
    """A change of edges without a later event, a friend erased say, is said too."""
    store.write_release(small_shop.release())
    mark(store, ["ada"], at=AS_OF + DAY)
    assert person(store, "ada").notes == [
        "Stale: the user's edges, or those of somebody the user reads, changed on 2023-07-02. "
        "Run `kg refresh`."
    ]
