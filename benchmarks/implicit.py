"""Pairs of users and items, and what is known of items, as a graph without times."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from gnn.evaluate import Ints
from gnn.tables import GraphTables


def implicit(
    user: Ints, item: Ints, n_users: int, n_items: int, known: tuple[Ints, Ints] | None = None
) -> GraphTables:
    """`known` are item rows and the ids of what is said of them (brands, genres, other items),
    which become categories."""
    none = np.empty(0, np.int64)
    of, said = known or (none, none)
    untold = {name: pa.nulls(n_items, pa.string()) for name in ("title", "brand", "description")}
    categories, row = np.unique(said, return_inverse=True)
    return GraphTables(
        users=pa.table({"userId": [str(u) for u in range(n_users)]}),
        items=pa.table({"itemId": [str(i) for i in range(n_items)]} | untold),
        categories=pa.table({"categoryId": pa.array([str(c) for c in categories], pa.string())}),
        behaviour={"VIEWED": pa.table({"src": user, "dst": item})},
        social={},
        item_category=pa.table({"src": of, "dst": row.astype(np.int64)}),
        category_parent=pa.table({"src": none, "dst": none}),
    )
