"""Amazon Beauty as S3-Rec published it (Zhou et al., CIKM 2020), leave-one-out: each user's last
item is the test, all before it is the graph; attributes of items (categories, brand) are its
categories."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np

from benchmarks.gowalla import pairs
from benchmarks.implicit import implicit
from gnn.graph import Events, events
from gnn.tables import GraphTables


def beauty(folder: Path) -> tuple[GraphTables, Events]:
    """`Beauty.txt.gz`: a line a user, the user's id, then item ids in the order of time;
    `Beauty_item2attributes.json.gz`: item id → attribute ids. Ids count from 1."""
    user, item = (ids - 1 for ids in pairs(folder / "Beauty.txt.gz"))
    n_users, n_items = int(user.max()) + 1, int(item.max()) + 1
    is_last = np.diff(user, append=-1) != 0
    with gzip.open(folder / "Beauty_item2attributes.json.gz", "rt") as file:
        attributes: dict[str, list[int]] = json.load(file)
    of = np.repeat([int(i) - 1 for i in attributes], [len(a) for a in attributes.values()])
    said = np.concatenate([np.array(a, np.int64) for a in attributes.values()])
    graph = implicit(user[~is_last], item[~is_last], n_users, n_items, (of, said))
    test = implicit(user[is_last], item[is_last], n_users, n_items)
    return graph, events(test)
