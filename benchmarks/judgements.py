"""Everything a profile is judged by, on public sets: the profile beside the best plain method.

    python -m benchmarks.judgements online_retail synthetic [--data FOLDER] [--preset small]

Loads each set into an embedded store that is thrown away, trains, and prints a Markdown table:
a row for each judgement, with the figure that decides it, and the seconds the training took.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from benchmarks.quality import SETS
from kg.evaluation import Evaluation, evaluation
from kg.ingest import ingest
from kg.reference import markdown
from kg.store import open_store
from kg.training import Training, train_config, train_release
from loaders import stage

COLUMNS = ("set", "judgement", "figure", "profile", "best plain", "which", "wins")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("sets", nargs="+", choices=["synthetic", *SETS])
    default = os.environ.get("KG_DATA") or Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(default), help="folder of the sets")
    parser.add_argument("--users", type=int, default=2000, help="of the synthetic shop")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--text-cache", type=Path, help="keeps text vectors between runs")
    given = parser.parse_args()
    training = Training(
        config=train_config(given.preset, {}),
        seed=given.seed,
        encoder=given.encoder,
        cache=given.text_cache,
    )
    rows: list[list[str]] = []
    for name in given.sets:
        began = time.monotonic()
        found = judged(name, given.data, given.users, training)
        rows += rows_of(name, found)
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    print(markdown(COLUMNS, rows))


def judged(name: str, data: Path, users: int, training: Training) -> Evaluation:
    now = int(time.time())
    with tempfile.TemporaryDirectory(prefix="judgements-") as scratch:
        into = Path(scratch)
        if name == "synthetic":
            staged = stage(name, [], into / "in", now=now, options={"users": str(users)})
        else:
            source, folder = SETS[name]
            staged = stage(source, [data / folder], into / "in", now=now)
        with open_store(f"ladybug://{into}/kg.lbug") as store:
            ingest(staged, store)
            return evaluation(train_release(store, into / "releases", training, now=now))


def rows_of(name: str, found: Evaluation) -> list[list[str]]:
    return [
        [name, s.title, v.measure, f"{v.ours:.4g}", f"{v.plain:.4g}", v.beside,
         "profile" if v.wins else "plain"]
        for s in found.sections
        if (v := s.verdict) is not None
    ]  # fmt: skip


if __name__ == "__main__":
    main()
