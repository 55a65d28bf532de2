"""The live release and users' own edges → vectors for an index of inner products.

    users.parquet (userId, vector), users.npy ([n, d] float32, the same rows)
    items.parquet (itemId, vector), items.npy

user · item ranks items for a user by the encoder and, where validation gave it a weight, the linear
filter's band beside it: what one product can say. What needs more (own history, the two-hop filter,
the order of a ranking's head) is in the fused score, `kg recommend` and the interest edges. Users
who object to being profiled are not there, nor those without a vector, nor items of sensitive
categories.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import scipy.sparse as sp

from kg.arrays import EDGE_COLUMNS, graph_tables
from kg.errors import ConfigError
from kg.files import whole_folder
from kg.refresh import live_model
from kg.schema import BEHAVIOURS, SOCIAL
from kg.store import GraphStore, Snapshot
from kg.vectors import matrix

if TYPE_CHECKING:
    from gnn.refresh import Kept
    from gnn.tables import GraphTables

AT_ONCE = 50_000
"""Rows of a block"""
_READ = ("at", "weight", "rating")


def export_retrieval(
    store: GraphStore, releases: Path, path: Path, *, sensitive: frozenset[str] = frozenset()
) -> dict[str, int]:
    """Returns how many; `sensitive` are ids of categories: what is below one is, too. The folder
    appears whole or not at all. Raises ConfigError where there are no vectors, or `path` cannot be
    written or is a folder with something in it; ReleaseError, NotFound and ModelError as
    `kg.refresh.live_model`."""
    _, kept = live_model(store, releases)
    graph = _graph(store)
    rows = _offered(kept, graph, sensitive)
    if not graph.users.num_rows:
        raise ConfigError(f"{store.url}: no user has a vector; kg retrain makes them")
    if not len(rows):
        raise ConfigError(f"{store.url}: all items are in sensitive categories (KG_SENSITIVE)")
    with whole_folder(path) as folder:
        items = pa.chunked_array([kept.catalogue.items.take(pa.array(rows))])
        _write(folder / "users", "userId", graph.users["userId"], _users(kept, graph))
        _write(folder / "items", "itemId", items, _items(kept, rows))
    return {"users": graph.users.num_rows, "items": len(items)}


def _graph(store: GraphStore) -> GraphTables:
    """Who has a vector, and what they did."""
    columns = {n: tuple(c for c in EDGE_COLUMNS[n] if c in _READ) for n in BEHAVIOURS}
    nodes = {"User": ("embedding", "profiling"), "Item": (), "Category": ("derived",)}
    found = store.export(nodes, {**columns, "IN_CATEGORY": (), "CHILD_OF": ()})
    ends = pa.table({"src": pa.array([], pa.int64()), "dst": pa.array([], pa.int64())})
    unread = dict.fromkeys(SOCIAL, ends)
    people = found.nodes["User"]
    willing = pc.fill_null(people["profiling"], True)
    wanted = pc.and_(pc.is_valid(people["embedding"]), willing)
    place = people.schema.get_field_index("profiling")
    found.nodes["User"] = people.set_column(place, "profiling", wanted)
    return graph_tables(Snapshot(nodes=found.nodes, edges={**found.edges, **unread}))


def _offered(kept: Kept, graph: GraphTables, sensitive: frozenset[str]) -> np.ndarray:
    """Rows of the catalogue's items that may be offered."""
    from gnn.categories import categories_of

    private = graph.items["itemId"].filter(pa.array(categories_of(graph, sensitive).private_items))
    hidden = pc.is_in(kept.catalogue.items, private.combine_chunks())
    return np.flatnonzero(~hidden.to_numpy(zero_copy_only=False))


def _users(kept: Kept, graph: GraphTables) -> Iterator[np.ndarray]:
    from gnn.catalogue import places_of
    from gnn.graph import events
    from gnn.retrieval import user_vectors

    done = events(graph).matrix().tocoo()
    place = places_of(kept.catalogue, graph.items["itemId"])[done.col]
    known = place >= 0
    shape = (graph.users.num_rows, len(kept.catalogue))
    rows = sp.csr_matrix((done.data[known], (done.row[known], place[known])), shape)
    for start in range(0, shape[0], AT_ONCE):
        own = matrix(graph.users.slice(start, AT_ONCE))
        yield user_vectors(own, rows[start : start + AT_ONCE], kept.retrieval_filter)


def _items(kept: Kept, rows: np.ndarray) -> Iterator[np.ndarray]:
    from gnn.retrieval import item_vectors

    known, band = kept.catalogue, kept.retrieval_filter.band_of_items
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        yield item_vectors(known.vector[some], known.bias[some], band[some], kept.trained.beside)


def _write(path: Path, key: str, ids: pa.ChunkedArray, blocks: Iterator[np.ndarray]) -> None:
    """A table and an array of the same rows."""
    first = next(blocks)
    width = first.shape[1]
    schema = pa.schema({key: pa.string(), "vector": pa.list_(pa.float32(), width)})
    array = np.lib.format.open_memmap(path.with_suffix(".npy"), "w+", np.float32, (len(ids), width))
    with pq.ParquetWriter(path.with_suffix(".parquet"), schema) as table:
        start = 0
        for block in chain([first], blocks):
            end = start + len(block)
            array[start:end] = block
            flat = pa.array(np.ascontiguousarray(block).reshape(-1))
            column = pa.FixedSizeListArray.from_arrays(flat, width)
            named = ids.slice(start, len(block)).cast(pa.string())
            table.write_table(pa.table({key: named, "vector": column}, schema=schema))
            start = end
    array.flush()
