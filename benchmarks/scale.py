"""One machine, ever more events: Parquet → store → a release trained on a sample of users → the
profiles of some users, with time and peak memory of each stage, each in a process of its own.

    python -m benchmarks.scale [--events 1000000 10000000 100000000] [--folder DIR]

A user has 50 events, an item 100. After the load only communities and influence look at everybody,
by their ties: the model learns from a sample, and others are profiled in blocks, by the refresh.

On Neo4j the load is its offline import, while the server is stopped, so it goes in two steps:

    python -m benchmarks.scale --events 100000000 --folder DIR --neo4j-home HOME
    (start the server)
    python -m benchmarks.scale --events 100000000 --folder DIR --store URL
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.power_law import END, World
from kg.neo4j_store.offline import ARGUMENTS
from kg.offline import Offline, importer
from kg.publish import publish
from kg.reference import markdown
from kg.refresh import Refresher
from kg.store import open_store
from kg.training import Training, train_config, train_release
from loaders.interface import LoadReport, Staged

PART = 2_000_000
"""Events of a Parquet file."""
SAMPLES = {5_000_000: 5_000, 50_000_000: 500}
"""Users the model learns from, up to so many events: the more items, the more work each is, since
they are scored over all of them."""
FEWEST = 100
SOME = 2_000
"""Users profiled afterwards."""
SETTINGS = {"dim": "64", "epochs": "3", "rank": "0", "validation_users": "500"}
TABLES = ("User", "Item", "Category", "VIEWED", "PURCHASED", "FOLLOWS", "IN_CATEGORY")


def training(events: int) -> Training:
    sample = next((users for most, users in SAMPLES.items() if events <= most), FEWEST)
    return Training(config=train_config("default", SETTINGS), encoder="none", sample=sample)


@dataclass(frozen=True)
class Run:
    events: int
    folder: Path
    """For files and releases"""
    store: str
    """URL"""
    home: Path | None
    """A stopped Neo4j's, to import into"""


Stage = Callable[[Run], None]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--folder", type=Path, help="for files; default: a temporary one")
    parser.add_argument("--neo4j-home", type=Path, help="make the files, and import them there")
    parser.add_argument("--store", help="URL of the server they were imported into")
    given = parser.parse_args()
    on_server = bool(given.neo4j_home or given.store)
    if on_server and (given.folder is None or len(given.events) > 1):
        parser.error("a server is measured with one number of --events and a --folder")
    rows: list[list[str]] = []
    for events in given.events:
        if on_server:
            url = given.store or ""
            rows += measured(
                (constrain, train, go_live, profile_some)
                if url
                else (write_parquet, write_import, run_import),
                Run(events, given.folder, url, given.neo4j_home),
            )
            continue
        with tempfile.TemporaryDirectory(prefix="scale-", dir=given.folder) as name:
            run = Run(events, Path(name), f"ladybug://{name}/kg.lbug", None)
            rows += measured((write_parquet, load, train, go_live, profile_some), run)
    print("\n" + markdown(("events", "stage", "wall s", "CPU s", "peak GiB"), rows))


def measured(stages: tuple[Stage, ...], run: Run) -> list[list[str]]:
    rows = []
    for stage in stages:
        wall, cpu, peak = alone(stage, run)
        figures = [f"{wall:,.1f}", f"{cpu:,.1f}", f"{peak:.2f}"]
        rows.append([f"{run.events:,}", stage.__doc__ or "", *figures])
        print(rows[-1], flush=True)
    return rows


def alone(stage: Stage, run: Run) -> tuple[float, float, float]:
    """Wall and CPU seconds and peak memory in GiB of a stage in a process of its own, with those it
    starts."""
    context = multiprocessing.get_context("spawn")
    answer, question = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(stage, run, question))
    process.start()
    question.close()
    try:
        found: tuple[float, float, float] = answer.recv()
    except EOFError:
        raise SystemExit(f"{stage.__name__} at {run.events:,} events died") from None
    finally:
        process.join()
    return found


def _run(stage: Stage, run: Run, question: object) -> None:
    wall = time.monotonic()
    stage(run)
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(used.ru_utime + used.ru_stime for used in both)
    peak = max(used.ru_maxrss for used in both) / 2**20
    spent = (time.monotonic() - wall, cpu, peak)
    question.send(spent)  # type: ignore[attr-defined]  # a Connection


def write_parquet(run: Run) -> None:
    """make the files"""
    world = World.of(run.events // 50, run.events // 100, 500)
    part = min(PART, run.events)
    for n in range(run.events // part):
        for name, table in world.events(part, n).items():
            _write(run, name, n, table)
    for name, table in {**world.nodes(), **world.edges(run.events // 4)}.items():
        _write(run, name, 0, table)


def _write(run: Run, name: str, n: int, table: pa.Table) -> None:
    (run.folder / name).mkdir(parents=True, exist_ok=True)
    pq.write_table(table, run.folder / name / f"{n:04}.parquet")


def load(run: Run) -> None:
    """load"""
    with open_store(run.store) as store:
        store.ensure_schema()
        for name in TABLES:
            store.bulk_load(name, batches(run.folder / name))


def batches(folder: Path) -> Iterator[pa.Table]:
    for path in sorted(folder.glob("*.parquet")):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=200_000):
                yield pa.Table.from_batches([batch])


def write_import(run: Run) -> None:
    """write the files of an offline import"""
    importer().write_offline(staged(run), run.folder / "import", now=END)


def run_import(run: Run) -> None:
    """neo4j-admin"""
    assert run.home is not None
    folder = (run.folder / "import").absolute()
    command = ["neo4j-admin", "database", "import", "full", f"@{folder / ARGUMENTS}"]
    importer().run_import(Offline(folder, {}, command, []), run.home)


def constrain(run: Run) -> None:
    """make the constraints"""
    with open_store(run.store) as store:
        store.ensure_schema()


def staged(run: Run) -> Staged:
    tables = {name: sorted((run.folder / name).glob("*.parquet")) for name in TABLES}
    return Staged(run.folder, tables, {}, LoadReport(source="benchmark", files=[]))


def train(run: Run) -> None:
    """train on a sample of users"""
    with open_store(run.store, read_only=True) as store:
        train_release(store, run.folder / "releases", training(run.events), now=END)


def go_live(run: Run) -> None:
    """publish"""
    with open_store(run.store) as store:
        publish(store, run.folder / "releases", now=END, force="benchmark")


def profile_some(run: Run) -> None:
    """profile users beyond the sample"""
    with open_store(run.store) as store:
        ready = Refresher.open(store, run.folder / "releases", training(run.events))
        users = run.events // 50
        step = max(1, users // SOME)
        ready.refresh([f"u{n}" for n in range(0, users, step)][:SOME], now=END)


if __name__ == "__main__":
    main()
