"""Purchases and returns up to a moment → users' money, baskets, and what came back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gnn.facts import has
from gnn.graph import UNDATED, times_of
from gnn.pairs import distinct
from gnn.tables import GraphTables
from gnn.windows import DAY

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Lines:
    """Purchases before a moment, in columns. One without a time counts as before."""

    user: Ints
    item: Ints
    at: Ints
    """Epoch s, or UNDATED"""
    order: Ints
    """One number per order: its id, else its day; -1 where it has neither"""
    bought: Doubles
    """Pieces; 1 where no quantity is given"""
    left: Doubles
    """Pieces without those cancelled"""
    price: Doubles
    """Of one piece; NaN where it has none"""

    @property
    def spent(self) -> Doubles:
        return np.asarray(np.nan_to_num(self.price) * self.left, np.float64)


def lines_of(graph: GraphTables, at: int | None) -> Lines | None:
    """None without purchases."""
    table = graph.behaviour.get("PURCHASED")
    if table is None:
        return None
    when = times_of(table, "at")
    if at is not None:
        before = when < at  # UNDATED is below every time.
        table, when = table.filter(pa.array(before)), when[before]
    bought = doubles(table, "quantity", 1)
    return Lines(
        user=table["src"].to_numpy(),
        item=table["dst"].to_numpy(),
        at=when,
        order=_orders(table, when),
        bought=bought,
        left=np.maximum(bought - doubles(table, "cancelledQuantity", 0), 0),
        price=doubles(table, "price", np.nan),
    )


def doubles(table: pa.Table, column: str, missing: float) -> Doubles:
    if column not in table.column_names:
        return np.full(table.num_rows, missing)
    return np.asarray(pc.fill_null(table[column].cast(pa.float64()), missing).to_numpy())


def _orders(table: pa.Table, when: Ints) -> Ints:
    days, of_day = np.unique(when // DAY, return_inverse=True)
    order = np.where(when == UNDATED, -1, of_day)
    if not has(table, "orderId"):
        return order
    ids = table["orderId"].combine_chunks().dictionary_encode().indices
    known = pc.is_valid(ids).to_numpy(zero_copy_only=False)
    return np.where(known, len(days) + pc.fill_null(ids, 0).to_numpy().astype(np.int64), order)


def monetary(graph: GraphTables, at: int | None) -> Doubles | None:
    """[U] Σ price x (quantity − cancelledQuantity) over purchases before `at`; None where no
    purchase has a price. A quantity that is not given is one piece."""
    lines = lines_of(graph, at)
    if lines is None or not has(graph.behaviour["PURCHASED"], "price"):
        return None
    return np.bincount(lines.user, lines.spent, graph.users.num_rows).astype(np.float64)


def basket_value(lines: Lines, n_users: int) -> Doubles:
    """[U] mean money of an order, over orders with something priced left in them; NaN without."""
    there = (lines.left > 0) & np.isfinite(lines.price) & (lines.order >= 0)
    buyer, _ = distinct(lines.user[there], lines.order[there])
    spent = np.bincount(lines.user[there], lines.spent[there], n_users)
    return ratio(spent, np.bincount(buyer, minlength=n_users))


def basket_size(lines: Lines, n_users: int) -> Doubles:
    """[U] mean number of distinct items of an order, cancelled ones left out; NaN without."""
    there = (lines.left > 0) & (lines.order >= 0)
    wide = np.int64(lines.order.max(initial=0) + 1)
    order, _ = distinct(lines.user[there] * wide + lines.order[there], lines.item[there])
    number = np.bincount(order // wide, minlength=n_users)
    return ratio(number, np.bincount(np.unique(order) // wide, minlength=n_users))


def known_left(graph: GraphTables, lines: Lines, at: int) -> Doubles:
    """[P] pieces left of each line as far as it was known at `at`: what came back of an item by
    then is taken evenly from the user's lines of it. A purchase's own `cancelledQuantity` has no
    time, so that nothing proves it was known."""
    _, place, bought, back = _by_item(graph, lines, at)
    kept = 1 - np.minimum(np.divide(back, bought, out=np.zeros_like(bought), where=bought > 0), 1)
    return np.asarray(lines.bought * kept[place], np.float64)


def _by_item(
    graph: GraphTables, lines: Lines, at: int | None
) -> tuple[Ints, Ints, Doubles, Doubles]:
    """Pairs of user and item as one number; each line's pair; pieces bought of it, and what its
    returns before `at` say came back."""
    wide = np.int64(max(1, graph.items.num_rows))
    pairs, place = np.unique(lines.user * wide + lines.item, return_inverse=True)
    bought = np.bincount(place, lines.bought, len(pairs)).astype(np.float64)
    back = np.zeros(len(pairs))
    table = graph.behaviour.get("RETURNED")
    if table is not None and len(pairs):
        when = times_of(table, "at")
        key = table["src"].to_numpy() * wide + table["dst"].to_numpy()
        found = np.minimum(np.searchsorted(pairs, key), len(pairs) - 1)
        ours = (pairs[found] == key) & (True if at is None else when < at)
        back += np.bincount(found[ours], doubles(table, "quantity", 1)[ours], len(pairs))
    return pairs, place, bought, back


def return_rate(graph: GraphTables, lines: Lines, at: int | None) -> Doubles:
    """[U] share of the pieces bought before `at` that came back by then; NaN for users who bought
    none. What came back of an item is what its returns say, or the purchases' own
    `cancelledQuantity`, whichever is more, and never more than was bought."""
    n_users = graph.users.num_rows
    pairs, place, bought, sent = _by_item(graph, lines, at)
    cancelled = np.bincount(place, lines.bought - lines.left, len(pairs))
    back = np.maximum(cancelled, sent)
    user = pairs // max(1, graph.items.num_rows)
    total = np.bincount(user, bought, n_users)
    return ratio(np.bincount(user, np.minimum(back, bought), n_users), total)


def ratio(part: NDArray[np.generic], whole: NDArray[np.generic]) -> Doubles:
    """part / whole, NaN where the whole is 0."""
    top, below = part.astype(np.float64), whole.astype(np.float64)
    found = np.divide(top, below, out=np.full(len(below), np.nan), where=below > 0)
    return np.asarray(found, np.float64)
