"""How fast source files are read and cleaned, beside a plain read and a loop over rows.

    python benchmarks/sources.py DATA_FOLDER [--megabytes 50 200]

Files are grown from public sets by repetition with fresh ids: Amazon reviews as JSON Lines
(`amazon_musical_instruments`) and an order book as CSV (`online_retail`). "stage" is all that
`kg load` does before the store: reading, cleaning, masking of personal data in texts, duplicates,
Parquet. Prints Markdown; megabytes are of the plain file, a second is CPU of all threads.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from benchmarks.meter import Meter
from kg.reference import markdown
from loaders import stage
from loaders.delimited import Delimited
from loaders.jsonl import JsonLines
from loaders.policy import Policy
from loaders.protect import Protection

Step = tuple[str, Callable[[], object]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of the public sets")
    parser.add_argument("--megabytes", type=int, nargs="+", default=[50, 200])
    given = parser.parse_args()
    rows: list[list[str]] = []
    for size in given.megabytes:
        with tempfile.TemporaryDirectory(prefix="sources-") as scratch:
            folder = Path(scratch)
            rows += measured("JSONL", of_json(grown_json(given.data, folder, size), folder))
            rows += measured("CSV", of_csv(grown_csv(given.data, folder, size), folder))
    print("## sources\n")
    print(markdown(("file", "MB", "step", "wall s", "CPU s", "MB a CPU second", "peak GiB"), rows))


def measured(kind: str, made: tuple[Path, list[Step]]) -> list[list[str]]:
    path, steps = made
    size = path.stat().st_size / 1e6
    rows = []
    for name, step in steps:
        with Meter()() as cost:
            step()
        rate = f"{size / cost.client:,.0f}"
        figures = [f"{cost.wall:.1f}", f"{cost.client:.1f}", rate, f"{cost.peak:.2f}"]
        rows.append([kind, f"{size:.0f}", name, *figures])
    return rows


def of_json(path: Path, folder: Path) -> tuple[Path, list[Step]]:
    return path, [
        ("read in batches", lambda: drained(JsonLines(path).batches())),
        ("stage", lambda: staged("amazon", path, folder)),
        ("stage, nothing masked", lambda: staged("amazon", path, folder, KEEP)),
        ("polars, the whole file", lambda: pl.read_ndjson(path)),
        ("json.loads a line", lambda: sum(1 for _ in map(json.loads, path.open("rb")))),
    ]


def of_csv(path: Path, folder: Path) -> tuple[Path, list[Step]]:
    latin = "latin-1"
    return path, [
        ("read in batches", lambda: drained(Delimited(path, encoding=latin).batches())),
        ("stage", lambda: staged("online_retail", path, folder)),
        ("polars, the whole file", lambda: pl.read_csv(path, encoding=latin, infer_schema=False)),
        ("csv.DictReader", lambda: sum(1 for _ in csv.DictReader(path.open(encoding=latin)))),
    ]


KEEP = Policy((("*.*", "keep"),))


def drained(batches: Iterator[object]) -> None:
    for _ in batches:
        pass


def staged(source: str, path: Path, folder: Path, policy: Policy | None = None) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as into:
        protection = Protection(policy) if policy else None
        done = stage(source, [path], Path(into), now=int(time.time()), protection=protection)
        assert done.report.written > 0


def grown_json(data: Path, folder: Path, megabytes: int) -> Path:
    """Every copy has its own reviewers."""
    [source] = (data / "amazon_musical_instruments").glob("*.json*")
    text = gzip.decompress(source.read_bytes())
    path = folder / "reviews.json"
    with path.open("wb") as file:
        for copy in range(1 + int(megabytes * 1e6) // len(text)):
            mark = f'"reviewerID": "{copy}-'.encode()
            file.write(text.replace(b'"reviewerID": "', mark))
    return path


def grown_csv(data: Path, folder: Path, megabytes: int) -> Path:
    """Every copy has its own orders."""
    [source] = (data / "online_retail").glob("*.csv*")
    header, _, text = gzip.decompress(source.read_bytes()).partition(b"\n")
    lines = text.split(b"\n")
    path = folder / "online_retail.csv"
    with path.open("wb") as file:
        file.write(header + b"\n")
        copy = 0
        while file.tell() < megabytes * 1e6:
            mark = b"\n" if not copy else b"\n%d" % copy
            body = text if not copy else mark.join(lines)
            file.write(body[: int(megabytes * 1e6) - file.tell()].rpartition(b"\n")[0] + b"\n")
            copy += 1
    return path


if __name__ == "__main__":
    main()
