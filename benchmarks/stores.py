"""Loading, exporting and adding to a graph, beside the usual practice on the same data.

    python benchmarks/stores.py [--store URL] [--events N]
    python benchmarks/stores.py --store URL [--events N] --writers 1 2 4

A synthetic power-law graph: 200,000 users, 100,000 items, 500 categories, N events and N/2
friendships, fewer nodes where N is small. Prints Markdown: what each step costs in time, in CPU of
this process and (where a server is local) of the server, and in memory. The store must be empty; by
default it is an embedded one that is thrown away. With --writers nothing but loads into a server,
again and again, each time by so many writers.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.meter import Cost, Meter
from benchmarks.power_law import power_law
from benchmarks.usual import COLUMNS, OnLadybug, OnNeo4j, numbers
from benchmarks.writers import loads
from kg.reference import markdown
from kg.schema import EDGE_TABLES, load_order
from kg.store import GraphStore, open_store

EVENTS = 2_000_000
BATCH = 200_000
UPSERT = 10_000
NAMES = {"VIEWED": COLUMNS, "PURCHASED": (*COLUMNS, "price")}


@dataclass
class Table:
    """Steps with their costs; a step of the usual practice beside ours that does the same."""

    rows: list[list[str]] = field(default_factory=list)
    each: dict[str, float] = field(default_factory=dict)

    def add(self, step: str, n: int, cost: Cost, *, beside: str | None = None) -> None:
        each = self.each[step] = cost.cpu / max(n, 1) * 1e6
        self.rows.append([
            step, f"{n:,}", f"{cost.wall:.2f}", f"{n / cost.wall:,.0f}",
            f"{cost.client / max(n, 1) * 1e6:.2f}",
            "" if cost.server is None else f"{cost.server / max(n, 1) * 1e6:.2f}",
            f"{each / self.each[beside]:.2f}× {beside}" if beside else "", f"{cost.peak:.2f}",
        ])  # fmt: skip

    def __str__(self) -> str:
        head = (
            "step", "rows", "wall s", "rows/s", "client µs", "server µs", "CPU beside ours",
            "peak GiB",
        )  # fmt: skip
        return markdown(head, self.rows)


Step = tuple[str, int, Callable[[], object], str]
"""Its name, rows, what to run, and ours that it stands beside."""
LOAD, READ, ADD = "load VIEWED", "export VIEWED, 3 properties", "upsert VIEWED, half new (3)"


@dataclass(frozen=True)
class Graph:
    """Tables as Parquet files, made in a process of its own: its memory is not measured."""

    folder: Path
    rows: dict[str, int]

    def batches(self, name: str) -> Iterator[pa.Table]:
        with pq.ParquetFile(self.folder / f"{name}.parquet") as file:
            for batch in file.iter_batches(batch_size=BATCH):
                yield pa.Table.from_batches([batch])

    def head(self, name: str, n: int, columns: tuple[str, ...]) -> pa.Table:
        parts, found = [], 0
        for batch in self.batches(name):
            parts.append(batch.select(columns))
            found += batch.num_rows
            if found >= n:
                break
        return pa.concat_tables(parts).slice(0, n)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--store", help="URL; default: an embedded one, thrown away")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--only-ours", action="store_true", help="without the usual practice")
    parser.add_argument("--writers", type=int, nargs="+", help="of bulk loads; nothing else is run")
    given = parser.parse_args()
    if given.writers and not given.store:
        parser.error("--writers needs the --store URL of a server")
    with tempfile.TemporaryDirectory(prefix="stores-") as scratch:
        folder = Path(scratch)
        graph = made(folder, given.events)
        url = given.store or f"ladybug://{scratch}/kg.lbug"
        parts = urlsplit(url)
        meter = Meter(None if parts.scheme == "ladybug" else parts.port or 7687)
        with open_store(url) as store:
            store.ensure_schema()
            if store.counts():
                parser.error(f"{url} is not empty")
            if given.writers:
                print(f"### Several writers, {given.events:,} events\n")
                print(loads(url, given.writers, graph.rows, graph.batches, meter))
                return
            table = Table()
            loaded(store, graph, meter, table, url)
            exported(store, graph, meter, table)
            if not given.only_ours:
                beside = usual_on_neo4j if store.dialect == "neo4j" else usual_on_ladybug
                beside(url, folder, graph, meter, table)
            upserted(store, graph, meter, table)
            if not given.only_ours and store.dialect == "neo4j":
                upserted_as_usual(url, graph, meter, table)
    name = "Ladybug" if parts.scheme == "ladybug" else "Neo4j"
    print(f"## {name}, {sum(graph.rows.values()):,} rows, {given.events:,} of them events\n")
    print(table)


def made(folder: Path, events: int) -> Graph:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        rows = pool.apply(write, (str(folder), events))
    return Graph(folder, rows)


def write(folder: str, events: int) -> dict[str, int]:
    users = min(200_000, max(events // 10, 1_000))
    graph = power_law(users=users, items=users // 2, events=events, ties=events // 2)
    for name, table in graph.items():
        pq.write_table(table, Path(folder) / f"{name}.parquet", row_group_size=BATCH)
    return {name: table.num_rows for name, table in graph.items()}


def loaded(store: GraphStore, graph: Graph, meter: Meter, table: Table, url: str) -> None:
    cold = store.dialect == "neo4j"
    for name in load_order(tuple(graph.rows)):
        if cold and name in EDGE_TABLES:
            warmed(url, graph)
            cold = False
        with meter() as cost:
            store.bulk_load(name, graph.batches(name))
        table.add(f"load {name}", graph.rows[name], cost)


def warmed(url: str, graph: Graph) -> None:
    """A server that has just started compiles its code first, at up to three times the cost."""
    usual = OnNeo4j(url)
    rows = graph.head("VIEWED", 100_000, ("src", "dst", *COLUMNS))
    for _ in range(2):
        usual.constrain()
        usual.floor(rows)
        usual.clear()
        usual.merged(rows.slice(0, 20_000))
        usual.clear()
    usual.close()


def exported(store: GraphStore, graph: Graph, meter: Meter, table: Table) -> None:
    for what, names in (("3 properties", COLUMNS), ("at and weight", COLUMNS[1:])):
        with meter() as cost:
            found = store.export({}, {"VIEWED": names})
        rows = found.edges["VIEWED"].num_rows
        assert rows == graph.rows["VIEWED"], rows
        table.add(f"export VIEWED, {what}", rows, cost)


def usual_on_neo4j(url: str, folder: Path, graph: Graph, meter: Meter, table: Table) -> None:
    usual = OnNeo4j(url)
    rows = graph.head("VIEWED", 200_000, ("src", "dst", *COLUMNS))
    n = rows.num_rows
    few, half = min(2_000, n // 10), rows.slice(0, n // 2)
    free: list[Step] = [
        ("usual: a record per edge", n, lambda: usual.records(n), READ),
        ("usual: one MERGE a row", few, lambda: usual.row_by_row(rows.slice(0, few)), LOAD),
        ("usual: MERGE of maps", n // 2, lambda: usual.merged(half), LOAD),
        ("floor: a bare CREATE", n, lambda: usual.floor(renamed(rows)), LOAD),
    ]
    unique: list[Step] = [
        ("usual: MERGE of maps, eventId unique", n // 2, lambda: usual.merged(half), LOAD),
        ("floor: a bare CREATE, eventId unique", n, lambda: usual.floor(renamed(rows)), LOAD),
    ]
    try:
        measured(free, meter, table)
        usual.clear()
        usual.constrain()
        measured(unique, meter, table)
    finally:
        usual.close()


def usual_on_ladybug(url: str, folder: Path, graph: Graph, meter: Meter, table: Table) -> None:
    usual = OnLadybug(folder)
    keys = {"src": ("User", "userId"), "dst": ("Item", "itemId")}
    users, items = (graph.head(t, 1 << 40, (k,))[k] for t, k in keys.values())
    usual.nodes(users, items)
    n = graph.rows["VIEWED"]
    rows = graph.head("VIEWED", n, ("src", "dst", *COLUMNS))
    ends = pa.table({end: numbers(rows[end]) for end in keys})
    file = usual.write_csv(rows)
    merged = renamed(rows.slice(0, min(10_000, n // 10)))
    single = renamed(rows.slice(0, min(100, n // 10)))
    steps: list[Step] = [
        ("floor: COPY of the same columns", n, lambda: usual.floor(rows), LOAD),
        ("floor: COPY of two integers", n, lambda: usual.bare(ends), LOAD),
        ("usual: COPY from CSV", n, lambda: usual.from_csv(file), LOAD),
        ("usual: a row of Python per edge", n, lambda: usual.records(n), READ),
        ("usual: MERGE of maps", merged.num_rows, lambda: usual.merged(merged), LOAD),
        ("usual: one MERGE a row", single.num_rows, lambda: usual.row_by_row(single), LOAD),
    ]
    try:
        measured(steps, meter, table)
    finally:
        usual.close()


def measured(steps: list[Step], meter: Meter, table: Table) -> None:
    for name, n, step, ours in steps:
        with meter() as cost:
            step()
        table.add(name, n, cost, beside=ours)


def renamed(rows: pa.Table, mark: str = "new ") -> pa.Table:
    """Events that are new."""
    at = rows.schema.get_field_index("eventId")
    fresh = pa.compute.binary_join_element_wise(mark, rows["eventId"], "")
    return rows.set_column(at, "eventId", fresh)


def halves(graph: Graph, k: int) -> pa.Table:
    """Ten thousand events, half of them known."""
    rows = graph.head("VIEWED", 20 * UPSERT, ("src", "dst", *COLUMNS))
    picked = np.random.default_rng(k).choice(rows.num_rows, min(UPSERT, rows.num_rows // 2), False)
    some = rows.take(pa.array(picked))
    half = some.num_rows // 2
    return pa.concat_tables([some.slice(0, half), renamed(some.slice(half), f"{k} ")])


def upserted(store: GraphStore, graph: Graph, meter: Meter, table: Table) -> None:
    for k in range(3):
        batch = halves(graph, k)
        with meter() as cost:
            written = store.upsert("VIEWED", batch)
        assert written.created == batch.num_rows - batch.num_rows // 2, written
        table.add(f"upsert VIEWED, half new ({k + 1})", batch.num_rows, cost)


def upserted_as_usual(url: str, graph: Graph, meter: Meter, table: Table) -> None:
    usual = OnNeo4j(url)
    try:
        for k in range(3, 5):
            batch = halves(graph, k)
            with meter() as cost:
                usual.merged(batch, "VIEWED")
            table.add(f"usual: MERGE of maps, half new ({k - 2})", UPSERT, cost, beside=ADD)
    finally:
        usual.close()


if __name__ == "__main__":
    main()
