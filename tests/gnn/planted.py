"""A shop whose truth is known, and an encoder that knows the truth: user = normalised sum of the
category directions of what the user took up and of what friends took up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gnn.encoded import Encoded, Hop
from gnn.graph import Seen, events, ties
from gnn.tables import GraphTables, TextVectors

DAY = 86_400


def keys(letter: str, n: int) -> pa.Array:
    return pa.array([f"{letter}{k}" for k in range(n)], pa.string())


def tables(
    n_users: int,
    n_items: int,
    behaviour: dict[str, pa.Table],
    *,
    category_of: list[int] | np.ndarray | None = None,
    parents: list[tuple[int, int]] | None = None,
    social: dict[str, pa.Table] | None = None,
    titles: list[str | None] | None = None,
) -> GraphTables:
    """A graph from rows; categories are numbered by `category_of` (one an item)."""
    of = np.zeros(0, np.int64) if category_of is None else np.asarray(category_of, np.int64)
    pairs = np.asarray(parents or np.zeros((0, 2)), np.int64)
    n_categories = int(max([*of.tolist(), *pairs.ravel().tolist()], default=-1)) + 1
    items = {"itemId": keys("i", n_items)}
    if titles is not None:
        items["title"] = pa.array(titles, pa.string())
    return GraphTables(
        users=pa.table({"userId": keys("u", n_users)}),
        items=pa.table(items),
        categories=pa.table(
            {"categoryId": keys("c", n_categories), "name": keys("name", n_categories)}
        ),
        behaviour=behaviour,
        social=social or {},
        item_category=pa.table({"src": pa.array(np.arange(len(of))), "dst": pa.array(of)}),
        category_parent=pa.table({"src": pa.array(pairs[:, 0]), "dst": pa.array(pairs[:, 1])}),
    )


def acts(user: object, item: object, at: object = None, **more: object) -> pa.Table:
    """Rows of a behaviour table; `eventId` is e0, e1, …"""
    n = len(user)  # type: ignore[arg-type]  # lists and arrays both
    columns = {"src": pa.array(user, pa.int64()), "dst": pa.array(item, pa.int64())}
    columns["at"] = pa.nulls(n, pa.int64()) if at is None else pa.array(at, pa.int64())
    columns["eventId"] = keys("e", n)
    columns |= {name: pa.array(values) for name, values in more.items()}
    return pa.table(columns)


@dataclass(frozen=True)
class Shop:
    graph: GraphTables
    rate: np.ndarray
    """[U, C] planted events a day, by leaf category"""
    end: int


def shop(
    *, n_users: int = 300, n_leaves: int = 6, items_a_leaf: int = 8, days: int = 200, seed: int = 0
) -> Shop:
    """Users with planted rates; leaves 0 … n-1, two to a parent n, n+1, …; friends of like taste
    follow each other."""
    rng = np.random.default_rng(seed)
    taste = rng.dirichlet(np.full(n_leaves, 0.3), n_users)
    rate = rng.lognormal(-3.2, 0.8, n_users)[:, None] * taste
    number = rng.poisson(rate * days)
    user, leaf = (np.repeat(g.ravel(), number.ravel()) for g in np.indices(number.shape))
    at = rng.integers(0, days * DAY, len(user))
    order = np.argsort(at, kind="stable")
    user, leaf, at = user[order], leaf[order], at[order]
    item = leaf * items_a_leaf + rng.integers(0, items_a_leaf, len(leaf))
    favourite = taste.argmax(axis=1)
    followers = np.arange(n_users)
    followed = np.array([rng.choice(np.flatnonzero(favourite == f)) for f in favourite])
    return Shop(
        tables(
            n_users,
            n_leaves * items_a_leaf,
            {"PURCHASED": acts(user, item, at)},
            category_of=np.repeat(np.arange(n_leaves), items_a_leaf),
            parents=[(k, n_leaves + k // 2) for k in range(n_leaves)],
            social={"FOLLOWS": pa.table({"src": followers, "dst": followed})},
        ),
        rate,
        days * DAY,
    )


@dataclass(frozen=True)
class Look:
    encoded: Encoded

    def fused(self, users: np.ndarray) -> np.ndarray:
        e = self.encoded
        return e.user[users] @ e.item.T + e.bias


@dataclass(frozen=True)
class Planted:
    """The `Model` of these tests. `item` [I, d] unit rows."""

    item: np.ndarray
    social: float = 0.3

    @classmethod
    def of(cls, graph: GraphTables, noise: float = 0.1, seed: int = 0) -> Planted:
        rng = np.random.default_rng(seed)
        of = graph.item_category["dst"].to_numpy()
        item = np.eye(int(of.max()) + 1, dtype=np.float32)[of]
        item = item + rng.normal(0, noise, item.shape)
        return cls((item / np.linalg.norm(item, axis=1, keepdims=True)).astype(np.float32))

    def scorer(
        self, graph: GraphTables, text: TextVectors | None = None, seen: Seen | None = None
    ) -> Look:
        seen = seen or Seen()
        visible = events(graph).seen(seen)
        first = visible.matrix() @ self.item
        hops = [
            (kind, visible.user[at], visible.item[at], visible.edge[at], self.item, 1.0)
            for r, (kind, good) in enumerate(visible.relations)
            for at in [np.flatnonzero((visible.relation == r) & visible.positive)]
            if good
        ]
        hops += [
            (t.kind, t.user, t.other, t.edge, first.astype(np.float32), self.social)
            for t in ties(graph, seen)
        ]
        user = np.zeros((visible.n_users, self.item.shape[1]))
        for _, u, other, _, message, weight in hops:
            np.add.at(user, u, weight * message[other])
        norm = np.linalg.norm(user, axis=1)
        scale = np.divide(1, norm, out=np.zeros_like(norm), where=norm > 0)
        return Look(
            Encoded(
                (user * scale[:, None]).astype(np.float32),
                4 * self.item,
                np.log1p(np.bincount(visible.item, minlength=visible.n_items)).astype(np.float32),
                tuple(
                    Hop(kind, u, other, edge, (weight * scale[u]).astype(np.float32), message)
                    for kind, u, other, edge, message, weight in hops
                ),
            )
        )
