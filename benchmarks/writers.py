"""The same graph loaded into a server by one writer and by several, in one run.

Every load begins with an empty graph, in the space an earlier one left; one that is not counted
goes first, since a server that has just started compiles its code. Tables that one transaction
holds have one writer, and are left out.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from benchmarks.meter import Meter
from kg.neo4j_store.rows import TRANSACTION_ROWS
from kg.reference import markdown
from kg.schema import load_order
from kg.store import open_store

HEAD = (
    "load", "writers", "rows", "wall s", "wall beside the first", "client µs", "server µs",
    "transactions again", "peak GiB",
)  # fmt: skip


def loads(
    url: str,
    writers: Sequence[int],
    rows: dict[str, int],
    batches: Callable[[str], Iterator[pa.Table]],
    meter: Meter,
) -> str:
    """A Markdown table: each load by each number of writers, beside the first number."""
    from tests.neo4j_server.wipe import wipe

    made: dict[str, list[list[str]]] = {name: [] for name in load_order(tuple(rows))}
    first: dict[str, float] = {}
    again = TriedAgain()
    logging.getLogger("neo4j").addHandler(again)
    for k, number in enumerate([writers[0], *writers]):
        wipe(url)
        os.environ["NEO4J_WRITERS"] = str(number)  # read when the store is opened
        with open_store(url) as store:
            for name, n in [(name, rows[name]) for name in made]:
                again.number = 0
                with meter() as cost:
                    store.bulk_load(name, batches(name))
                if not k or n <= TRANSACTION_ROWS:
                    continue
                made[name].append([
                    name, str(number), f"{n:,}", f"{cost.wall:.2f}",
                    f"{cost.wall / first.setdefault(name, cost.wall):.2f}×",
                    f"{cost.client / n * 1e6:.2f}",
                    "" if cost.server is None else f"{cost.server / n * 1e6:.2f}",
                    str(again.number), f"{cost.peak:.2f}",
                ])  # fmt: skip
    wipe(url)
    return markdown(HEAD, [row for of_name in made.values() for row in of_name])


class TriedAgain(logging.Handler):
    """Counts the transactions that the driver runs once more, after a deadlock for one."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.number = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.number += record.getMessage().startswith("Transaction failed and will be retried")
