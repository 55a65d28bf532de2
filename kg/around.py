"""What a few users' profiles are made of → a `Snapshot`, by their keys and not by a look at
everyone. Stores say who is there and which edges are at a user; the rest is the same for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from kg.errors import StoreError
from kg.schema import DST, EDGE_BY_NAME, EDGE_TABLES, NODE_BY_LABEL, SOCIAL, SRC, EdgeTable
from kg.store import Snapshot

There = Callable[[pa.Array], pa.Array]
"""Those of these users that are in the graph."""


class EdgesAt(Protocol):
    def __call__(
        self,
        edge: EdgeTable,
        names: Sequence[str],
        users: pa.Array,
        end: str,
        last: int | None = None,
        /,
    ) -> pa.Table:
        """The edges whose `end` is one of the users, or the `last` of each as `latest` has them: as
        src, dst (keys) and the columns."""


FRIENDS_AT_ONCE = 5_000
"""Whose events are read together, all of them in a store that cannot cut them itself."""


def around(
    users: Sequence[str],
    edges: Mapping[str, Sequence[str]],
    there: There,
    edges_at: EdgesAt,
    friend_events: int | None = None,
) -> Snapshot:
    """`GraphStore.around`"""
    wanted = pa.array(dict.fromkeys(users), pa.string())
    asked = wanted.filter(pc.is_in(wanted, there(wanted)))
    tables = {
        name: _both_ways(EDGE_TABLES[name], columns, asked, edges_at)
        for name, columns in edges.items()
        if name in SOCIAL
    }
    heard = together(asked, *(listened_to(name, t, asked) for name, t in tables.items()))
    known = together(heard, *(t[end] for t in tables.values() for end in (SRC, DST)))
    for name, columns in edges.items():
        if name not in SOCIAL:
            tables[name] = _events(
                EDGE_TABLES[name], columns, asked, heard, edges_at, friend_events
            )
    items = together(*(t[DST] for name, t in tables.items() if name not in SOCIAL))
    keys = {"User": known, "Item": items}
    return Snapshot(
        nodes={label: pa.table({NODE_BY_LABEL[label].key: k}) for label, k in keys.items()},
        edges={name: _numbered(table, EDGE_TABLES[name], keys) for name, table in tables.items()},
    )


def _events(
    edge: EdgeTable,
    columns: Sequence[str],
    asked: pa.Array,
    heard: pa.Array,
    edges_at: EdgesAt,
    friend_events: int | None,
) -> pa.Table:
    """All of those asked for, and of the others heard."""
    if friend_events is None:
        return edges_at(edge, columns, heard, SRC)
    if "at" not in columns:
        raise StoreError(f"{edge.name}: the latest events of friends need the column at")
    others = heard.filter(pc.invert(pc.is_in(heard, asked)))
    blocks = (
        others.slice(start, FRIENDS_AT_ONCE) for start in range(0, len(others), FRIENDS_AT_ONCE)
    )
    theirs = (edges_at(edge, columns, block, SRC, friend_events) for block in blocks)
    return pa.concat_tables([edges_at(edge, columns, asked, SRC), *theirs])


def latest(events: pa.Table, n: int) -> pa.Table:
    """The last `n` events of each user, those without a time first to go, ties by item and id."""
    by = [c for c in ("at", DST, "eventId") if c in events.column_names]
    keys = pl.from_arrow(events.select([SRC, *by]))
    assert isinstance(keys, pl.DataFrame)
    order = keys.with_row_index("row").sort(by, nulls_last=False)
    rows = order.group_by(SRC, maintain_order=True).tail(n)["row"].sort()
    return events.take(rows.to_arrow())


def listened_to(name: str, ties: pa.Table, users: pa.Array) -> pa.Array:
    """The other ends of ties that users read: all, where the type is undirected."""
    out = ties.filter(pc.is_in(ties[SRC], users))[DST]
    if not EDGE_BY_NAME[name].undirected:
        return together(out)
    return together(out, ties.filter(pc.is_in(ties[DST], users))[SRC])


def listeners_of(name: str, ties: pa.Table, users: pa.Array) -> pa.Array:
    """The other ends of ties by which users are read."""
    into = ties.filter(pc.is_in(ties[DST], users))[SRC]
    if not EDGE_BY_NAME[name].undirected:
        return together(into)
    return together(into, ties.filter(pc.is_in(ties[SRC], users))[DST])


def together(*keys: pa.Array | pa.ChunkedArray) -> pa.Array:
    """All of them once, the first ones first."""
    every = pa.chunked_array([pa.array([], pa.string())])
    for some in keys:
        chunks = some.chunks if isinstance(some, pa.ChunkedArray) else [some]
        every = pa.chunked_array([*every.chunks, *(c.cast(pa.string()) for c in chunks)])
    return pc.unique(every)


def _both_ways(
    edge: EdgeTable, columns: Sequence[str], users: pa.Array, edges_at: EdgesAt
) -> pa.Table:
    out, into = (edges_at(edge, columns, users, end) for end in (SRC, DST))
    return pa.concat_tables([out, into.filter(pc.invert(pc.is_in(into[SRC], users)))])


def _numbered(table: pa.Table, edge: EdgeTable, keys: Mapping[str, pa.Array]) -> pa.Table:
    ends = {
        end: pc.index_in(table[end], keys[label]).cast(pa.int64())
        for end, label in ((SRC, edge.src), (DST, edge.dst))
    }
    return pa.table({**ends, **{c: table[c] for c in table.column_names if c not in ends}})
