"""The plans of our own statements, made where the server knows least about its graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kg.neo4j_store import Neo4jStore, read_text, text
from kg.neo4j_store.connection import run
from kg.neo4j_store.kinds import edge_kind, node_kind
from kg.schema import DST, EDGE_TABLES
from tests.store.tables import table

USER = node_kind("User", {})
RATED = edge_kind("RATED", {})
FOLLOWS = edge_kind("FOLLOWS", {})
INTERESTS = edge_kind("INTERESTED_IN.Item", {})

RATING = ("src", "dst", "eventId", "rating")

STATEMENTS = {
    "missing keys": text.missing_keys("User"),
    "create nodes": text.create_nodes(USER, ["userId", "createdAt"]),
    "merge nodes": text.merge_nodes(USER, ["userId", "createdAt"]),
    "set nodes": text.set_nodes(USER, ["userId", "createdAt"]),
    "delete nodes": text.delete_nodes(USER),
    "create edges": text.create_edges(RATED, RATING),
    "known edges": text.known_edges(RATED, "eventId"),
    "set edges": text.set_edges(RATED, "eventId", RATING),
    "merge edges": text.merge_edges(FOLLOWS, ["src", "dst", "since"]),
    "delete edges at src": text.delete_edges_of(INTERESTS),
    "delete edges at dst": text.delete_edges_of(edge_kind("IN_CATEGORY", {}), DST),
    "node page": read_text.node_page(USER, ["userId", "createdAt"]),
    "degrees": read_text.degrees(EDGE_TABLES["RATED"]),
    "edge page": read_text.edge_page(EDGE_TABLES["RATED"], ["rating"], until=True),
}

GIVEN: dict[str, Any] = {f"p{i}": [] for i in range(9)} | {
    "keys": [],
    "start": "",
    "first": "",
    "last": "",
    "size": 1,
    "until": 1,
}


def operators(plan: dict[str, Any]) -> Iterator[str]:
    yield plan["operatorType"].split("@")[0]
    for child in plan.get("children", ()):
        yield from operators(child)


@pytest.mark.parametrize("loaded", [(), ("User", "Item"), ("User", "Item", "RATED")], ids=len)
def test_nothing_is_found_by_a_scan(empty_neo4j: str, loaded: tuple[str, ...]) -> None:
    """Each look-up is an index seek, and a page comes in the index's order without a sort: over an
    empty graph, and right after a load, when the indexes have not been counted yet."""
    keys = [f"k{i}" for i in range(500)]
    tables = {
        "User": table("User", userId=keys),
        "Item": table("Item", itemId=keys),
        "RATED": table("RATED", src=keys, dst=keys, eventId=keys),
    }
    with Neo4jStore.open(empty_neo4j) as store:
        store.ensure_schema()
        for name in loaded:
            store.bulk_load(name, tables[name])
        write = store._server().write
        write(lambda tx: run(tx, "CALL db.clearQueryCaches()").consume())
        plans = {
            name: write(lambda tx, t=t: run(tx, f"EXPLAIN {t}", GIVEN).consume().plan)
            for name, t in STATEMENTS.items()
        }
    scans = {
        name: [o for o in operators(plan) if "Scan" in o or "Sort" in o or o.startswith("Top")]
        for name, plan in plans.items()
    }
    assert {name: found for name, found in scans.items() if found} == {}


def test_counts_come_from_the_count_store(empty_neo4j: str) -> None:
    """However large the graph is."""
    statement = text.counts(["User"], EDGE_TABLES.values())
    with Neo4jStore.open(empty_neo4j) as store:
        plan = store._server().read(lambda tx: run(tx, f"EXPLAIN {statement}").consume().plan)
    assert plan is not None
    leaves = {o for o in operators(plan) if "Count" in o or "Scan" in o}
    assert leaves == {"NodeCountFromCountStore", "RelationshipCountFromCountStore"}
