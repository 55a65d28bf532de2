"""What is told of a person → the neighbourhood they would have in the graph, in columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from kg.account import Entry
from kg.around import latest
from kg.arrays import EDGE_COLUMNS
from kg.errors import InputError
from kg.queries import internal
from kg.schema import BEHAVIOURS, EDGE_TABLES, SOCIAL
from kg.store import GraphStore, Snapshot


def neighbourhood(
    store: GraphStore,
    told: Sequence[Entry],
    place: dict[int, str],
    friends: dict[str, str],
    *,
    name: str,
    as_of: int | None,
    friend_events: int | None,
) -> Snapshot:
    """The person as row 0, then the friends with their (latest) events, as `GraphStore.around` has
    it.

    `place` is the item of each event by its number, `friends` the stored ids by those told of.
    Raises InputError for a rating off the scale."""
    columns = {kind: EDGE_COLUMNS[kind] for kind in BEHAVIOURS}
    heard = list(dict.fromkeys(friends.values()))
    near = store.around(heard, columns) if heard else _nothing(columns)
    users = [name, *near.nodes["User"]["userId"].to_pylist()]
    user_row = {u: k for k, u in enumerate(users) if k}
    items = pc.unique(
        pa.chunked_array([near.nodes["Item"]["itemId"].combine_chunks(),
                          pa.array(list(place.values()), pa.string())])
    )  # fmt: skip
    scale = _scale(store, told)
    edges = {}
    for kind in (*BEHAVIOURS, *SOCIAL):
        theirs = [e for e in told if e.line.type == kind]
        if kind in SOCIAL:
            to = [user_row[friends[str(e.line.user_id)]] for e in theirs]
            edges[kind] = _table(kind, [0] * len(to), to, [{} for _ in to])
            continue
        rows = [_values(e, scale, as_of) for e in theirs]
        to = pc.index_in(pa.array([place[e.number] for e in theirs], pa.string()), items)
        mine = _table(kind, [0] * len(rows), to, rows)
        others = near.edges[kind]
        if friend_events is not None:
            others = latest(others, friend_events)
        src = pa.array(others["src"].to_numpy() + 1, pa.int64())
        shifted = others.set_column(others.schema.get_field_index("src"), "src", src)
        dst = pc.index_in(near.nodes["Item"]["itemId"], items).take(others["dst"]).cast(pa.int64())
        shifted = shifted.set_column(shifted.schema.get_field_index("dst"), "dst", dst)
        edges[kind] = pa.concat_tables([mine, shifted.select(mine.column_names).cast(mine.schema)])
    willing = pa.array([True] * len(users))
    return Snapshot({"User": pa.table({"userId": users, "profiling": willing}),
                     "Item": pa.table({"itemId": items})}, edges)  # fmt: skip


def _nothing(columns: dict[str, tuple[str, ...]]) -> Snapshot:
    nodes = {label: pa.table({key: pa.array([], pa.string())})
             for label, key in (("User", "userId"), ("Item", "itemId"))}  # fmt: skip
    return Snapshot(nodes, {name: _table(name, [], [], []) for name in columns})


def _table(name: str, src: Any, dst: Any, rows: list[dict[str, Any]]) -> pa.Table:
    types = {p.name: p.type.arrow for p in EDGE_TABLES[name].type.properties}
    ends = {"src": pa.array(src, pa.int64()), "dst": pa.array(dst, pa.int64())}
    return pa.table(
        {**ends, **{c: pa.array([r.get(c) for r in rows], types[c]) for c in EDGE_COLUMNS[name]}}
    )


def _values(entry: Entry, scale: tuple[float, ...] | None, as_of: int | None) -> dict[str, Any]:
    """The event's columns; one without a time happened just before the release's moment."""
    line = entry.line
    values = line.model_dump(by_alias=True) | {"eventId": entry.event_id}
    if line.at is None and as_of is not None:
        values["at"] = as_of - 1
    if line.weight is None:
        values["weight"] = 1.0 if line.rating is None else _weight(entry, line.rating, scale)
    return values


def _weight(entry: Entry, rating: float, scale: tuple[float, ...] | None) -> float:
    """A rating's place on the scale that the graph's own ratings show."""
    if scale is None:
        raise InputError(f"{entry.event_id}: nothing in the graph is rated; give weight, 0 to 1")
    low, high, worst, best = scale
    place = best if high == low else worst + (rating - low) / (high - low) * (best - worst)
    if not -1e-6 <= place <= 1 + 1e-6:
        raise InputError(
            f"{entry.event_id}: rating {rating:g} is off the scale (here {low:g} to {high:g})"
        )
    return min(max(place, 0.0), 1.0)


def _scale(store: GraphStore, told: Sequence[Entry]) -> tuple[float, ...] | None:
    if all(e.line.rating is None or e.line.weight is not None for e in told):
        return None
    row = internal("rating_scale").run(store, timeout_s=600).rows[0]
    return None if None in row else tuple(row)
