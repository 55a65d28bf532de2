"""What a few users' profiles are made of → a `Snapshot`, by their keys and not by a look at
everyone. Stores say who is there and which edges are at a user; the rest is the same for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from kg.errors import StoreError
from kg.schema import DST, EDGE_BY_NAME, EDGE_TABLES, NODE_BY_LABEL, SOCIAL, SRC, EdgeTable
from kg.store import Snapshot

There = Callable[[pa.Array], pa.Array]
"""Those of these users that are in the graph."""


@dataclass(frozen=True)
class Asked:
    """The edges whose `end` is one of the users, or the `last` of each as `latest` has them."""

    edge: EdgeTable
    names: Sequence[str]
    """Columns"""
    users: pa.Array
    end: str
    last: int | None = None


EdgesAt = Callable[[Sequence[Asked]], Sequence[pa.Table]]
"""What was asked, each as src, dst (keys) and the columns; all at once, since for one user the way
to a server and back is most of the time."""


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
    social = [name for name in edges if name in SOCIAL]
    ties = edges_at(
        [Asked(EDGE_TABLES[n], edges[n], asked, end) for n in social for end in (SRC, DST)]
    )
    tables = {
        name: _both_ways(out, into, asked)
        for name, out, into in zip(social, ties[::2], ties[1::2], strict=True)
    }
    heard = together(asked, *(listened_to(name, t, asked) for name, t in tables.items()))
    known = together(heard, *(t[end] for t in tables.values() for end in (SRC, DST)))
    wanted_of = {
        name: list(_events(EDGE_TABLES[name], columns, asked, heard, friend_events))
        for name, columns in edges.items()
        if name not in SOCIAL
    }
    found = iter(edges_at([one for several in wanted_of.values() for one in several]))
    for name, several in wanted_of.items():
        tables[name] = pa.concat_tables([next(found) for _ in several])
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
    friend_events: int | None,
) -> Iterator[Asked]:
    """All of those asked for, and of the others heard."""
    if friend_events is None:
        yield Asked(edge, columns, heard, SRC)
        return
    if "at" not in columns:
        raise StoreError(f"{edge.name}: the latest events of friends need the column at")
    yield Asked(edge, columns, asked, SRC)
    others = heard.filter(pc.invert(pc.is_in(heard, asked)))
    for start in range(0, len(others), FRIENDS_AT_ONCE):
        yield Asked(edge, columns, others.slice(start, FRIENDS_AT_ONCE), SRC, friend_events)


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


def _both_ways(out: pa.Table, into: pa.Table, users: pa.Array) -> pa.Table:
    """Each tie once, where it is between two of the users."""
    return pa.concat_tables([out, into.filter(pc.invert(pc.is_in(into[SRC], users)))])


def _numbered(table: pa.Table, edge: EdgeTable, keys: Mapping[str, pa.Array]) -> pa.Table:
    ends = {
        end: pc.index_in(table[end], keys[label]).cast(pa.int64())
        for end, label in ((SRC, edge.src), (DST, edge.dst))
    }
    return pa.table({**ends, **{c: table[c] for c in table.column_names if c not in ends}})
