"""What it costs until changed users have new profiles: 1, 100 and 10,000 of them, on graphs of
several sizes, beside profiling everyone.

    python -m benchmarks.refresh [--store URL [--alone]] [--users 20000 200000] [--sample 20000]

A synthetic power-law graph (10 events a user) is loaded, a small model trained and published, and
the same release published on the server at URL, which must be empty (with --alone: only there).
Then events of some users arrive, of those who have a profile where these are many enough; measured
is load → readable profile in a running process, without the time to open the release, which is a
row of its own. Of several users' refreshes the median counts.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa

from benchmarks.meter import Cost, Meter
from benchmarks.power_law import END, World
from benchmarks.publish import indexed
from kg.publish import publish
from kg.reference import markdown
from kg.refresh import Refresher
from kg.schema import table_schema
from kg.stale import mark
from kg.store import GraphStore, open_store
from kg.training import Training, train_config, train_release

CHANGED = {1: 21, 100: 3, 10_000: 1}
"""Users, and how often; the first time warms up where there are more."""
SETTINGS = {"dim": "64", "epochs": "1", "rank": "0", "validation_users": "500"}
USERS_A_PART = 200_000
"""Whose events are made and loaded at once"""
HEAD = ("users", "store", "step", "changed", "wall ms", "client CPU ms", "server CPU ms",
        "a user, ms")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--store", help="URL of a server, beside the embedded store")
    parser.add_argument("--users", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--sample", type=int, help="users to learn from and profile; default: all")
    parser.add_argument(
        "--alone", action="store_true", help="the server without the embedded store"
    )
    given = parser.parse_args()
    if given.alone and not given.store:
        parser.error("--alone needs --store")
    if given.store and len(given.users) > 1:
        parser.error("a server is measured with one graph at a time")
    rows = []
    for users in given.users:
        with tempfile.TemporaryDirectory(prefix="refresh-") as folder:
            embedded = None if given.alone else f"ladybug://{folder}/kg.lbug"
            for url in filter(None, (embedded, given.store)):
                _apart(load, url, users)
                with open_store(url) as store:
                    rows += measured(store, Path(folder) / "releases", users, given.sample)
    print(f"## refresh\n\n{markdown(HEAD, rows)}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"\npeak memory {peak:.1f} GiB")


def measured(store: GraphStore, releases: Path, users: int, sample: int | None) -> list[list[str]]:
    on_server = store.dialect == "neo4j"
    meter = Meter(urlsplit(store.url).port or 7687 if on_server else None)
    training = Training(config=train_config("default", SETTINGS), encoder="none", sample=sample)
    profiled = min(sample or users, users)
    rows = []

    def row(step: str, changed: int, costs: list[Cost]) -> None:
        parts = zip(*((c.wall, c.client, c.server or 0.0) for c in costs), strict=True)
        wall, client, server = (1000 * float(np.median(part)) for part in parts)
        each = f"{wall / changed:.1f}" if changed else ""
        rows.append([
            f"{users:,}", store.dialect, step, f"{changed:,}", f"{wall:,.0f}", f"{client:,.0f}",
            f"{server:,.0f}" if on_server else "", each,
        ])  # fmt: skip
        print("; ".join(rows[-1]), file=sys.stderr)

    if not releases.exists():
        with meter() as cost:
            train_release(store, releases, training, now=END)
        row("train one epoch, profile " + ("a sample" if sample else "everyone"), profiled, [cost])
    with meter() as cost:
        publish(store, releases, now=END, force="benchmark")
    row("publish them", profiled, [cost])
    if on_server:  # or it would be counted with what comes next
        with meter() as cost:
            indexed(store)
        row("then the server fills its vector index", profiled, [cost])
    with meter() as cost:
        ready = Refresher.open(store, releases, training)
    row("open the release", 0, [cost])
    rng = np.random.default_rng(1)
    everyone = np.array([f"u{n}" for n in range(users)])
    ready_made = with_profile(store)
    at = END
    for changed, times in CHANGED.items():
        came, renewed = [], []
        for _ in range(times):
            at += 1
            some = min(changed, users // 2)
            of = ready_made if some < len(ready_made) else everyone
            who = rng.choice(of, some, replace=False).tolist()
            with meter() as cost:
                store.upsert("VIEWED", views(who, users // 2, at, rng))
                mark(store, who, at=END)
            came.append(cost)
            with meter() as cost:
                ready.refresh(who, now=END + 100)
            renewed.append(cost)
        row("events in", len(who), came[1:] or came)
        row("refresh", len(who), renewed[1:] or renewed)
    return rows


def _apart(task: Callable[..., None], *of: object) -> None:
    """In a process of its own, whose memory is free again after it."""
    process = multiprocessing.get_context("spawn").Process(target=task, args=of)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{task.__name__} ended with {process.exitcode}")


def load(url: str, users: int) -> None:
    """A power-law graph, its events part by part."""
    world = World.of(users, users // 2, 500)
    with open_store(url) as store:
        store.ensure_schema()
        for name, table in world.nodes().items():
            store.bulk_load(name, table)
        parts = max(1, users // USERS_A_PART)
        for name in ("VIEWED", "PURCHASED"):  # made anew for each, and never whole
            made = (world.events(10 * users // parts, part)[name] for part in range(parts))
            store.bulk_load(name, made)
        for name, table in world.edges(5 * users).items():
            store.bulk_load(name, table)


def with_profile(store: GraphStore) -> np.ndarray:
    """Ids, in order."""
    users = store.export({"User": ("modelVersion",)}, {}).nodes["User"]
    return np.sort(users.filter(users["modelVersion"].is_valid())["userId"].to_numpy())


def views(users: list[str], items: int, at: int, rng: np.random.Generator) -> pa.Table:
    """One event each."""
    schema = table_schema("VIEWED")
    columns = {
        "src": users,
        "dst": [f"i{n}" for n in rng.integers(0, items, len(users))],
        "eventId": [f"new {at} {user}" for user in users],
        "at": [at] * len(users),
        "weight": [1.0] * len(users),
    }
    return pa.table({f.name: pa.array(columns[f.name], f.type) for f in schema}, schema=schema)


if __name__ == "__main__":
    main()
