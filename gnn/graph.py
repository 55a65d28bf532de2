"""Graph tables → flat, checked arrays of events, social ties and categories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from gnn.errors import GraphError
from gnn.tables import GraphTables

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

UNDATED = int(np.iinfo(np.int64).min)
"""Stands for a missing time."""
UNDIRECTED = ("FRIEND_OF",)
"""Social types stored once and read both ways."""


@dataclass(frozen=True)
class Seen:
    """What a model may look at. The default is everything."""

    until: int | None = None
    """Epoch seconds: only rows with a time, before it; ages are counted from it."""
    exclude: Mapping[str, Mask] = field(default_factory=dict)
    """By behaviour or social type: rows of its table left out."""


@dataclass(frozen=True)
class Events:
    """Behaviour of all types in one set of columns, sorted by user and time."""

    user: Ints
    item: Ints
    at: Ints
    """Epoch seconds, or UNDATED."""
    relation: Ints
    """Row of `relations`."""
    value: Floats
    """1 for an opinion; log2(1 + weight) for counts."""
    positive: Mask
    """May be a target."""
    edge: Ints
    """Row of its own table."""
    relations: tuple[tuple[str, bool], ...]
    """(type, speaks for the item). An opinion type has two: its high and its low opinions."""
    n_users: int
    n_items: int

    def __len__(self) -> int:
        return len(self.user)

    def where(self, keep: Mask) -> Events:
        rows = np.flatnonzero(keep)
        return Events(
            self.user[rows], self.item[rows], self.at[rows], self.relation[rows],
            self.value[rows], self.positive[rows], self.edge[rows],
            self.relations, self.n_users, self.n_items,
        )  # fmt: skip

    def of_type(
        self, by_type: Mapping[str, NDArray[np.generic]], missing: int
    ) -> NDArray[np.int64]:
        """[E] each event's entry in per-table columns; `missing` for types that have none."""
        out = np.full(len(self), missing, np.int64)
        for r, (kind, _) in enumerate(self.relations):
            if kind in by_type:
                rows = np.flatnonzero(self.relation == r)
                out[rows] = by_type[kind][self.edge[rows]]
        return out

    def seen(self, seen: Seen) -> Events:
        """What may be looked at."""
        keep = ~self.of_type(seen.exclude, 0).astype(bool)
        if seen.until is not None:
            keep &= (self.at < seen.until) & (self.at != UNDATED)  # No leakage.
        return self.where(keep)

    @property
    def dated(self) -> Mask:
        """[E]"""
        return np.asarray(self.at != UNDATED)

    @property
    def pair(self) -> Ints:
        """[E] one number per (user, item)."""
        return self.user * self.n_items + self.item

    def matrix(self, weight: Floats | None = None) -> sp.csr_matrix:
        """[U, I] float32: 1 where the user has a positive event, or the sum of `weight` [E]."""
        data = np.ones(len(self), np.float32) if weight is None else weight
        p = self.positive
        m = sp.csr_matrix((data[p], (self.user[p], self.item[p])), (self.n_users, self.n_items))
        m.sum_duplicates()
        if weight is None:
            m.data[:] = 1
        return m


@dataclass(frozen=True)
class Ties:
    """One social type, read both ways where it is undirected: `user` listens to `other`."""

    kind: str
    user: Ints
    other: Ints
    since: Ints
    edge: Ints


def column(table: pa.Table, name: str, where: str) -> NDArray[np.generic]:
    if name not in table.column_names:
        raise GraphError(f"{where}: no column {name!r}; it has {', '.join(table.column_names)}")
    return np.asarray(table[name].to_numpy())


def rows_of(table: pa.Table, name: str, size: int, where: str) -> Ints:
    """An endpoint column as int64 rows below `size`. Raises GraphError for one out of range."""
    got = table[name] if name in table.column_names else None
    if got is not None and got.null_count:
        raise GraphError(f"{where}.{name}: {got.null_count} rows are null")
    rows = column(table, name, where).astype(np.int64)
    if len(rows) and (rows.min() < 0 or rows.max() >= size):
        bad = int(np.flatnonzero((rows < 0) | (rows >= size))[0])
        raise GraphError(f"{where}.{name}: row {bad} points at {rows[bad]}, of {size} nodes")
    return rows


def times_of(table: pa.Table, name: str) -> Ints:
    if name not in table.column_names:
        return np.full(table.num_rows, UNDATED, np.int64)
    return np.asarray(table[name].cast(pa.int64()).fill_null(UNDATED).to_numpy(), np.int64)


def weights_of(table: pa.Table) -> NDArray[np.float64]:
    """The `weight` column, 1 where there is none or it is null."""
    if "weight" not in table.column_names:
        return np.ones(table.num_rows)
    return np.asarray(table["weight"].cast(pa.float64()).fill_null(1.0).to_numpy())


def events(graph: GraphTables) -> Events:
    """All behaviour. Raises GraphError for endpoints that are no nodes or weights below 0."""
    n_users, n_items = graph.users.num_rows, graph.items.num_rows
    relations: list[tuple[str, bool]] = []
    columns: list[tuple[NDArray[np.generic], ...]] = []
    for kind, table in graph.behaviour.items():
        n = table.num_rows
        user, item = rows_of(table, "src", n_users, kind), rows_of(table, "dst", n_items, kind)
        weight = weights_of(table)
        if n and not (weight >= 0).all():
            bad = int(np.flatnonzero(~(weight >= 0))[0])
            raise GraphError(f"{kind}.weight: row {bad} is {weight[bad]}; it must be 0 or more")
        opinion = "rating" in table.column_names
        low = weight < graph.positive_weight if opinion else np.zeros(n, bool)
        against = kind in graph.negative
        relation = len(relations) + low.astype(np.int64)
        relations.append((kind, not against))
        if opinion:
            relations.append((kind, False))
        value = np.ones(n) if opinion else np.log2(1 + weight)
        positive = ~low & (not against)
        at = times_of(table, "at")
        columns.append((user, item, at, relation, value.astype(np.float32), positive, np.arange(n)))
    kinds = (np.int64, np.int64, np.int64, np.int64, np.float32, np.bool_, np.int64)
    flat = [
        np.concatenate([c[k] for c in columns]) if columns else np.empty(0, t)
        for k, t in enumerate(kinds)
    ]
    order = np.lexsort((flat[2], flat[0]))
    user, item, at, relation, value, positive, edge = (np.asarray(f)[order] for f in flat)
    return Events(
        user, item, at, relation, value, positive, edge, tuple(relations), n_users, n_items
    )


def ties(
    graph: GraphTables, seen: Seen, undirected: tuple[str, ...] = ("FRIEND_OF",)
) -> list[Ties]:
    """Social edges that may be looked at, without loops. An undated tie counts as always there."""
    out = []
    n = graph.users.num_rows
    for kind, table in graph.social.items():
        src, dst = rows_of(table, "src", n, kind), rows_of(table, "dst", n, kind)
        since, edge = times_of(table, "since"), np.arange(table.num_rows)
        keep = src != dst
        if kind in seen.exclude:
            keep &= ~seen.exclude[kind]
        if seen.until is not None:
            keep &= since < seen.until  # No leakage. UNDATED is below every time.
        src, dst, since, edge = src[keep], dst[keep], since[keep], edge[keep]
        if kind in UNDIRECTED:
            src, dst = np.concatenate([src, dst]), np.concatenate([dst, src])
            since, edge = np.tile(since, 2), np.tile(edge, 2)
        order = np.argsort(src, kind="stable")
        out.append(Ties(kind, src[order], dst[order], since[order], edge[order]))
    return out
