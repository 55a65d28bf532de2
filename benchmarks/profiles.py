"""Releases of any size for a power-law graph, as `kg publish` gives them to a store; and the same
with some of it changed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from benchmarks.power_law import END
from kg.schema import NODE_BY_LABEL
from kg.store import ReleaseTables

DIM = 64
EACH = 5
"""Interests of a user in categories, and as many in items."""
TIERS = pa.array(["champion", "loyal", "potential", "new", "at risk", "lost"])


def nodes(users: int, items: int, categories: int) -> dict[str, pa.Table]:
    def keyed(label: str, letter: str, n: int) -> pa.Table:
        node = NODE_BY_LABEL[label]
        columns = {node.key: keys(letter, np.arange(n))}
        return pa.table(
            {f.name: columns.get(f.name, pa.nulls(n, f.type)) for f in node.arrow}
        )  # fmt: skip

    return {
        "User": keyed("User", "u", users),
        "Item": keyed("Item", "i", items),
        "Category": keyed("Category", "c", categories),
    }


def keys(letter: str, numbers: np.ndarray) -> pa.Array:
    return pa.compute.binary_join_element_wise(letter, pa.array(numbers).cast(pa.string()), "")


@dataclass(frozen=True)
class Sizes:
    users: int
    items: int
    categories: int


def release(sizes: Sizes, version: str, seed: int = 1) -> ReleaseTables:
    """Every profile property but staleSince; ten interests a user, popular targets first."""
    rng = np.random.default_rng(seed)
    n = sizes.users
    users = pa.table(
        {
            "userId": keys("u", np.arange(n)),
            "embedding": vectors(rng, n),
            "modelVersion": [version] * n,
            "profileAsOf": pa.array(np.full(n, END)),
            "recencyDays": rng.gamma(2, 30, n).round(3),
            "frequency": rng.integers(1, 300, n),
            "monetary": rng.gamma(2, 90, n).round(2),
            "tenureDays": rng.gamma(4, 90, n).round(3),
            "valueTier": TIERS.take(pa.array(rng.integers(0, 6, n))),
            "churnRisk": rng.random(n),
            "sentiment": rng.random(n),
            "segment": keys("segment ", rng.integers(0, 20, n)),
            "community": rng.integers(0, 400, n),
            "influence": rng.gamma(1, 1, n),
            "coldStart": ["events"] * n,
            "evidenceCount": rng.integers(1, 300, n),
        }
    )
    items = pa.table(
        {
            "itemId": keys("i", np.arange(sizes.items)),
            "embedding": vectors(rng, sizes.items),
            "scoreBias": rng.random(sizes.items),
            "modelVersion": [version] * sizes.items,
        }
    )
    edges = {
        "INTERESTED_IN.Category": interests(rng, n, "c", sizes.categories, version),
        "INTERESTED_IN.Item": interests(rng, n, "i", sizes.items, version),
    }
    return ReleaseTables(row(version), users, items, edges)


def row(version: str) -> pa.Table:
    said = {"version": version, "createdAt": END, "publishedAt": END, "asOf": END,
            "horizonDays": 30, "status": "live", "metrics": "{}"}  # fmt: skip
    schema = NODE_BY_LABEL["ProfileRelease"].arrow
    return pa.table({f.name: pa.array([said.get(f.name)], f.type) for f in schema})


def vectors(rng: np.random.Generator, n: int) -> pa.Array:
    drawn = rng.standard_normal((n, DIM), np.float32)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return pa.FixedSizeListArray.from_arrays(pa.array(drawn.reshape(-1)), DIM)


def interests(
    rng: np.random.Generator, users: int, letter: str, targets: int, version: str
) -> pa.Table:
    """EACH distinct targets a user, near to k^-0.7."""
    n = users * EACH
    first = (targets * rng.random(users) ** (1 / 0.3)).astype(np.int64)
    step = rng.integers(1, max(targets // EACH, 2), users)
    target = (first[:, None] + step[:, None] * np.arange(EACH)) % targets
    events = keys("PURCHASED:e", rng.integers(0, 10 * n, 2 * n))
    return pa.table(
        {
            "src": keys("u", np.repeat(np.arange(users), EACH)),
            "dst": keys(letter, target.reshape(-1)),
            "score": rng.random(n),
            "rank": np.tile(np.arange(1, EACH + 1), users),
            "basis": pa.array(["observed", "inferred"]).take(pa.array(rng.integers(0, 2, n))),
            "evidenceCount": rng.integers(1, 40, n),
            "topEvidence": pa.ListArray.from_arrays(np.arange(0, 2 * n + 1, 2, np.int32), events),
            "evidenceShare": rng.random(n),
            "asOf": np.full(n, END),
            "horizonDays": np.full(n, 30),
            "modelVersion": [version] * n,
        }
    )  # fmt: skip


def changed_users(old: ReleaseTables, version: str, share: float, seed: int) -> ReleaseTables:
    """The next release: of that share of the users the vector, a figure and all interests are
    others, and as large a share of the items."""
    rng = np.random.default_rng(seed)
    users = pick(rng, old.users.num_rows, share)
    items = pick(rng, old.items.num_rows, share)
    edges = {
        name: moved(rng, table, np.repeat(users, EACH), version)
        for name, table in old.edges.items()
    }
    return replace(
        old,
        release=row(version),
        users=moved(rng, old.users, users, version, "churnRisk"),
        items=moved(rng, old.items, items, version, "scoreBias"),
        edges=edges,
    )


def changed_edges(old: ReleaseTables, version: str, share: float, seed: int) -> ReleaseTables:
    """That share of the interests, anywhere; the profiles stay as they are."""
    rng = np.random.default_rng(seed)
    edges = {
        name: moved(rng, table, pick(rng, table.num_rows, share), version)
        for name, table in old.edges.items()
    }
    none = np.zeros(0, np.int64)
    users = moved(rng, old.users, np.isin(np.arange(old.users.num_rows), none), version)
    items = moved(rng, old.items, np.zeros(old.items.num_rows, np.bool_), version)
    return replace(old, release=row(version), users=users, items=items, edges=edges)


def pick(rng: np.random.Generator, n: int, share: float) -> np.ndarray:
    """bool [n]"""
    chosen = np.zeros(n, np.bool_)
    chosen[rng.choice(n, round(share * n), replace=False)] = True
    return chosen


def moved(
    rng: np.random.Generator, rows: pa.Table, which: np.ndarray, version: str, figure: str = "score"
) -> pa.Table:
    """Other vectors and another figure on these rows; all say the new version."""
    n = rows.num_rows
    columns = dict(zip(rows.column_names, rows.columns, strict=True))
    columns["modelVersion"] = pa.chunked_array([pa.array([version] * n)])
    if figure in columns:
        other = np.where(which, rng.random(n), columns[figure].to_numpy())
        columns[figure] = pa.chunked_array([other])
    if "embedding" in columns and which.any():
        flat = columns["embedding"].combine_chunks().flatten().to_numpy().reshape(n, DIM).copy()
        flat[which] = rng.permutation(flat[which])
        drawn = pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), DIM)
        columns["embedding"] = pa.chunked_array([drawn])
    return pa.table(columns)
