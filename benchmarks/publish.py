"""What a publish costs: all new, all changed, a tenth, a hundredth; beside the usual practice and
the least the engine can do.

    python -m benchmarks.publish [--store URL] [--users 200000]

Every user has a 64-d embedding and 14 more properties, and ten INTERESTED_IN edges with 9
properties each; half as many items have an embedding too. Prints Markdown. The store must be empty;
by default it is an embedded one that is thrown away.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa

from benchmarks.bare_profiles import Bare
from benchmarks.meter import Cost, Meter
from benchmarks.profiles import EACH, Sizes, changed_edges, changed_users, nodes, release
from benchmarks.usual_profiles import OnLadybug, OnNeo4j, Usual
from kg.reference import markdown
from kg.store import GraphStore, ReleaseTables, WriteCount, open_store

HEAD = ("step", "changed", "wall s", "client CPU s", "server CPU s", "peak GiB",
        "users", "edges")  # fmt: skip
TURNS = 5
COMPARED = ("step", "rows", "rows/s", "client µs", "server µs", "CPU, ×ours", "time, ×ours")


class Steps:
    def __init__(self, store: GraphStore, meter: Meter) -> None:
        self.store, self.meter = store, meter
        self.rows: list[list[str]] = []

    def publish(self, step: str, changed: str, tables: ReleaseTables) -> None:
        with self.meter() as cost:
            written = self.store.write_release(tables)
        users = touched(written["User"])
        edges = sum(touched(w) for name, w in written.items() if name.startswith("INTERESTED_IN"))
        self.add(step, changed, cost, f"{users:,}", f"{edges:,}")
        if self.store.dialect == "neo4j":  # or it would be counted with the next step
            with self.meter() as cost:
                indexed(self.store)
            if cost.wall > 1:
                self.add("then the server fills its vector index", changed, cost)

    def add(self, step: str, changed: str, cost: Cost, users: str = "", edges: str = "") -> None:
        self.rows.append([
            step, changed, f"{cost.wall:.1f}", f"{cost.client:.1f}",
            "" if cost.server is None else f"{cost.server:.1f}", f"{cost.peak:.2f}", users, edges,
        ])  # fmt: skip
        print("; ".join(self.rows[-1]), file=sys.stderr)


def indexed(store: GraphStore) -> None:
    """Waits for every vector index."""
    while store.query("SHOW VECTOR INDEXES YIELD state WHERE state <> 'ONLINE' RETURN state").rows:
        time.sleep(0.2)


def touched(count: WriteCount) -> int:
    return count.created + count.updated + count.deleted


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--store", help="URL; default: an embedded one, thrown away")
    parser.add_argument("--users", type=int, default=200_000)
    given = parser.parse_args()
    sizes = Sizes(given.users, given.users // 2, 500)
    with tempfile.TemporaryDirectory(prefix="publish-") as folder:
        url = given.store or f"ladybug://{folder}/kg.lbug"
        with open_store(url) as store:
            measured(store, url, Path(folder), sizes)


def measured(store: GraphStore, url: str, folder: Path, sizes: Sizes) -> None:
    store.ensure_schema()
    for label, rows in nodes(sizes.users, sizes.items, sizes.categories).items():
        store.bulk_load(label, rows)
    on_server = store.dialect == "neo4j"
    meter = Meter(urlsplit(url).port or 7687 if on_server else None)
    usual: Usual = OnNeo4j(url) if on_server else OnLadybug(folder)
    steps = Steps(store, meter)
    first = release(sizes, "v1")
    if on_server:  # a server that has just started compiles its code first
        warmed(store, usual, first)
    steps.publish("first publish", "all is new", first)
    live = changed_users(first, "v2", 1.0, 2)
    steps.publish("publish", "100 % of users and items, with their edges", live)
    for share, seed in ((0.1, 3), (0.01, 4)):
        live = changed_users(live, f"v{seed}", share, seed)
        steps.publish("publish", f"{share:.0%} of them", live)
    for share, seed in ((0.1, 5), (0.01, 6)):
        live = changed_edges(live, f"v{seed}", share, seed)
        steps.publish("publish", f"{share:.0%} of the edges, anywhere", live)
    steps.publish("publish", "nothing", changed_edges(live, "v7", 0.0, 7))
    if not on_server:
        whole = Bare(folder, live)
        with meter() as cost:
            whole.replace()
        steps.add("usual: DROP, CREATE, COPY", "the same tables, alone in a file", cost)
        whole.close()
    print(f"## publish on {store.dialect}\n\n{sizes.users:,} users, {sizes.items:,} items, "
          f"{2 * EACH * sizes.users:,} edges\n")  # fmt: skip
    print(markdown(HEAD, steps.rows))
    print()
    print(markdown(COMPARED, beside(store, usual, live, meter)))
    usual.close()


def warmed(store: GraphStore, usual: Usual, tables: ReleaseTables) -> None:
    few = tables.users.slice(0, 5_000)
    for _ in range(2):
        store.renew_profiles(few, {n: of(t, few) for n, t in tables.edges.items()})
        store.renew_profiles(few.select(["userId", "embedding"]), {})
        usual.vectors(few)
        usual.profiles(few)
        usual.edges(of(tables.edges["INTERESTED_IN.Item"], few))
        for _, floor in usual.floors(few, of(tables.edges["INTERESTED_IN.Item"], few)).values():
            floor()


def of(edges: pa.Table, users: pa.Table) -> pa.Table:
    """The first users' edges: a release has EACH of them a user, in order."""
    return edges.slice(0, EACH * users.num_rows)


