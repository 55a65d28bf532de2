"""A graph of any size whose users, items and friendships follow power laws, as tables of
`kg.schema`."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

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
    """Views and purchases (9 to 1), ties, one category an item, in the order they can be loaded.
    Each user likes a few categories, so there is something to learn."""
    rng = np.random.default_rng(seed)
    who = _drawn(rng, users, events)
    of_item = rng.integers(0, categories, items)
    by_category = np.argsort(of_item, kind="stable")
    start = np.searchsorted(of_item[by_category], np.arange(categories + 1))
    liked = rng.integers(0, categories, (users, 3))[who, rng.integers(0, 3, events)]
    size = np.maximum(start[liked + 1] - start[liked], 1)
    place = (size * rng.random(events) ** 3).astype(np.int64)
    what = by_category[np.minimum(start[liked] + place, items - 1)]
    stray = rng.random(events) < 0.3
    what[stray] = _drawn(rng, items, int(stray.sum()))
    at = END - (SPAN * rng.random(events)).astype(np.int64)
    viewed = rng.random(events) < 0.9
    u, i, c = (_keys(letter, n) for letter, n in (("u", users), ("i", items), ("c", categories)))
    event = _keys("e", events)
    tables = {
        "User": {"userId": u},
        "Item": {"itemId": i, "title": i, "price": pa.array(rng.gamma(2, 20, items).round(2))},
        "Category": {"categoryId": c, "name": c, "level": pa.array([0] * categories),
                     "derived": pa.array([False] * categories)},
        "VIEWED": _events(u, i, who, what, at, event, viewed),
        "PURCHASED": _events(u, i, who, what, at, event, ~viewed)
        | {"price": pa.array(rng.gamma(2, 20, int((~viewed).sum())).round(2))},
        "FOLLOWS": _ties(u, rng, users, ties),
        "IN_CATEGORY": {"src": i, "dst": c.take(pa.array(of_item)),
                        "weight": pa.array(np.ones(items))},
    }  # fmt: skip
    return {name: _declared(name, columns) for name, columns in tables.items()}


def _drawn(rng: np.random.Generator, n: int, size: int) -> np.ndarray:
    """`size` of `n`, the k-th with a chance near to k^-0.7."""
    return np.minimum((n * rng.random(size) ** (1 / 0.3)).astype(np.int64), n - 1)


def _keys(letter: str, n: int) -> pa.Array:
    numbers = pa.array(np.arange(n)).cast(pa.string())
    return pa.compute.binary_join_element_wise(letter, numbers, "")


def _events(
    users: pa.Array, items: pa.Array, who: np.ndarray, what: np.ndarray, at: np.ndarray,
    event: pa.Array, which: np.ndarray,
) -> dict[str, pa.Array]:  # fmt: skip
    rows = np.flatnonzero(which)
    return {
        "src": users.take(pa.array(who[rows])),
        "dst": items.take(pa.array(what[rows])),
        "eventId": event.take(pa.array(rows)),
        "at": pa.array(at[rows]),
        "weight": pa.array(np.ones(len(rows))),
    }


def _ties(users: pa.Array, rng: np.random.Generator, n: int, ties: int) -> dict[str, pa.Array]:
    src, dst = rng.integers(0, n, ties), _drawn(rng, n, ties)
    pairs = np.unique(src[src != dst] * n + dst[src != dst])
    return {
        "src": users.take(pa.array(pairs // n)),
        "dst": users.take(pa.array(pairs % n)),
    }


def _declared(name: str, columns: dict[str, pa.Array]) -> pa.Table:
    schema = table_schema(name)
    n = len(next(iter(columns.values())))
    return pa.table(
        {f.name: columns[f.name].cast(f.type) if f.name in columns else pa.nulls(n, f.type)
         for f in schema}, schema=schema
    )  # fmt: skip
