"""kill -9 at random moments of load, train, publish, refresh, rollback and forget; and a large load
and publish in little memory.

    python -m benchmarks.faults [--store URL] [--moments 100] [--commands load train …]
    python -m benchmarks.faults --memory [--edges 5000000] [--users 200000] [--gib 4]

Each command is a real `kg` process on a small synthetic shop, killed at a moment between its start
and its end, while a reader looks at one user after another; then the same command runs again.
Counted: whether it was done then, whether the graph, the profiles, the releases' files and what an
erasure must remove are those of an undisturbed run, and how many looks saw a mix of two states of
one user. Prints Markdown, and ends with 1 where anything is not as it should be. A store given by
URL is wiped.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.killed_shop import site_at
from benchmarks.kills import HEAD, Count, killed, prepare, row
from benchmarks.little_memory import HEAD as MEMORY_HEAD
from benchmarks.little_memory import in_little_memory
from kg.reference import markdown
from tests.gnn.tiny_encoder import tiny_bert


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--store", help="URL; default: an embedded one, thrown away")
    parser.add_argument("--moments", type=int, default=100, help="of each command")
    parser.add_argument("--commands", nargs="+", help="only these")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--memory", action="store_true", help="the large run in little memory")
    parser.add_argument("--edges", type=int, default=5_000_000)
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--gib", type=float, default=4.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        if given.memory:
            rows = in_little_memory(folder, given.store, given.edges, given.users, given.gib)
            print(markdown(MEMORY_HEAD, rows))
            return 0
        encoder = tiny_bert(folder / "encoder")
        counts = kills(folder, given.store, encoder, given.moments, given.commands, given.seed)
        print("\n" + markdown(HEAD, [row(count) for count in counts]))
        for count in counts:
            for wrong in count.wrong:
                print(f"{count.command}: {wrong}")
        return int(not all(count.good for count in counts))


def kills(
    folder: Path,
    store: str | None,
    encoder: Path,
    moments: int,
    commands: list[str] | None = None,
    seed: int = 0,
) -> list[Count]:
    site = site_at(store, folder / "site", encoder)
    counts = []
    for case in prepare(site):
        if commands is None or case.name in commands:
            counts.append(killed(site, case, moments, seed))
            print(row(counts[-1]), counts[-1].wrong, file=sys.stderr, flush=True)
    return counts


if __name__ == "__main__":
    sys.exit(main())
