"""The published split of Gowalla (the one of LightGCN) as a graph and a test."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa

from gnn.evaluate import Ints
from gnn.graph import Events, events
from gnn.tables import GraphTables


def gowalla(folder: Path) -> tuple[GraphTables, Events]:
    """`train.txt.gz` and `test.txt.gz`: a line a user, the user's id, then item ids."""
    (user, item), (test_user, test_item) = (
        _pairs(folder / f"{name}.txt.gz") for name in ("train", "test")
    )
    n_users, n_items = int(user.max()) + 1, int(max(item.max(), test_item.max())) + 1
    nothing = pa.table({"src": pa.array([], pa.int64()), "dst": pa.array([], pa.int64())})

    def graph(user: Ints, item: Ints) -> GraphTables:
        return GraphTables(
            users=pa.table({"userId": [str(u) for u in range(n_users)]}),
            items=pa.table({"itemId": [str(i) for i in range(n_items)]}),
            categories=pa.table({"categoryId": pa.array([], pa.string())}),
            behaviour={"VIEWED": pa.table({"src": user, "dst": item})},
            social={},
            item_category=nothing,
            category_parent=nothing,
        )

    return graph(user, item), events(graph(test_user, test_item))


def _pairs(path: Path) -> tuple[Ints, Ints]:
    with gzip.open(path, "rt") as lines:
        rows = [np.array(line.split(), np.int64) for line in lines]
    user = np.repeat([r[0] for r in rows], [len(r) - 1 for r in rows])
    return user, np.concatenate([r[1:] for r in rows])
