"""Whole tables read in pages: one record of lists each, about 8 MB, whatever the columns hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import neo4j
import numpy as np
import pyarrow as pa

from kg.neo4j_store import read_text
from kg.neo4j_store.columns import fixed_width
from kg.neo4j_store.connection import Server, run
from kg.neo4j_store.kinds import EdgeKind, NodeKind
from kg.schema import DST, SRC, Type

PAGE_BYTES = 8 << 20
_KEY = pa.string()
LEAST, MOST = 1_000, 100_000
SOURCES = 20_000
"""Source nodes whose degrees are asked for at a time."""


@dataclass
class Pace:
    """How many rows make a page, learned from the pages before."""

    rows: int = 5_000

    def learn(self, rows: int, nbytes: int) -> None:
        if rows:
            self.rows = int(np.clip(rows * PAGE_BYTES / max(nbytes, 1), LEAST, MOST))


def read_nodes(server: Server, kind: NodeKind, columns: Sequence[str]) -> pa.Table:
    """The key and the columns asked for, in key order."""
    names = [kind.type.key, *(c for c in columns if c != kind.type.key)]
    types = {n: kind.columns[n] for n in names}
    statement = read_text.node_page(kind, names)
    pages: list[pa.Table] = []
    pace, start, more = Pace(), "", True
    while more:
        size = pace.rows
        lists = server.read(partial(_record, statement=statement, start=start, size=size + 1))
        keys = lists[0]
        more = len(keys) > size
        if more:
            # the last node is asked for again: it says where the next page starts
            start = keys[-1]
            lists = [column[:-1] for column in lists]
        pages.append(table_of(lists, types))
        pace.learn(pages[-1].num_rows, pages[-1].nbytes)
    return joined(pages, types)


def read_edges(
    server: Server,
    kind: EdgeKind,
    columns: Sequence[str],
    sources: pa.ChunkedArray,
    *,
    until: int | None = None,
) -> Iterator[pa.Table]:
    """Pages with the columns asked for and the keys `src` and `dst`; `src` is a dictionary array.
    `sources` are the keys of all source nodes in key order."""
    types = {DST: Type.STRING, **{c: kind.columns[c] for c in columns}}
    timed = until is not None and "at" in kind.columns
    statement = read_text.edge_page(kind.table, columns, until=timed)
    pace = Pace()
    for first, last in _ranges(server, kind, sources, pace):
        keys, places, *lists = server.read(
            partial(_record, statement=statement, first=first, last=last, until=until)
        )
        src = pa.DictionaryArray.from_arrays(pa.array(places, pa.int32()), pa.array(keys, _KEY))
        page = table_of(lists, types).add_column(0, SRC, src)
        pace.learn(page.num_rows, page.nbytes)
        yield page


def _ranges(
    server: Server, kind: EdgeKind, sources: pa.ChunkedArray, pace: Pace
) -> Iterator[tuple[str, str]]:
    """Ranges of source keys with about `pace.rows` edges each; a node with more is one alone."""
    statement = read_text.degrees(kind.table)
    for start in range(0, len(sources), SOURCES):
        keys = sources.slice(start, SOURCES)
        first, last = keys[0].as_py(), keys[-1].as_py()
        said = server.read(partial(_record, statement=statement, first=first, last=last))[0]
        # nodes that came or went since the keys were read shift the sizes, never the ranges
        degrees = np.zeros(len(keys), np.int64)
        degrees[: len(said)] = said[: len(keys)]
        degrees[len(said) :] = 1
        busy = np.flatnonzero(degrees)
        ends = np.cumsum(degrees[busy])
        at = 0
        while at < len(busy):
            done = ends[at - 1] if at else 0
            stop = max(at + 1, int(np.searchsorted(ends, done + pace.rows, side="right")))
            yield keys[int(busy[at])].as_py(), keys[int(busy[stop - 1])].as_py()
            at = stop


def joined(pages: Sequence[pa.Table], types: dict[str, Type]) -> pa.Table:
    """Vectors get the width they turn out to have."""
    whole = pa.concat_tables([table_of([[] for _ in types], types), *pages])
    return pa.table(
        {n: fixed_width(whole[n]) if t is Type.VECTOR else whole[n] for n, t in types.items()}
    )


def table_of(lists: Sequence[list[Any]], types: Mapping[str, Type]) -> pa.Table:
    return pa.table(
        {n: pa.array(c, t.arrow) for (n, t), c in zip(types.items(), lists, strict=True)}
    )


def _record(tx: neo4j.ManagedTransaction, statement: str, **params: Any) -> list[list[Any]]:
    return list(run(tx, statement, **params).single(strict=True).values())
