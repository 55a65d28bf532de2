"""Graphs so small and regular that the right ranking is known: a checkerboard, two communities."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

import gnn.ranker_fit
from gnn.config import TrainConfig
from gnn.tables import GraphTables, TextVectors
from tests.gnn.planted import DAY, acts, tables

QUICK = TrainConfig(dim=16, epochs=8, batch=16, rank=8, learning_rate=0.03)
"""Enough to learn any of these."""


@contextmanager
def always_ranked() -> Iterator[None]:
    """Trainings learn a ranker from however few users, and use it, better or not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gnn.ranker_fit, "FEWEST", 1)
        patch.setattr(gnn.ranker_fit, "better", lambda *_: True)
        yield


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


def without_users(graph: GraphTables, users: np.ndarray) -> GraphTables:
    """The same nodes, without these users' events."""
    kept = {
        kind: t.filter(pa.array(~np.isin(t["src"].to_numpy(), users)))
        for kind, t in graph.behaviour.items()
    }
    return replace(graph, behaviour=kept)


def rich(
    n_users: int = 120, n_items: int = 40, *, seed: int = 0
) -> tuple[GraphTables, TextVectors]:
    """Two communities with everything a shop may have: purchases, opinions high and low, reviews
    with text, returns, two kinds of ties with and without times, categories two levels deep."""
    rng = np.random.default_rng(seed)
    plain = communities(n_users=n_users, n_items=n_items, ties="homophilous", seed=seed)
    bought = plain.behaviour["PURCHASED"]
    user, item, at = (bought[c].to_numpy() for c in ("src", "dst", "at"))

    def some(share: float, **more: object) -> pa.Table:
        rows = np.flatnonzero(rng.random(len(user)) < share)
        picked = {name: np.asarray(values)[rows] for name, values in more.items()}
        return acts(user[rows], item[rows], at[rows] + DAY, **picked)

    stars = rng.integers(1, 6, len(user))
    opinion = {"rating": stars, "weight": (stars - 1) / 4}
    half = n_users // 2
    friends = pa.table({"src": np.arange(half), "dst": np.arange(half) + half})
    graph = tables(
        n_users,
        n_items,
        {
            "PURCHASED": bought,
            "RATED": some(0.3, **opinion),
            "REVIEWED": some(0.5, **opinion),
            "RETURNED": some(0.1),
        },
        category_of=np.arange(n_items) % 4,
        parents=[(0, 4), (1, 5), (2, 4), (3, 5)],
        social={
            "FOLLOWS": plain.social["FOLLOWS"].append_column(
                "since", pa.array(rng.integers(0, 100, 6 * n_users) * DAY)
            ),
            "FRIEND_OF": friends,
        },
    )
    reviews = graph.behaviour["REVIEWED"]
    said = np.eye(2)[reviews["dst"].to_numpy() % 2] + rng.normal(0, 0.2, (len(reviews), 2))
    said[rng.random(len(reviews)) < 0.2] = 0
    titles = np.eye(2)[np.arange(n_items) % 2] + rng.normal(0, 0.2, (n_items, 2))
    return graph, TextVectors(titles.astype(np.float32), said.astype(np.float32))
