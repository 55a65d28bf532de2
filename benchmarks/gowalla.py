"""The published split of Gowalla (the one of LightGCN) as a graph and a test."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from benchmarks.implicit import implicit
from gnn.evaluate import Ints
from gnn.graph import Events, events
from gnn.tables import GraphTables


def gowalla(folder: Path) -> tuple[GraphTables, Events]:
    """`train.txt.gz` and `test.txt.gz`: a line a user, the user's id, then item ids."""
    (user, item), (test_user, test_item) = (
        pairs(folder / f"{name}.txt.gz") for name in ("train", "test")
    )
    n_users, n_items = int(user.max()) + 1, int(max(item.max(), test_item.max())) + 1
    test = implicit(test_user, test_item, n_users, n_items)
    return implicit(user, item, n_users, n_items), events(test)


def pairs(path: Path) -> tuple[Ints, Ints]:
    """User and item ids of a file with a line a user, in its order."""
    with gzip.open(path, "rt") as lines:
        rows = [np.array(line.split(), np.int64) for line in lines]
    user = np.repeat([r[0] for r in rows], [len(r) - 1 for r in rows])
    return user, np.concatenate([r[1:] for r in rows])
