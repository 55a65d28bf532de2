"""Rounds of blocks → as many threads, each writing its block; the first error stops them all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

import pyarrow as pa

from kg.neo4j_store.rows import pieces


def write_rounds(
    rounds: Iterable[Sequence[pa.Table]],
    write: Callable[[pa.Table], object],
    *,
    writers: int,
    size: int,
) -> None:
    """`write` gets the rows of one transaction, `size` of them at most, from `writers` threads; a
    round begins when the one before it is written.

    Raises the first error of a writer, or what interrupts the caller, when the others have ended
    the transaction they were in; no transaction is begun after it."""
    stop = threading.Event()

    def write_block(block: pa.Table) -> None:
        for part in pieces(block, size):
            if stop.is_set():
                return
            write(part)

    with ThreadPoolExecutor(writers, thread_name_prefix="kg-writer") as pool:
        try:
            for blocks in rounds:
                begun = [pool.submit(write_block, b) for b in blocks if b.num_rows]
                for ended in as_completed(begun):
                    ended.result()
        finally:
            stop.set()  # before the pool waits for its threads
