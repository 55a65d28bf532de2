"""A graph of any size whose users, items and friendships follow power laws, as tables of
`kg.schema`; whole, or its events part by part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.schema import table_schema

END = 1_780_000_000
SPAN = 2 * 365 * 86_400


def power_law(
    *,
    users: int = 200_000,
    items: int = 100_000,
    categories: int = 500,
    events: int = 2_000_000,
    ties: int = 1_000_000,
    seed: int = 7,
) -> dict[str, pa.Table]:
    """Views and purchases (9 to 1), ties, one category an item, in the order they can be loaded."""
    world = World.of(users, items, categories, seed)
    return {**world.nodes(), **world.events(events), **world.edges(ties)}


@dataclass(frozen=True)
class World:
    """Users who like three categories each, so there is something to learn."""

    users: pa.Array
    items: pa.Array
    categories: pa.Array
    of_item: np.ndarray
    """[I] category"""
    liked: np.ndarray
    """[U, 3] categories"""
    seed: int

    @classmethod
    def of(cls, users: int, items: int, categories: int, seed: int = 7) -> World:
        rng = np.random.default_rng(seed)
        of_item = rng.integers(0, categories, items)
        liked = rng.integers(0, categories, (users, 3))
        return cls(
            _keys("u", users), _keys("i", items), _keys("c", categories), of_item, liked, seed
        )

    def nodes(self) -> dict[str, pa.Table]:
        n = len(self.categories)
        rng = np.random.default_rng(self.seed + 1)
        price = pa.array(rng.gamma(2, 20, len(self.items)).round(2))
        return {
            "User": _declared("User", userId=self.users),
            "Item": _declared("Item", itemId=self.items, title=self.items, price=price),
            "Category": _declared(
                "Category",
                categoryId=self.categories,
                name=self.categories,
                level=pa.array([0] * n),
                derived=pa.array([False] * n),
            ),
        }

    def events(self, number: int, part: int = 0) -> dict[str, pa.Table]:
        """VIEWED and PURCHASED; parts of one number have nothing in common."""
        rng = np.random.default_rng([self.seed, part])
        n_users, n_items = len(self.users), len(self.items)
        who = _drawn(rng, n_users, number)
        by_category = np.argsort(self.of_item, kind="stable")
        start = np.searchsorted(self.of_item[by_category], np.arange(len(self.categories) + 1))
        liked = self.liked[who, rng.integers(0, 3, number)]
        size = np.maximum(start[liked + 1] - start[liked], 1)
        place = start[liked] + (size * rng.random(number) ** 3).astype(np.int64)
        what = by_category[np.minimum(place, n_items - 1)]
        stray = rng.random(number) < 0.3
        what[stray] = _drawn(rng, n_items, int(stray.sum()))
        at = END - (SPAN * rng.random(number)).astype(np.int64)
        viewed = rng.random(number) < 0.9
        event = _keys("e", number, first=part * number)
        price = pa.array(rng.gamma(2, 20, number).round(2))

        def rows(name: str, which: np.ndarray, **more: pa.Array) -> pa.Table:
            chosen = pa.array(np.flatnonzero(which))
            return _declared(
                name,
                src=self.users.take(pa.array(who[which])),
                dst=self.items.take(pa.array(what[which])),
                eventId=event.take(chosen),
                at=pa.array(at[which]),
                weight=pa.array(np.ones(int(which.sum()))),
                **{column: values.take(chosen) for column, values in more.items()},
            )

        return {
            "VIEWED": rows("VIEWED", viewed),
            "PURCHASED": rows("PURCHASED", ~viewed, price=price),
        }

    def edges(self, ties: int) -> dict[str, pa.Table]:
        rng = np.random.default_rng(self.seed + 2)
        n = len(self.users)
        src, dst = rng.integers(0, n, ties), _drawn(rng, n, ties)
        pairs = np.unique(src[src != dst] * n + dst[src != dst])
        return {
            "FOLLOWS": _declared(
                "FOLLOWS",
                src=self.users.take(pa.array(pairs // n)),
                dst=self.users.take(pa.array(pairs % n)),
            ),
            "IN_CATEGORY": _declared(
                "IN_CATEGORY",
                src=self.items,
                dst=self.categories.take(pa.array(self.of_item)),
                weight=pa.array(np.ones(len(self.items))),
            ),
        }


def _drawn(rng: np.random.Generator, n: int, size: int) -> np.ndarray:
    """`size` of `n`, the k-th with a chance near to k^-0.7."""
    return np.minimum((n * rng.random(size) ** (1 / 0.3)).astype(np.int64), n - 1)


def _keys(letter: str, n: int, first: int = 0) -> pa.Array:
    numbers = pa.array(np.arange(first, first + n)).cast(pa.string())
    return pc.binary_join_element_wise(letter, numbers, "")


def _declared(name: str, /, **columns: pa.Array) -> pa.Table:
    schema = table_schema(name)
    n = len(next(iter(columns.values())))
    return pa.table(
        {f.name: columns[f.name].cast(f.type) if f.name in columns else pa.nulls(n, f.type)
         for f in schema}, schema=schema
    )  # fmt: skip
