"""The files of an offline import written, and the import itself: CPU and memory an edge.

    python benchmarks/offline.py --neo4j-home DIR [--events 2000000 10000000]

The synthetic power-law graph of `stores.py`, staged as Parquet. DIR is a Neo4j installation
(`bin/neo4j-admin` in it) whose server is stopped and whose database `bench…` does not exist.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

from benchmarks.meter import Meter
from benchmarks.stores import made
from kg.offline import importer
from kg.reference import markdown
from loaders.interface import LoadReport, Staged


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--neo4j-home", type=Path, required=True)
    parser.add_argument("--events", type=int, nargs="+", default=[2_000_000, 10_000_000])
    given = parser.parse_args()
    rows: list[list[str]] = []
    for events in given.events:
        with tempfile.TemporaryDirectory(prefix="offline-") as folder:
            rows += measured(Path(folder), events, given.neo4j_home)
    head = ("edges", "nodes", "step", "wall s", "CPU s", "CPU µs an edge", "peak GiB")
    print("## Neo4j, offline\n")
    print(markdown(head, rows))


def measured(folder: Path, events: int, home: Path) -> list[list[str]]:
    graph = made(folder, events)
    edges = sum(n for name, n in graph.rows.items() if name.isupper() or "_" in name)
    nodes = sum(graph.rows.values()) - edges
    tables = {name: [folder / f"{name}.parquet"] for name in graph.rows}
    staged = Staged(folder, tables, {}, LoadReport(source="benchmark", files=[]))
    tool = importer()
    rows = []

    def add(step: str, wall: float, cpu: float, peak: float) -> None:
        each = f"{cpu / edges * 1e6:.2f}"
        figures = [f"{wall:.1f}", f"{cpu:.1f}", each, f"{peak:.2f}"]
        rows.append([f"{edges:,}", f"{nodes:,}", step, *figures])

    with Meter()() as cost:
        files = tool.write_offline(
            staged, folder / "files", now=int(time.time()), database=f"bench{events}"
        )
    size = sum(f.stat().st_size for f in files.folder.iterdir()) / 1e9
    add(f"write {size:.2f} GB of CSV", cost.wall, cost.client, cost.peak)
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    tool.run_import(files, home)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    add("neo4j-admin", time.monotonic() - start, cpu, after.ru_maxrss / 2**20)
    return rows


if __name__ == "__main__":
    main()
