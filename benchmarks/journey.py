"""The whole journey on one data set: load, train, publish, read; with seconds, memory and metrics.

    python benchmarks/journey.py ciao DATA_FOLDER [--store URL] [--preset default] [--source NAME]

Prints Markdown: how long each step took, what was loaded, the quality table on the test period
(all users, and those with few events) and the calibration of the interests beside their baselines.
The store must be empty or hold the same data; by default it is an embedded one that is thrown away.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kg.ingest import ingest
from kg.person import person
from kg.publish import publish
from kg.reference import markdown
from kg.store import open_store
from kg.training import Training, train_config, train_release
from loaders import stage

FEW = ("all", "no event", "1 to 5")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("source", help="a source of `kg load --list`")
    parser.add_argument("path", type=Path)
    parser.add_argument("--store", help="URL; default: an embedded one, thrown away")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="journey-") as scratch:
        url = given.store or f"ladybug://{scratch}/kg.lbug"
        travel(given.source, given.path, url, Path(scratch), given.preset, given.seed)


def travel(source: str, path: Path, url: str, scratch: Path, preset: str, seed: int) -> None:
    steps: list[tuple[str, float, float]] = []

    @contextmanager
    def step(name: str) -> Iterator[None]:
        wall, cpu = time.monotonic(), time.process_time()
        yield
        steps.append((name, time.monotonic() - wall, time.process_time() - cpu))

    now = int(time.time())
    with step("read and clean"):
        staged = stage(source, [path], scratch / "staged", now=now)
    with open_store(url) as store:
        with step("load"):
            ingest(staged, store)
        with step("load again"):
            again = ingest(staged, store)
        training = Training(config=train_config(preset, {}), seed=seed, cache=scratch / "text")
        with step("train"):
            card = train_release(store, scratch / "releases", training, now=now)
        with step("publish"):
            done = publish(store, scratch / "releases", now=now, force="benchmark")
        user = store.query(
            "MATCH (u:User) WHERE u.evidenceCount > 5 RETURN min(u.userId) AS userId"
        ).rows[0][0]
        with step("one profile"):
            someone = person(store, user)
        counts = store.counts()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    report = staged.report
    print(f"## {source} on {url.split(':')[0]}, preset {preset}, peak memory {peak:.1f} GiB\n")
    print(
        f"{report.rows:,} rows = {report.written:,} written + {report.merged:,} merged"
        f" + {report.rejected:,} rejected; loaded again: "
        f"{sum(c.created for c in again.values())} created; "
        f"{len(someone.categories)} interests and {len(someone.items)} items for user one\n"
    )
    print(markdown(("table", "rows"), ((n, f"{c:,}") for n, c in counts.items())), "\n")
    print(
        markdown(
            ("step", "wall s", "client CPU s"), ((n, f"{w:.1f}", f"{c:.1f}") for n, w, c in steps)
        ),
        "\n",
    )
    for name in ("quality", "quality_new_items"):
        rows = [r for r in card.metrics.get(name, []) if r["users"] in FEW]
        if rows:
            print(f"{name} ({card.metrics['split']['kind']} split)\n\n{table(rows)}\n")
    for name in ("interests", "churn"):
        if card.metrics.get(name):
            print(f"{name}\n\n{table(card.metrics[name])}\n")
    print("gates: " + "; ".join(f"{g.gate} {'ok' if g.passed else 'NO'}" for g in done.gates))


def table(rows: list[dict[str, Any]]) -> str:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return markdown(columns, ([_cell(row.get(c)) for c in columns] for row in rows))


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
