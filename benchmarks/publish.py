"""What a publish costs: all new, all changed, a tenth, a hundredth; beside the usual practice.

    python benchmarks/publish.py [--store URL] [--users 200000]

Every user has a 64-d embedding and 14 more properties, and ten INTERESTED_IN edges with 9
properties each; half as many items have an embedding too. Prints Markdown. The store must be empty;
by default it is an embedded one that is thrown away.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa

from benchmarks.meter import Cost, Meter
from benchmarks.profiles import EACH, Sizes, changed_edges, changed_users, nodes, release
from benchmarks.usual_profiles import OnLadybug, OnNeo4j, Usual
from kg.reference import markdown
from kg.store import GraphStore, ReleaseTables, WriteCount, open_store

HEAD = ("step", "changed", "wall s", "client CPU s", "server CPU s", "peak GiB",
        "users", "edges")  # fmt: skip
COMPARED = ("step", "rows", "client µs", "server µs", "CPU, ×ours")


class Steps:
    def __init__(self, store: GraphStore, meter: Meter) -> None:
        self.store, self.meter = store, meter
        self.rows: list[list[str]] = []

    def publish(self, step: str, changed: str, tables: ReleaseTables) -> Cost:
        with self.meter() as cost:
            written = self.store.write_release(tables)
        users = touched(written["User"])
        edges = sum(touched(w) for name, w in written.items() if name.startswith("INTERESTED_IN"))
        self.rows.append([
            step, changed, f"{cost.wall:.1f}", f"{cost.client:.1f}",
            "" if cost.server is None else f"{cost.server:.1f}", f"{cost.peak:.2f}",
            f"{users:,}", f"{edges:,}",
        ])  # fmt: skip
        return cost


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
    full = steps.publish("first publish", "all is new", first)
    live = changed_users(first, "v2", 1.0, 2)
    steps.publish("publish", "100 % of users and items, with their edges", live)
    for share, seed in ((0.1, 3), (0.01, 4)):
        live = changed_users(live, f"v{seed}", share, seed)
        steps.publish("publish", f"{share:.0%} of them", live)
    for share, seed in ((0.1, 5), (0.01, 6)):
        live = changed_edges(live, f"v{seed}", share, seed)
        steps.publish("publish", f"{share:.0%} of the edges, anywhere", live)
    steps.publish("publish", "nothing", changed_edges(live, "v7", 0.0, 7))
    print(f"## publish on {store.dialect}\n\n{sizes.users:,} users, {sizes.items:,} items, "
          f"{2 * EACH * sizes.users:,} edges\n")  # fmt: skip
    print(markdown(HEAD, steps.rows))
    print()
    print(markdown(COMPARED, beside(store, usual, live, meter, full)))
    usual.close()


def warmed(store: GraphStore, usual: Usual, tables: ReleaseTables) -> None:
    few = tables.users.slice(0, 5_000)
    for _ in range(2):
        store.renew_profiles(few, {n: of(t, few) for n, t in tables.edges.items()})
        store.renew_profiles(few.select(["userId", "embedding"]), {})
        usual.vectors(few)
        usual.profiles(few)
        usual.edges(of(tables.edges["INTERESTED_IN.Item"], few))


def of(edges: pa.Table, users: pa.Table) -> pa.Table:
    """The first users' edges: a release has EACH of them a user, in order."""
    return edges.slice(0, EACH * users.num_rows)


def beside(
    store: GraphStore, usual: Usual, tables: ReleaseTables, meter: Meter, full: Cost
) -> list[list[str]]:
    """Ours and the usual practice on the same rows, one after the other."""
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
    rows = []
    for name, n, own, other in ours:
        with meter() as mine:
            own()
        with meter() as theirs:
            other()
        rows.append(_line(name, n, mine, mine))
        rows.append(_line(f"usual: {usual.how[name]}", n, theirs, mine))
    return rows


def _line(name: str, n: int, cost: Cost, ours: Cost) -> list[str]:
    server = "" if cost.server is None else f"{cost.server / n * 1e6:.1f}"
    ratio = "" if cost is ours else f"{cost.cpu / max(ours.cpu, 1e-9):.1f}×"
    return [name, f"{n:,}", f"{cost.client / n * 1e6:.1f}", server, ratio]


if __name__ == "__main__":
    main()
