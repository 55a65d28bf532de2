"""The nearest nodes by their embedding, on both stores."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from kg.errors import StoreError
from kg.store import GraphStore, open_store
from tests.store.tables import items, release, table


@pytest.fixture
def neo4j_store(empty_neo4j: str) -> Iterator[GraphStore]:
    with open_store(empty_neo4j) as store:
        store.ensure_schema()
        yield store


WAIT_S = 60.0
"""For a server to fill an index of a few hundred vectors."""


def published(store: GraphStore, points: np.ndarray, version: str = "v1") -> None:
    """Users u000, u001, … with these embeddings."""
    keys = [f"u{n:03d}" for n in range(len(points))]
    if not store.counts().get("User"):
        store.bulk_load("User", table("User", userId=keys))
    flat = pa.array(points.astype(np.float32).ravel())
    embedding = pa.FixedSizeListArray.from_arrays(flat, points.shape[1])
    rows = pa.table({"userId": keys, "embedding": embedding, "modelVersion": [version] * len(keys)})
    none = {name: edge.slice(0, 0) for name, edge in release().edges.items()}
    store.write_release(release(version, users=rows, items=items([], version), edges=none))


def by_index(store: GraphStore, vector: list[float], k: int) -> list[str]:
    """Once the server has filled the index."""
    end = time.monotonic() + WAIT_S
    while (found := store.nearest("User", vector, k)).exact:
        assert time.monotonic() < end, "the index was not filled"
        time.sleep(0.1)
    return found.keys


def circle(n: int) -> np.ndarray:
    """n directions, each nearest to the one before and the one after; of different lengths."""
    angle = 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angle), np.sin(angle)], 1) * (1 + np.arange(n) % 3)[:, None]


def test_the_nearest_come_first_with_their_cosine(store: GraphStore) -> None:
    """Whatever the vectors' lengths; ties by key."""
    published(store, circle(12))
    found = store.nearest("User", [0.5, 0.0], 3, exact=True)
    assert found.keys == ["u000", "u001", "u011"]
    assert found.cosine == pytest.approx([1, np.cos(np.pi / 6), np.cos(np.pi / 6)], abs=1e-6)


def test_all_there_are_when_more_are_asked_for(store: GraphStore) -> None:
    """The last is the opposite direction."""
    published(store, circle(12))
    found = store.nearest("User", [1.0, 0.0], 50, exact=True)
    assert len(found.keys) == 12
    assert found.keys[-1] == "u006"
    assert found.cosine[-1] == pytest.approx(-1)


def test_a_vector_of_zeros_is_near_to_nothing(store: GraphStore) -> None:
    """Neither asked with nor found."""
    points = circle(4)
    points[1] = 0
    published(store, points)
    assert store.nearest("User", [0.0, 0.0], 3).keys == []
    found = store.nearest("User", [0.0, 1.0], 9, exact=True).keys
    assert sorted(found) == ["u000", "u002", "u003"]


def test_a_vector_of_another_width_finds_nothing(store: GraphStore) -> None:
    """A release before may have had another model."""
    published(store, circle(4))
    assert store.nearest("User", [1.0, 0.0, 0.0], 3).keys == []


def test_only_what_has_an_embedding_can_be_near(store: GraphStore) -> None:
    """A category has none, and that is said."""
    with pytest.raises(StoreError, match="'Category' has no embedding; User, Item have one"):
        store.nearest("Category", [1.0], 3)


def test_nothing_is_near_before_the_first_release(store: GraphStore) -> None:
    """An empty graph answers too."""
    assert store.nearest("User", [1.0, 0.0], 3).keys == []


def test_items_have_neighbours_too(shop: GraphStore) -> None:
    """By the item's own vectors."""
    shop.write_release(release())
    found = shop.nearest("Item", [0.25, 1.0], 1, exact=True)
    assert found.keys == ["ink"]


@pytest.mark.neo4j
def test_a_publish_makes_the_index(neo4j_store: GraphStore) -> None:
    """The server's answer is the exact one where vectors are few."""
    points = np.random.default_rng(3).standard_normal((300, 8))
    published(neo4j_store, points)
    wanted = points[7].tolist()
    exact = neo4j_store.nearest("User", wanted, 5, exact=True)
    assert by_index(neo4j_store, wanted, 5) == exact.keys
    assert neo4j_store.nearest("User", wanted, 5).cosine == pytest.approx(exact.cosine, abs=1e-6)


@pytest.mark.neo4j
def test_the_index_follows_the_next_release(neo4j_store: GraphStore) -> None:
    """All vectors change, and so does the answer."""
    points = circle(30)
    published(neo4j_store, points)
    by_index(neo4j_store, [1.0, 0.0], 1)
    published(neo4j_store, np.roll(points, 5, axis=0), "v2")
    assert by_index(neo4j_store, [1.0, 0.0], 1) == ["u005"]


@pytest.mark.neo4j
def test_the_index_follows_a_few_changed_vectors(neo4j_store: GraphStore) -> None:
    """They are changed in the index."""
    points = circle(30)
    published(neo4j_store, points)
    by_index(neo4j_store, [1.0, 0.0], 1)
    points[[0, 10]] = points[[10, 0]]
    published(neo4j_store, points, "v2")
    assert by_index(neo4j_store, [1.0, 0.0], 1) == ["u010"]


@pytest.mark.neo4j
def test_the_index_follows_the_width_of_the_vectors(neo4j_store: GraphStore) -> None:
    """An index of the old width would leave the new vectors out without a word."""
    published(neo4j_store, circle(30))
    by_index(neo4j_store, [1.0, 0.0], 1)
    wider = np.concatenate([circle(30), np.zeros((30, 1))], 1)
    published(neo4j_store, wider, "v2")
    assert by_index(neo4j_store, [1.0, 0.0, 0.0], 1) == ["u000"]


@pytest.mark.neo4j
def test_an_erased_user_is_near_to_nobody(neo4j_store: GraphStore) -> None:
    """The index forgets with the graph."""
    published(neo4j_store, circle(30))
    by_index(neo4j_store, [1.0, 0.0], 1)
    neo4j_store.delete_users(["u000"])
    assert by_index(neo4j_store, [1.0, 0.0], 2) == ["u001", "u029"]
