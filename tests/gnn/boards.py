"""Graphs so small and regular that the right ranking is known: a checkerboard, two communities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from gnn.config import TrainConfig
from gnn.tables import GraphTables
from tests.gnn.planted import DAY, acts, tables

QUICK = TrainConfig(dim=16, epochs=8, batch=16, rank=8, learning_rate=0.03)
"""Enough to learn any of these."""


def checkerboard(n: int = 50) -> GraphTables:
    """User u took up every item i with u + i even, but for item u itself; no times."""
    user, item = np.indices((n, n)).reshape(2, -1)
    taken = ((user + item) % 2 == 0) & (user != item)
    return tables(n, n, {"VIEWED": acts(user[taken], item[taken])})


def communities(
    *,
    n_users: int = 120,
    n_items: int = 40,
    per_user: int = 12,
    ties: str = "none",
    categories: bool = False,
    at: bool = True,
    seed: int = 0,
) -> GraphTables:
    """Two kinds of users (even, odd rows), each buying its own half of the items (even, odd rows),
    at random and once each; `ties` are "homophilous" (within a kind), "random" or "none"."""
    rng = np.random.default_rng(seed)
    kind = np.arange(n_users) % 2
    own = np.argsort(rng.random((n_users, n_items // 2)), axis=1)[:, :per_user]
    user, item = np.repeat(np.arange(n_users), per_user), (2 * own + kind[:, None]).ravel()
    when = rng.integers(0, 100, len(user)) * DAY
    social = {}
    if ties != "none":
        src = np.repeat(np.arange(n_users), 6)
        dst = rng.integers(0, n_users // 2, len(src)) * 2
        dst += kind[src] if ties == "homophilous" else rng.integers(0, 2, len(src))
        social = {"FOLLOWS": pa.table({"src": src, "dst": dst})}
    return tables(
        n_users,
        n_items,
        {"PURCHASED": acts(user, item, when if at else None)},
        category_of=np.arange(n_items) % 2 if categories else None,
        social=social,
    )


def with_behaviour(graph: GraphTables, **types: pa.Table) -> GraphTables:
    return replace(graph, behaviour=types)


def without_users(graph: GraphTables, users: np.ndarray) -> GraphTables:
    """The same nodes, without these users' events."""
    kept = {
        kind: t.filter(pa.array(~np.isin(t["src"].to_numpy(), users)))
        for kind, t in graph.behaviour.items()
    }
    return replace(graph, behaviour=kept)
