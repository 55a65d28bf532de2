"""Sixty users of two tastes, with a release: who is like whom is known by construction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from kg.profile import USER_PROFILE
from kg.schema import EDGE_TABLES, NODE_BY_LABEL
from kg.store import GraphStore, ReleaseTables
from tests import small_shop

TIERS = ("champion", "loyal", "lost")
USERS = [f"u{n:02}" for n in range(60)]
"""Even ones like tea, odd ones coffee; u58 objects, u59 has no vector."""
OBJECTS, NO_VECTOR = "u58", "u59"


def load(store: GraphStore) -> None:
    n = len(USERS)
    rng = np.random.default_rng(3)
    taste = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    vectors = np.stack([taste, *rng.standard_normal((3, n))], axis=1).astype(np.float32)
    lists = [v.tolist() for v in vectors[:-1]] + [None]
    types = {p.name: p.type.arrow for p in USER_PROFILE}
    users = pa.table(
        {
            "userId": USERS,
            "embedding": pa.array(lists, pa.list_(pa.float32(), 4)),
            "valueTier": [TIERS[k % 3] for k in range(n)],
            "churnRisk": pa.array([k / n for k in range(n)], types["churnRisk"]),
            "evidenceCount": pa.array(rng.permutation(n), types["evidenceCount"]),
            "modelVersion": ["r1"] * n,
        }
    )
    interests = pa.table(
        {
            "src": [USERS[k] for k in range(0, n, 2)] + [USERS[k] for k in range(1, n, 2)],
            "dst": ["drinks/tea"] * (n // 2) + ["drinks/coffee"] * (n // 2),
            "score": [1 - k / n for k in range(n)],
        }
    )
    release = small_shop.release()
    claims = {name: table.slice(0, 0) for name, table in release.edges.items()}
    claims["INTERESTED_IN.Category"] = _declared("INTERESTED_IN.Category", interests)
    store.ensure_schema(small_shop.ATTRIBUTES)
    store.bulk_load("User", _declared("User", pa.table({
        "userId": USERS,
        "profiling": [False if u == OBJECTS else None for u in USERS],
        "country": ["UK" if k < 30 else "FR" for k in range(n)],
    })))  # fmt: skip
    categories = {"categoryId": ["drinks", "drinks/tea", "drinks/coffee", "other/tea"],
                  "name": ["drinks", "tea", "coffee", "tea"]}  # fmt: skip
    store.bulk_load("Category", _declared("Category", pa.table(categories)))
    child_of = {"src": ["drinks/tea", "drinks/coffee"], "dst": ["drinks", "drinks"]}
    store.bulk_load("CHILD_OF", _declared("CHILD_OF", pa.table(child_of)))
    store.write_release(ReleaseTables(replace(release).release, users, _no_items(), claims))


def _no_items() -> pa.Table:
    return small_shop.release().items.slice(0, 0)


def _declared(name: str, given: pa.Table) -> pa.Table:
    schema = (NODE_BY_LABEL.get(name) or EDGE_TABLES[name]).arrow
    for field in small_shop.ATTRIBUTES.get(name, ()):
        schema = schema.append(field)
    columns = {
        f.name: given[f.name].cast(f.type) if f.name in given.column_names
        else pa.nulls(given.num_rows, f.type)
        for f in schema
    }  # fmt: skip
    return pa.table(columns, schema=schema)
