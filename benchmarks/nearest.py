"""The nearest users by their vectors: what an answer costs, and how many the index finds.

    python -m benchmarks.nearest [--store URL] [--users 200000] [--queries 200]

Users' 64-d vectors are drawn around a thousand centres, as learned ones are. Prints Markdown: the
exact answer of the store, that of a server's vector index with its recall@10 against the exact one,
and the usual practices beside: the index's own order, and all vectors read by the client. The store
must be empty; by default it is an embedded one that is thrown away.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from benchmarks.meter import Cost, Meter
from benchmarks.power_law import END
from benchmarks.profiles import DIM, keys, nodes
from kg.reference import markdown
from kg.store import GraphStore, ReleaseTables, open_store

CENTRES, SPREAD = 1_000, 0.09
TOP = 10
SLOW = 10
"""Queries of a practice that takes seconds."""
HEAD = ("answer", "queries", "wall ms", "client CPU ms", "server CPU ms", f"recall@{TOP}",
        "peak GiB")  # fmt: skip
Ask = Callable[[NDArray[np.float32]], list[str]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--store", help="URL; default: an embedded one, thrown away")
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--queries", type=int, default=200)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="nearest-") as folder,
        open_store(given.store or f"ladybug://{folder}/kg.lbug") as store,
    ):
        measured(store, given.users, given.queries)


def measured(store: GraphStore, users: int, queries: int) -> None:
    rng = np.random.default_rng(11)
    centres = rng.standard_normal((CENTRES, DIM)).astype(np.float32)
    points = unit(centres)[rng.integers(0, CENTRES, users)]
    points = unit(points + SPREAD * rng.standard_normal((users, DIM), np.float32))
    store.ensure_schema()
    store.bulk_load("User", nodes(users, 0, 0)["User"])
    on_server = store.dialect == "neo4j"
    meter = Meter(urlsplit(store.url).port or 7687 if on_server else None)
    asked = rng.choice(users, queries, replace=False)
    rows = []
    with meter() as cost:
        store.write_release(released(points))
    rows.append(_line("publish the vectors", 1, cost))
    if on_server:
        with meter() as cost:
            wait(store, points[0])
        rows.append(_line("then the server fills its index", 1, cost))
    every = vectors(store)
    exact = {int(n): exactly(every, points[n]) for n in asked}
    ways: list[tuple[str, int, Ask]] = [
        ("exact, by the store", SLOW if on_server else queries,
         lambda v: store.nearest("User", v.tolist(), TOP, exact=True).keys),
        ("usual: all vectors to the client", SLOW, lambda v: exactly(vectors(store), v)),
    ]  # fmt: skip
    if on_server:
        ways = [
            ("by the index, ranked by whole vectors", queries,
             lambda v: store.nearest("User", v.tolist(), TOP).keys),
            ("usual: the index's own first ten", queries, lambda v: plain(store, v)),
            *ways,
        ]  # fmt: skip
    for name, n, ask in ways:
        ask(points[0])
        with meter() as cost:
            found = [ask(points[k]) for k in asked[:n]]
        hits = [len(set(one) & set(exact[int(k)])) for one, k in zip(found, asked, strict=False)]
        rows.append(_line(name, n, cost, sum(hits) / (TOP * n)))
    print(f"## nearest users on {store.dialect}\n\n{users:,} users, {DIM}-d vectors; times are of "
          f"one query\n\n{markdown(HEAD, rows)}")  # fmt: skip


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled.astype(np.float32)


def released(points: NDArray[np.float32]) -> ReleaseTables:
    n = len(points)
    users = pa.table(
        {
            "userId": keys("u", np.arange(n)),
            "embedding": pa.FixedSizeListArray.from_arrays(pa.array(points.ravel()), DIM),
            "modelVersion": ["v1"] * n,
        }
    )
    row = pa.table({"version": ["v1"], "createdAt": [END], "status": ["live"]})
    items = pa.table({"itemId": pa.array([], pa.string())})
    return ReleaseTables(release=row, users=users, items=items)


def wait(store: GraphStore, vector: NDArray[np.float32]) -> None:
    while store.nearest("User", vector.tolist(), TOP).exact:
        time.sleep(0.2)


def vectors(store: GraphStore) -> tuple[pa.ChunkedArray, NDArray[np.float32]]:
    table = store.export({"User": ["embedding"]}, {}).nodes["User"]
    flat = pc.list_flatten(table["embedding"]).to_numpy().astype(np.float32, copy=False)
    return table["userId"], flat.reshape(-1, DIM)


def exactly(
    every: tuple[pa.ChunkedArray, NDArray[np.float32]], vector: NDArray[np.float32]
) -> list[str]:
    names, points = every
    best = np.argpartition(-(points @ vector), TOP)[:TOP]
    return list(names.take(pa.array(best)).to_pylist())


def plain(store: GraphStore, vector: NDArray[np.float32]) -> list[str]:
    text = (
        "CALL db.index.vector.queryNodes('kg_User_embedding', $k, $v) YIELD node RETURN node.userId"
    )
    return [row[0] for row in store.query(text, {"k": TOP, "v": vector.tolist()}).rows]


def _line(name: str, n: int, cost: Cost, recall: float | None = None) -> list[str]:
    each = [f"{1000 * t / n:,.1f}" for t in (cost.wall, cost.client)]
    server = "" if cost.server is None else f"{1000 * cost.server / n:,.1f}"
    hit = "" if recall is None else f"{recall:.3f}"
    return [name, f"{n:,}", *each, server, hit, f"{cost.peak:.2f}"]


if __name__ == "__main__":
    main()
