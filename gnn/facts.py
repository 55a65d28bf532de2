"""A graph as a whole → what its source can say at all. Single users' edges cannot tell it: one who
sent nothing back is not a shop without returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gnn.graph import Events
from gnn.tables import GraphTables
from gnn.windows import DAY

TIMES_OF_DAY = 2
"""Sources of day grain have one time of day, or two where a clock is changed in summer."""


@dataclass(frozen=True)
class Facts:
    hours: bool
    """Times are finer than days."""
    prices: bool
    """Some purchase has a price."""
    orders: bool
    """Purchases have an order or a time: baskets can be told apart."""
    returns: bool
    """Something was sent back, or cancelled."""


def facts_of(graph: GraphTables, seen: Events) -> Facts:
    """Of the `seen` events; prices, orders and returns of all."""
    at = seen.at[seen.dated]
    bought, back = graph.behaviour.get("PURCHASED"), graph.behaviour.get("RETURNED")
    cancelled = 0.0 if bought is None else largest(bought, "cancelledQuantity")
    return Facts(
        hours=len(np.unique(at % DAY)) > TIMES_OF_DAY,
        prices=has(bought, "price"),
        orders=has(bought, "orderId") or has(bought, "at"),
        returns=(back is not None and back.num_rows > 0) or cancelled > 0,
    )


def has(table: pa.Table | None, column: str) -> bool:
    """Whether there is a value at all."""
    if table is None or column not in table.column_names:
        return False
    return bool(table[column].null_count < table.num_rows)


def largest(table: pa.Table, column: str) -> float:
    """0 where there is none."""
    return float(pc.max(table[column]).as_py()) if has(table, column) else 0.0
