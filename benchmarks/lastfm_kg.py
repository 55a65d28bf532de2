"""Last.fm with a knowledge graph around its artists (Wang et al., RippleNet, CIKM 2018) as a graph
without times: what the triples say of an artist, relation and entity together, is a category."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.implicit import implicit
from gnn.tables import GraphTables


def lastfm_kg(folder: Path) -> GraphTables:
    """`ratings_final.txt.gz`: user, item, 1 where the user listened (0 are drawn at random and left
    out); `kg_final.txt.gz`: entity, relation, entity, where the first entities are the items."""
    user, item, label = np.loadtxt(folder / "ratings_final.txt.gz", np.int64, unpack=True)
    head, relation, tail = np.loadtxt(folder / "kg_final.txt.gz", np.int64, unpack=True)
    n_users, n_items = int(user.max()) + 1, int(item.max()) + 1
    of_items = head < n_items
    entities = int(max(head.max(), tail.max())) + 1
    known = head[of_items], (relation * entities + tail)[of_items]
    listened = label == 1
    return implicit(user[listened], item[listened], n_users, n_items, known)