def beside(store: GraphStore, usual: Usual, tables: ReleaseTables, meter: Meter) -> list[list[str]]:
    """Ours, the usual practice and the least there is to do, on the same rows, in turns; the median
    of each."""
    few = tables.users.slice(0, min(usual.users, tables.users.num_rows))
    vectors = few.select(["userId", "embedding"])
    interests = of(tables.edges["INTERESTED_IN.Item"], few)
    edges = {"INTERESTED_IN.Item": interests}
    names = few.select(["userId", "modelVersion"])
    ours: list[tuple[str, int, Callable[[], object], Callable[[], object]]] = [
        ("embeddings", few.num_rows, lambda: store.renew_profiles(vectors, {}),
         lambda: usual.vectors(few)),
        ("15 properties", few.num_rows, lambda: store.renew_profiles(few, {}),
         lambda: usual.profiles(few)),
        ("replaced edges", interests.num_rows, lambda: store.renew_profiles(names, edges),
         lambda: usual.edges(interests)),
    ]  # fmt: skip
    floors = usual.floors(few, interests)
    if store.dialect == "neo4j":
        usual.without_index()  # as a publish that changes most vectors does first
        warmed(store, usual, tables)  # every plan is made anew without it
    rows = []
    for name, n, own, other in ours:
        works = {name: own, f"usual: {usual.how[name]}": other}
        if name in floors:
            how, floor = floors[name]
            works[f"floor: {how}"] = floor
        turns = [[measured_by(meter, work) for work in works.values()] for _ in range(TURNS)]
        mine, *others = (middle(costs) for costs in zip(*turns, strict=True))
        rows.append(_line(name, n, mine))
        rows += [
            _line(said, n, cost, mine) for said, cost in zip(list(works)[1:], others, strict=True)
        ]
    return rows


def measured_by(meter: Meter, work: Callable[[], object]) -> Cost:
    with meter() as cost:
        work()
    return cost


def middle(costs: Sequence[Cost]) -> Cost:
    """The one of middling CPU."""
    return sorted(costs, key=lambda c: c.cpu)[len(costs) // 2]


def _line(name: str, n: int, cost: Cost, ours: Cost | None = None) -> list[str]:
    server = "" if cost.server is None else f"{cost.server / n * 1e6:.1f}"
    ratios = ["", ""]
    if ours is not None:
        ratios = [f"{cost.cpu / max(ours.cpu, 1e-9):.1f}×", f"{cost.wall / ours.wall:.1f}×"]
    each = f"{n / cost.wall:,.0f}"
    return [name, f"{n:,}", each, f"{cost.client / n * 1e6:.1f}", server, *ratios]


if __name__ == "__main__":
    main()
