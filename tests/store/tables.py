"""Tiny Arrow tables of the declared types, and the shop most of these tests read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from kg.profile import PROFILE_OF
from kg.schema import NODE_BY_LABEL, load_order, table_schema
from kg.store import GraphStore, ReleaseTables

BIG = 2**53 + 1


def table(name: str, /, **columns: list[Any]) -> pa.Table:
    """Only the columns given, typed as declared; a profile's columns count as declared."""
    declared = {f.name: f.type for f in table_schema(name)}
    declared |= {p.name: p.type.arrow for p in PROFILE_OF.get(name, ())}
    return pa.table({n: pa.array(v, declared.get(n)) for n, v in columns.items()})


SHOP: dict[str, pa.Table] = {
    "User": table("User", userId=["ada", "ben", "cleo", "dan"], createdAt=[10, 20, None, BIG]),
    "Item": table(
        "Item",
        itemId=["pen", "ink", "mug"],
        title=["Pen", "", None],
        description=["writes", "blue 🖋️", None],
        brand=["Acme", None, None],
        price=[1.5, 0.0, None],
    ),
    "Category": table(
        "Category",
        categoryId=["desk", "desk/writing"],
        name=["desk", "writing"],
        level=[0, 1],
        derived=[False, False],
    ),
    "RATED": table(
        "RATED",
        src=["ada", "ada", "ben", "cleo"],
        dst=["pen", "ink", "pen", "mug"],
        eventId=["r1", "r2", "r3", "r4"],
        at=[100, 200, 300, None],
        weight=[1.0, 0.5, 0.0, 0.75],
        rating=[5.0, 3.0, 1.0, 4.0],
        helpful=[3, None, 0, None],
    ),
    "REVIEWED": table(
        "REVIEWED",
        src=["ada", "ben"],
        dst=["pen", "pen"],
        eventId=["t1", "t2"],
        at=[100, 250],
        weight=[1.0, 0.25],
        rating=[5.0, 2.0],
        title=["Fine", None],
        text=["很好用。\nThe 'best' \"pen\" `ever` 😀", ""],
        helpful=[1, None],
    ),
    "FOLLOWS": table("FOLLOWS", src=["ben", "cleo"], dst=["ada", "ada"], since=[5, None]),
    "FRIEND_OF": table("FRIEND_OF", src=["ada"], dst=["dan"], since=[None]),
    "IN_CATEGORY": table(
        "IN_CATEGORY", src=["pen", "ink"], dst=["desk/writing"] * 2, weight=[1.0, 1.0]
    ),
    "CHILD_OF": table("CHILD_OF", src=["desk/writing"], dst=["desk"]),
}

COUNTS = {name: rows.num_rows for name, rows in SHOP.items()}


def load_shop(store: GraphStore, shop: Mapping[str, pa.Table]) -> None:
    for name in load_order(tuple(shop)):
        store.bulk_load(name, shop[name])


def edge_rows(store: GraphStore, name: str, *columns: str) -> list[tuple[Any, ...]]:
    """An edge table as sorted rows (src key, dst key, columns…), read back through `export`."""
    from kg.schema import EDGE_TABLES

    kind = EDGE_TABLES[name]
    snapshot = store.export({kind.src: [], kind.dst: []}, {name: columns})
    edges = snapshot.edges[name]
    keys = [
        snapshot.nodes[label][NODE_BY_LABEL[label].key].take(edges[end]).to_pylist()
        for label, end in ((kind.src, "src"), (kind.dst, "dst"))
    ]
    values = [edges[c].to_pylist() for c in columns]
    return sorted(zip(*keys, *values, strict=True), key=repr)


def node_rows(store: GraphStore, label: str, *columns: str) -> list[tuple[Any, ...]]:
    """A node table as sorted rows (key, columns…), read back through `export`."""
    nodes = store.export({label: columns}, {}).nodes[label]
    return sorted(
        zip(*(nodes[c].to_pylist() for c in (NODE_BY_LABEL[label].key, *columns)), strict=True)
    )


def node(store: GraphStore, label: str, key: str, *columns: str) -> tuple[Any, ...]:
    """Columns of one node, read back through `export`."""
    nodes = store.export({label: columns}, {}).nodes[label]
    row = nodes[NODE_BY_LABEL[label].key].to_pylist().index(key)
    return tuple(nodes[c][row].as_py() for c in columns)


def vectors(rows: list[list[float] | None]) -> pa.Array:
    return pa.array(rows, pa.list_(pa.float32(), 2))


def users(ids: list[str], version: str = "v1") -> pa.Table:
    """A profile for each: embedding, version, frequency."""
    return pa.table(
        {
            "userId": ids,
            "embedding": vectors([[float(k), 0.5] for k in range(len(ids))]),
            "modelVersion": [version] * len(ids),
            "frequency": pa.array(range(len(ids)), pa.int64()),
        }
    )


def items(ids: list[str], version: str = "v1") -> pa.Table:
    return pa.table(
        {
            "itemId": ids,
            "embedding": vectors([[0.25, float(k)] for k in range(len(ids))]),
            "scoreBias": [0.5] * len(ids),
            "modelVersion": [version] * len(ids),
        }
    )


def interests(kind: str, rows: list[tuple[str, str, float]], version: str = "v1") -> pa.Table:
    src, dst, score = (list(c) for c in zip(*rows, strict=True)) if rows else ([], [], [])
    n = len(rows)
    return table(
        f"INTERESTED_IN.{kind}",
        src=src,
        dst=dst,
        score=score,
        rank=list(range(1, n + 1)),
        basis=["observed"] * n,
        evidenceCount=[2] * n,
        topEvidence=[["RATED:r1", "FOLLOWS:ben"]] * n,
        evidenceShare=[0.5] * n,
        asOf=[400] * n,
        horizonDays=[None] * n,
        modelVersion=[version] * n,
    )


def similar(rows: list[tuple[str, str, float]], version: str = "v1") -> pa.Table:
    src, dst, score = (list(c) for c in zip(*rows, strict=True)) if rows else ([], [], [])
    n = len(rows)
    return table(
        "SIMILAR_TO", src=src, dst=dst, score=score, rank=[1] * n, modelVersion=[version] * n
    )


def release_row(version: str, status: str = "live") -> pa.Table:
    return table(
        "ProfileRelease",
        version=[version],
        createdAt=[500],
        publishedAt=[600],
        asOf=[400],
        horizonDays=[None],
        status=[status],
        metrics=['{"recall": 0.5}'],
        configHash=["c"],
        graphHash=["g"],
        forced=[None],
    )


def release(version: str = "v1", **other: Any) -> ReleaseTables:
    """Ada, Ben and Cleo profiled, Dan not; every edge table we write."""
    tables: dict[str, Any] = {
        "release": release_row(version),
        "users": users(["ada", "ben", "cleo"], version),
        "items": items(["pen", "ink", "mug"], version),
        "edges": {
            "INTERESTED_IN.Category": interests(
                "Category", [("ada", "desk/writing", 0.9), ("ben", "desk", 0.4)], version
            ),
            "INTERESTED_IN.Item": interests("Item", [("ada", "mug", 0.3)], version),
            "SIMILAR_TO": similar([("ada", "ben", 0.8), ("ben", "ada", 0.8)], version),
        },
    }
    return ReleaseTables(**(tables | other))
