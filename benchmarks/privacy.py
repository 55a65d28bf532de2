"""What privacy costs: masking a million reviews, making pseudonyms of a million users.

    python benchmarks/privacy.py [--file reviews.jsonl.gz ...]

Without --file the texts are those of a synthetic shop, one in a hundred with a mail address or a
telephone number in it. The rows are repeated to a million.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import polars as pl

from kg.privacy.keys import Keyring, new_key
from kg.reference import markdown
from loaders import stage
from loaders.personal import masked

ROWS = 1_000_000
NOW = 1_780_000_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--file", type=Path, nargs="*", default=[], help="Amazon reviews")
    given = parser.parse_args()
    rows = [row for name, texts in _texts(given.file) for row in _masking(name, texts)]
    rows += _pseudonyms()
    print(markdown(("what", "rows", "seconds", "a row, µs", "found in"), rows))


def _texts(files: list[Path]) -> list[tuple[str, pl.Series]]:
    with tempfile.TemporaryDirectory(prefix="privacy-") as folder:
        if not files:
            stage("synthetic", [], Path(folder) / "s", now=NOW, options={"users": "2000"})
            texts = _column(Path(folder) / "s")
            planted = pl.Series([" mail joe@mail.com", " call 020 7946 0958"] + [""] * 198)
            more = planted.gather(pl.int_range(len(texts), eager=True) % len(planted))
            return [("synthetic reviews", texts + more)]
        found = []
        for n, file in enumerate(files):
            stage("amazon", [file], Path(folder) / str(n), now=NOW, protection=_nothing())
            found.append((file.name, _column(Path(folder) / str(n))))
        return found


def _nothing():  # type: ignore[no-untyped-def]  # a benchmark's own
    from loaders.policy import Policy
    from loaders.protect import Protection

    return Protection(Policy(()))


def _column(folder: Path) -> pl.Series:
    return pl.read_parquet(folder / "REVIEWED" / "*.parquet", columns=["text"])["text"]


def _masking(name: str, texts: pl.Series) -> list[list[str]]:
    million = texts.gather(pl.int_range(ROWS, eager=True) % len(texts)).rechunk()
    start = time.perf_counter()
    _, found = masked(million)
    seconds = time.perf_counter() - start
    mean = million.str.len_bytes().mean()
    return [_row(f"mask {name}, {mean:.0f} bytes each", seconds, f"{found['any']:,}")]


def _pseudonyms() -> list[list[str]]:
    ids = pl.Series([f"A{n:013}" for n in range(ROWS)])
    keys = Keyring((new_key(),))
    start = time.perf_counter()
    keys.users(ids)
    return [_row("HMAC-SHA-256 of user ids", time.perf_counter() - start, "")]


def _row(what: str, seconds: float, found: str) -> list[str]:
    return [what, f"{ROWS:,}", f"{seconds:.2f}", f"{1e6 * seconds / ROWS:.2f}", found]


if __name__ == "__main__":
    main()
