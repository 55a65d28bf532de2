"""What it costs until changed users have new profiles: 1, 100 and 10,000 of them, on graphs of
several sizes, beside profiling everyone.

    python benchmarks/refresh.py [--store URL] [--users 200000 20000]

A synthetic power-law graph (10 events a user) is loaded, a small model trained and published. Then
events of some users arrive; measured is load → readable profile in a running process, without the
time to open the release, which is a row of its own. A store given by URL must be empty.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.power_law import END, power_law
from kg.publish import publish
from kg.reference import markdown
from kg.refresh import Refresher
from kg.schema import load_order, table_schema
from kg.stale import mark
from kg.store import GraphStore, open_store
from kg.training import Training, train_config, train_release

CHANGED = (1, 1, 100, 10_000)
"""The first warms up."""
SETTINGS = {"dim": "64", "epochs": "1", "rank": "0", "validation_users": "500"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--store", help="URL; default: embedded ones, thrown away")
    parser.add_argument("--users", type=int, nargs="+", default=[20_000, 200_000])
    given = parser.parse_args()
    rows = []
    for users in given.users:
        with tempfile.TemporaryDirectory(prefix="refresh-") as folder:
            url = given.store or f"ladybug://{folder}/kg.lbug"
            with open_store(url) as store:
                rows += measured(store, Path(folder), users)
    print(f"## refresh on {(given.store or 'ladybug').split(':')[0]}\n")
    print(markdown(("users", "step", "changed", "wall ms", "client CPU ms", "a user, ms"), rows))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"\npeak memory {peak:.1f} GiB")


def measured(store: GraphStore, folder: Path, users: int) -> list[list[str]]:
    graph = power_law(users=users, items=users // 2, events=10 * users, ties=5 * users)
    store.ensure_schema()
    for name in load_order(tuple(graph)):
        store.bulk_load(name, graph[name])
    training = Training(config=train_config("default", SETTINGS), encoder="none")
    rows = []

    def row(step: str, changed: int, start: Moment, end: Moment | None = None) -> None:
        wall, cpu = (1000 * (b - a) for a, b in zip(start, end or now(), strict=True))
        each = f"{wall / changed:.1f}" if changed else ""
        rows.append([f"{users:,}", step, f"{changed:,}", f"{wall:,.0f}", f"{cpu:,.0f}", each])

    start = now()
    train_release(store, folder / "releases", training, now=END)
    row("train one epoch, profile everyone", users, start)
    start = now()
    publish(store, folder / "releases", now=END, force="benchmark")
    row("publish everyone", users, start)
    start = now()
    ready = Refresher.open(store, folder / "releases", training)
    row("open the release", 0, start)
    rng = np.random.default_rng(1)
    for k, changed in enumerate(CHANGED):
        who = rng.choice(users, min(changed, users), replace=False)
        start = now()
        store.upsert("VIEWED", views(who, users // 2, END + k, rng))
        mark(store, [f"u{n}" for n in who], at=END)
        loaded = now()
        ready.refresh([f"u{n}" for n in who], now=END + 10)
        if k:
            row("refresh", len(who), loaded)
            row("events in", len(who), start, loaded)
    return rows


Moment = tuple[float, float]
"""Wall and CPU seconds"""


def now() -> Moment:
    return time.monotonic(), time.process_time()


def views(users: np.ndarray, items: int, at: int, rng: np.random.Generator) -> pa.Table:
    """One event each."""
    schema = table_schema("VIEWED")
    columns = {
        "src": [f"u{n}" for n in users],
        "dst": [f"i{n}" for n in rng.integers(0, items, len(users))],
        "eventId": [f"new {at} {n}" for n in users],
        "at": [at] * len(users),
        "weight": [1.0] * len(users),
    }
    return pa.table({f.name: pa.array(columns[f.name], f.type) for f in schema}, schema=schema)


if __name__ == "__main__":
    main()
