"""How long every named query takes, with the whole of its answer, on a graph of some size.

    python -m benchmarks.queries [--store URL] [--users 200000] [--events 2000000] [--times 3]

A synthetic power-law graph (half as many items as users, 500 categories, half as many ties as
events) is loaded and a release with ten interests a user published over it, then similar users. A
query that asks for a user or an item is asked for one of middling and one of the highest degree
and has a row for each. The first run of each counts as `cold`; `warm` is the median of the others,
`CPU` the work in those, of the client and a local server (10 ms is the least it can tell).
A store given by URL must be empty. Prints Markdown.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.meter import Cost, Meter
from benchmarks.power_law import power_law
from benchmarks.profiles import Sizes, keys, release
from kg.errors import QueryTimeout
from kg.queries import NamedQuery, packaged
from kg.reference import markdown
from kg.schema import load_order, table_schema
from kg.store import GraphStore, open_store

CATEGORIES = 500
NEAR = 10
"""Similar users of each."""
TIMEOUT_S = 300.0
COLUMNS = ("query", "asked for", "rows", "cold ms", "warm ms", "CPU ms")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--store", help="URL of an empty one; default: embedded, thrown away")
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=sorted(packaged()), metavar="QUERY")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="queries-") as folder:
        with open_store(given.store or f"ladybug://{folder}/kg.lbug") as store:
            asked = fill(store, given.users, given.events)
        port = urlsplit(store.url).port or 7687 if store.dialect == "neo4j" else None
        with open_store(store.url, read_only=True) as reader:
            rows = [
                measured(reader, Meter(port), query, who, values, given.times)
                for name, query in packaged().items()
                if not given.only or name in given.only
                for who, values in arguments(query, asked)
            ]
    kind = store.url.split(":")[0]
    print(f"## named queries on {kind}: {given.users:,} users, {given.events:,} events\n")
    print(markdown(COLUMNS, rows))


def fill(store: GraphStore, users: int, events: int) -> dict[str, dict[str, str]]:
    """Load and publish; returns keys to ask for, by parameter and by what they are."""
    items = max(users // 2, 10)
    graph = power_law(
        users=users, items=items, categories=CATEGORIES, events=events, ties=events // 2
    )
    store.ensure_schema()
    for name in load_order(tuple(graph)):
        store.bulk_load(name, graph[name])
    made = release(Sizes(users, items, CATEGORIES), "r1")
    made.edges["SIMILAR_TO"] = similar(users)
    store.write_release(made)
    views = graph["VIEWED"]
    return {
        "userId": degrees(views["src"]),
        "itemId": degrees(views["dst"]),
        "categoryId": degrees(made.edges["INTERESTED_IN.Category"]["dst"]),
        "community": {"middling": "7"},
    }


def degrees(ends: pa.ChunkedArray) -> dict[str, str]:
    """A key of middling and one of the highest degree."""
    counts = pc.value_counts(ends.combine_chunks())
    order = pc.sort_indices(counts.field("counts")).to_numpy()
    key = counts.field("values")
    return {"middling": key[int(order[len(order) // 2])].as_py(),
            "highest": key[int(order[-1])].as_py()}  # fmt: skip


def similar(users: int) -> pa.Table:
    rng = np.random.default_rng(3)
    n = users * NEAR
    src = np.repeat(np.arange(users), NEAR)
    dst = (src + 1 + rng.integers(0, max((users - 1) // NEAR, 1), n)
           + np.tile(np.arange(NEAR), users) * ((users - 1) // NEAR)) % users  # fmt: skip
    columns = {
        "src": keys("u", src),
        "dst": keys("u", dst),
        "score": -np.sort(-rng.random((users, NEAR)), axis=1).ravel(),
        "rank": np.tile(np.arange(1, NEAR + 1), users),
        "modelVersion": ["r1"] * n,
    }
    table = pa.table({c: columns[c] for c in table_schema("SIMILAR_TO").names})
    return table.filter(pc.not_equal(table["src"], table["dst"]))


def arguments(
    query: NamedQuery, asked: dict[str, dict[str, str]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(what is asked for, values): the required parameters; the others keep their defaults."""
    needed = [p for p in query.parameters if p.required]
    if not needed:
        yield "", {}
        return
    for who in asked[needed[0].name.removesuffix("s")]:
        values: dict[str, Any] = {}
        for parameter in needed:
            if parameter.name.endswith("Ids"):
                values[parameter.name] = list(asked[parameter.name.removesuffix("s")].values())
            else:
                known = asked[parameter.name]
                values[parameter.name] = known.get(who, known["middling"])
        yield f"{who} {needed[0].name}", values


def measured(
    store: GraphStore,
    meter: Meter,
    query: NamedQuery,
    who: str,
    values: dict[str, Any],
    times: int,
) -> list[str]:
    taken: list[Cost] = []
    for _ in range(times):
        try:
            with meter() as cost:
                found = query.run(store, values, timeout_s=TIMEOUT_S)
        except QueryTimeout:
            return [f"`{query.name}`", who, "", f"over {TIMEOUT_S * 1000:.0f}", "", ""]
        taken.append(cost)
    again = taken[1:]
    warm = [1000 * statistics.median(c.wall for c in again),
            1000 * statistics.mean(c.cpu for c in again)] if again else []  # fmt: skip
    cold = f"{1000 * taken[0].wall:.0f}"
    return [f"`{query.name}`", who, f"{len(found.rows)}", cold, *(f"{ms:.0f}" for ms in warm)]


if __name__ == "__main__":
    main()
