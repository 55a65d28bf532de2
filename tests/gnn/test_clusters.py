"""Items without categories → derived categories, named by their words."""

import numpy as np
import pyarrow as pa

from gnn.clusters import NONE, cluster_table, derive_clusters, extend_clusters, with_clusters
from gnn.graph import events
from tests.gnn.planted import acts, tables

GROUPS = [
    ["steel strings", "acoustic strings", "nylon strings", "strings bronze"],
    ["drum sticks", "drum cymbal", "snare drum", "drum pedal"],
    ["microphone stand", "condenser microphone", "microphone cable", "vocal microphone"],
]
TITLES = [f"{t} no. {k}" for k in range(5) for group in GROUPS for t in group]
KIND = np.array([g for _ in range(5) for g in range(3) for _ in range(4)])
N = len(TITLES)
RNG = np.random.default_rng(0)
RANDOM = RNG.normal(size=(N, 6)).astype(np.float32)
BY_TASTE = (np.eye(6)[KIND] + RNG.normal(0, 0.1, (N, 6))).astype(np.float32)


def shop(titles=None, n=N):
    return tables(3, n, {"VIEWED": acts(np.arange(n) % 3, np.arange(n))}, titles=titles)


def derive(graph, item):
    return derive_clusters(graph, events(graph), item, seed=0)


def purity(of_item):
    """Share of items in clusters of mostly their own kind."""
    pairs = np.zeros((of_item.max() + 1, 3))
    np.add.at(pairs, (of_item, KIND), 1)
    return pairs.max(axis=1).sum() / len(of_item)


def test_text_groups_items_by_their_words():
    """Whatever the vectors say: strings, drums and microphones come apart."""
    assert purity(derive(shop(TITLES), RANDOM).of_item) > 0.95


def test_a_cluster_is_named_by_the_words_that_tell_it_apart():
    """Every planted word names a cluster."""
    names = " ".join(derive(shop(TITLES), RANDOM).names)
    assert all(word in names for word in ("strings", "drum", "microphone"))


def test_the_id_carries_number_and_words():
    """`derived:00:…`: the largest comes first, and the words are made safe for a key."""
    ids = cluster_table(derive(shop(TITLES), RANDOM))["categoryId"].to_pylist()
    assert ids[0].startswith("derived:00:")
    assert all(set(i) <= set("derivd:0123456789-abcdefghijklmnopqrstuvwxyz") for i in ids)


def test_without_text_items_taken_up_together_are_grouped():
    """The model's vectors decide, and popular items name the groups."""
    found = derive(shop(), BY_TASTE)
    assert found.by == "vectors"
    assert purity(found.of_item) > 0.95
    assert all(name.startswith("like i") for name in found.names)


def test_reviews_stand_in_for_titles():
    """Items known only by what is written about them are grouped by those words."""
    n = N
    reviews = acts(np.arange(n) % 3, np.arange(n), text=TITLES, weight=np.ones(n))
    found = derive(tables(3, n, {"REVIEWED": reviews}), RANDOM)
    assert found.by == "text"
    assert purity(found.of_item) > 0.95


def test_a_review_not_seen_shapes_nothing():
    """What was written after the cut is not read: no text, so vectors decide."""
    reviews = acts(np.arange(N) % 3, np.arange(N), np.arange(N), text=TITLES, weight=np.ones(N))
    graph = tables(3, N, {"VIEWED": acts(np.arange(N) % 3, np.arange(N)), "REVIEWED": reviews})
    flat = events(graph)
    early = flat.where(flat.relation == 0)
    assert derive_clusters(graph, early, BY_TASTE, seed=0).by == "vectors"


def test_a_late_item_joins_its_nearest_cluster():
    """An item with its first event after the cut joins those its vector is near."""
    graph = shop()
    flat = events(graph)
    early = flat.where(flat.item != 0)
    found = derive_clusters(graph, early, BY_TASTE, seed=0)
    assert found.of_item[0] == NONE
    later = extend_clusters(found, flat, BY_TASTE)
    assert KIND[later.of_item == later.of_item[0]].max() == KIND[0]


def test_an_item_nothing_is_known_of_stays_out():
    """No event, no text: no category is claimed for it."""
    graph = shop(n=N + 1)
    flat = events(graph)
    early = flat.where(flat.item < N)
    vectors = np.vstack([BY_TASTE, np.ones((1, 6))]).astype(np.float32)
    found = derive_clusters(graph, early, vectors, seed=0)
    assert extend_clusters(found, early, vectors).of_item[N] == NONE


def test_chinese_titles_are_grouped_and_named():
    """Scripts without spaces are read sign by sign, and a name has no spaces in it."""
    kinds = ["吉他琴弦", "架子鼓棒", "话筒支架"]
    titles = [f"{kinds[k % 3]} {k}" for k in range(30)]
    graph = tables(3, 30, {"VIEWED": acts(np.arange(30) % 3, np.arange(30))}, titles=titles)
    found = derive(graph, RANDOM[:30])
    assert found.by == "text"
    pieces = {part for name in found.names for part in name.split(", ")}
    assert all(len(piece) > 1 and any(piece in kind for kind in kinds) for piece in pieces)


def test_a_handful_of_items_gives_no_categories():
    """With fewer than eight there is nothing to group."""
    assert derive(shop(n=5), RANDOM[:5]) is None


def test_the_graph_takes_the_clusters_as_its_categories():
    """Every item has one."""
    graph = with_clusters(shop(TITLES), derive(shop(TITLES), RANDOM))
    assert graph.item_category.num_rows == N
    assert graph.categories["derived"].to_pylist() == [True] * graph.categories.num_rows
    assert graph.categories.schema.field("level").type == pa.int64()


def test_two_runs_agree():
    """The same seed gives the same categories."""
    assert cluster_table(derive(shop(TITLES), RANDOM)).equals(
        cluster_table(derive(shop(TITLES), RANDOM))
    )
