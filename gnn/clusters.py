"""Items without categories → derived categories: groups of like items, named by their words.

Text decides where there is enough of it; otherwise the model's item vectors, which place items
together that the same users take up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD

from gnn.graph import Events
from gnn.tables import GraphTables
from gnn.words import documents, telling_words, vectorizer

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

ENOUGH_TEXT = 0.5
"""Share of the items with events that must have text for text to decide."""
FEWEST_ITEMS = 8
"""With fewer items there is nothing to group."""
MOST_CLUSTERS = 64
TEXT_DIM = 64
SAMPLED_ROWS = 20_000
NONE = -1


@dataclass(frozen=True)
class Clusters:
    of_item: Ints
    """[I] cluster of each item, NONE for those nothing is known of"""
    names: tuple[str, ...]
    """By cluster, the largest first"""
    by: str
    """"text" or "vectors" """

    def __len__(self) -> int:
        return len(self.names)


def derive_clusters(graph: GraphTables, seen: Events, item: Floats, seed: int) -> Clusters | None:
    """Groups of the items known from the `seen` events; None where there are too few.

    `item` [I, d] are the vectors of a model that saw no more than `seen`: what is judged later
    must not have shaped the groups.
    """
    active = np.bincount(seen.item[seen.positive], minlength=len(item)) > 0
    texts = documents(graph, seen)
    has_text = pc.is_valid(texts).to_numpy(zero_copy_only=False)
    if active.sum() < FEWEST_ITEMS:
        return None
    if has_text[active].mean() >= ENOUGH_TEXT:
        by_text = _by_text(texts, np.flatnonzero(has_text), seed)
        if by_text is not None:
            return extend_clusters(by_text, seen, item)
    rows = np.flatnonzero(active)
    of_item = np.full(len(item), NONE)
    of_item[rows] = k_means(unit_rows(item[rows]), _number(len(rows)), seed)
    of_item = _by_size(of_item)
    return Clusters(of_item, _popular_names(graph, seen, of_item), "vectors")


def _number(n: int) -> int:
    return int(np.clip(round((n / 2) ** 0.5), 2, MOST_CLUSTERS))


def _by_text(texts: pa.Array, rows: Ints, seed: int) -> Clusters | None:
    model = vectorizer()
    try:
        weights = model.fit_transform(texts.take(pa.array(rows)).to_pylist())
    except ValueError:  # no word is neither rare nor common
        return None
    dim = min(TEXT_DIM, min(weights.shape) - 1)
    if dim < 2:
        return None
    reduced = TruncatedSVD(dim, random_state=seed).fit_transform(weights)
    of_item = np.full(len(texts), NONE)
    of_item[rows] = k_means(unit_rows(reduced), _number(len(rows)), seed)
    of_item = _by_size(of_item)
    words = telling_words(weights, of_item[rows], model.get_feature_names_out(), 2)
    return Clusters(of_item, tuple(", ".join(w) for w in words), "text")


def extend_clusters(clusters: Clusters, seen: Events, item: Floats) -> Clusters:
    """Items that came later, or have no text, join the cluster whose mean vector is nearest to
    theirs, once a `seen` event has placed them."""
    unit = unit_rows(item)
    known = np.flatnonzero(clusters.of_item != NONE)
    centre = np.zeros((len(clusters), item.shape[1]), np.float32)
    np.add.at(centre, clusters.of_item[known], unit[known])
    active = np.bincount(seen.item[seen.positive], minlength=len(item)) > 0
    late = np.flatnonzero(active & (clusters.of_item == NONE))
    of_item = clusters.of_item.copy()
    of_item[late] = np.argmax(unit[late] @ unit_rows(centre).T, axis=1) if len(late) else NONE
    return replace(clusters, of_item=of_item)


def k_means(x: Floats, k: int, seed: int) -> Ints:
    """[N] at most `k` groups of the rows of `x`."""
    return nearest_centre(x, k_centres(x, k, seed))


def k_centres(x: Floats, k: int, seed: int) -> Floats:
    """[at most k, d] centres of k-means on the rows of `x`, fitted on about SAMPLED_ROWS of
    them."""
    some = x[:: max(1, len(x) // SAMPLED_ROWS)]
    distinct = len(np.unique(some, axis=0))
    model = KMeans(min(k, distinct), n_init=3, random_state=seed).fit(some)
    return np.asarray(model.cluster_centers_, np.float32)


def nearest_centre(x: Floats, centre: Floats) -> Ints:
    """[N] row of the centre nearest to each row of `x`, the first where two are."""
    nearest = np.argmin((centre**2).sum(axis=1) - 2 * (x @ centre.T), axis=1)
    return np.asarray(nearest, np.int64)


def unit_rows(x: Floats) -> Floats:
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(x / np.where(norm > 0, norm, 1), np.float32)


def _by_size(of_item: Ints) -> Ints:
    """Renumbered so that 0 is the largest; empty ones are gone."""
    rows = of_item != NONE
    size = np.bincount(of_item[rows])
    order = np.argsort(-size, kind="stable")[: int((size > 0).sum())]
    number = np.full(len(size), NONE)
    number[order] = np.arange(len(order))
    renumbered = of_item.copy()
    renumbered[rows] = number[of_item[rows]]
    return renumbered


def _popular_names(graph: GraphTables, seen: Events, of_item: Ints) -> tuple[str, ...]:
    """Each cluster by its two most popular items: title, or id where there is none."""
    ids = graph.items["itemId"].combine_chunks()
    if "title" in graph.items.column_names:
        ids = pc.coalesce(graph.items["title"].cast(pa.string()).combine_chunks(), ids)
    popularity = np.bincount(seen.item[seen.positive], minlength=len(of_item))
    order = np.lexsort((-popularity, of_item))
    order = order[of_item[order] != NONE]
    place = np.arange(len(order)) - np.searchsorted(of_item[order], of_item[order])
    leading = order[place < 2]
    labels = ids.take(pa.array(leading)).to_pylist()
    names: list[list[str]] = [[] for _ in range(int(of_item.max()) + 1)]
    for cluster, label in zip(of_item[leading].tolist(), labels, strict=True):
        names[cluster].append(label)
    return tuple("like " + ", ".join(n) for n in names)


def with_clusters(graph: GraphTables, clusters: Clusters) -> GraphTables:
    """The graph with the clusters as its categories."""
    rows = np.flatnonzero(clusters.of_item != NONE)
    return replace(
        graph,
        categories=cluster_table(clusters),
        item_category=pa.table(
            {
                "src": pa.array(rows, pa.int64()),
                "dst": pa.array(clusters.of_item[rows], pa.int64()),
                "weight": pa.array(np.ones(len(rows))),
            }
        ),
        category_parent=graph.category_parent.slice(0, 0),
    )


def cluster_table(clusters: Clusters) -> pa.Table:
    """categoryId, name, level, derived: the columns of a Category."""
    names = pa.array(clusters.names, pa.string())
    slug = pc.replace_substring_regex(pc.utf8_lower(names), r"[^\pL\pN]+", "-")
    slug = pc.utf8_slice_codeunits(pc.utf8_trim(slug, "-"), 0, 48)
    number = pa.array([f"{n:02d}" for n in range(len(clusters))], pa.string())
    return pa.table(
        {
            "categoryId": pc.binary_join_element_wise("derived", number, slug, ":"),
            "name": names,
            "level": pa.array([0] * len(clusters), pa.int64()),
            "derived": pa.array([True] * len(clusters), pa.bool_()),
        }
    )
