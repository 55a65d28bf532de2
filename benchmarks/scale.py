"""One machine, ever more events: Parquet → store → a release trained on a sample of users → the
profiles of some users, with time and peak memory of each stage, each in a process of its own.

    python -m benchmarks.scale [--events 1000000 10000000 100000000] [--folder DIR]

A user has 50 events, an item 100. After the load only communities and influence look at everybody,
by their ties: the model learns from a sample, and others are profiled in blocks, by the refresh.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.power_law import END, World
from kg.publish import publish
from kg.reference import markdown
from kg.refresh import Refresher
from kg.store import open_store
from kg.training import Training, train_config, train_release

PART = 2_000_000
"""Events of a Parquet file."""
SAMPLE, FEWER, MANY = 5_000, 500, 5_000_000
"""Users the model learns from; fewer above MANY events, since each is scored over all items."""
SOME = 2_000
"""Users profiled afterwards."""
SETTINGS = {"dim": "64", "epochs": "3", "rank": "0", "validation_users": "500"}


def training(events: int) -> Training:
    sample = SAMPLE if events <= MANY else FEWER
    return Training(config=train_config("default", SETTINGS), encoder="none", sample=sample)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--folder", type=Path, help="for files; default: a temporary one")
    given = parser.parse_args()
    rows = []
    for events in given.events:
        with tempfile.TemporaryDirectory(prefix="scale-", dir=given.folder) as name:
            folder = Path(name)
            for stage in (write_parquet, load, train, go_live, profile_some):
                wall, cpu, peak = alone(stage, folder, events)
                rows.append([f"{events:,}", stage.__doc__ or "", f"{wall:,.1f}", f"{cpu:,.1f}",
                             f"{peak:.2f}"])  # fmt: skip
                print(rows[-1], flush=True)
    print("\n" + markdown(("events", "stage", "wall s", "CPU s", "peak GiB"), rows))


def alone(
    stage: Callable[[Path, int], None], folder: Path, events: int
) -> tuple[float, float, float]:
    """Wall and CPU seconds and peak memory in GiB of a stage in a process of its own."""
    context = multiprocessing.get_context("spawn")
    answer, question = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(stage, folder, events, question))
    process.start()
    question.close()
    try:
        found: tuple[float, float, float] = answer.recv()
    except EOFError:
        raise SystemExit(f"{stage.__name__} at {events:,} events died") from None
    finally:
        process.join()
    return found


def _run(stage: Callable[[Path, int], None], folder: Path, events: int, question: object) -> None:
    wall, cpu = time.monotonic(), time.process_time()
    stage(folder, events)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    spent = (time.monotonic() - wall, time.process_time() - cpu, peak)
    question.send(spent)  # type: ignore[attr-defined]  # a Connection


def write_parquet(folder: Path, events: int) -> None:
    """make the files"""
    world = World.of(events // 50, events // 100, 500)
    part = min(PART, events)
    tables = {**world.nodes(), **world.edges(events // 4)}
    for n in range(events // part):
        for name, table in world.events(part, n).items():
            (folder / name).mkdir(exist_ok=True)
            pq.write_table(table, folder / name / f"{n:04}.parquet")
    for name, table in tables.items():
        (folder / name).mkdir(exist_ok=True)
        pq.write_table(table, folder / name / "0000.parquet")


def load(folder: Path, events: int) -> None:
    """load"""
    with open_store(url(folder)) as store:
        store.ensure_schema()
        for name in ("User", "Item", "Category", "VIEWED", "PURCHASED", "FOLLOWS", "IN_CATEGORY"):
            store.bulk_load(name, batches(folder / name))


def batches(folder: Path) -> Iterator[pa.Table]:
    for path in sorted(folder.glob("*.parquet")):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=200_000):
                yield pa.Table.from_batches([batch])


def train(folder: Path, events: int) -> None:
    """train on a sample of users"""
    with open_store(url(folder), read_only=True) as store:
        train_release(store, folder / "releases", training(events), now=END)


def go_live(folder: Path, events: int) -> None:
    """publish"""
    with open_store(url(folder)) as store:
        publish(store, folder / "releases", now=END, force="benchmark")


def profile_some(folder: Path, events: int) -> None:
    """profile users beyond the sample"""
    with open_store(url(folder)) as store:
        ready = Refresher.open(store, folder / "releases", training(events))
        users = events // 50
        step = max(1, users // SOME)
        ready.refresh([f"u{n}" for n in range(0, users, step)][:SOME], now=END)


def url(folder: Path) -> str:
    return f"ladybug://{folder}/kg.lbug"


if __name__ == "__main__":
    main()
