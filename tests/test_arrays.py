"""The model's arrays: what the store holds, in an order that neither store nor load decides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from gnn.tables import GraphTables
from kg.arrays import read_graph
from kg.schema import load_order
from kg.store import open_store
from tests.small_shop import ATTRIBUTES, TABLES


def arrays(url: str, seed: int | None = None) -> GraphTables:
    """Of the small shop, its rows loaded in an order drawn by `seed`."""
    with open_store(url) as store:
        store.ensure_schema(ATTRIBUTES)
        for name in load_order(tuple(TABLES)):
            table = TABLES[name]
            if seed is not None:
                order = np.random.default_rng(seed).permutation(table.num_rows)
                table = table.take(pa.array(order))
            store.bulk_load(name, table)
        return read_graph(store)


def tables(graph: GraphTables) -> dict[str, pa.Table]:
    parts = {"users": graph.users, "items": graph.items, "categories": graph.categories}
    parts |= graph.behaviour | graph.social
    parts |= {"item_category": graph.item_category, "category_parent": graph.category_parent}
    return {name: table.combine_chunks() for name, table in parts.items()}


@pytest.fixture(scope="module")
def in_order(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    return tables(arrays(f"ladybug://{tmp_path_factory.mktemp('in_order')}/kg.lbug"))


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_loading_leaves_no_trace(
    in_order: dict[str, pa.Table], tmp_path: Path, seed: int
) -> None:
    """Rows shuffled before the load give the very same arrays, so the very same model."""
    assert tables(arrays(f"ladybug://{tmp_path}/kg.lbug", seed)) == in_order


def test_both_stores_give_the_same_arrays(in_order: dict[str, pa.Table], empty_neo4j: str) -> None:
    """Row by row, in the same order: a model does not know which store it was trained from."""
    assert tables(arrays(empty_neo4j, 3)) == in_order


def test_an_edge_keeps_its_ends(in_order: dict[str, pa.Table]) -> None:
    """Renumbering moves no edge: by their keys, the ends are those that were loaded."""
    users, items = in_order["users"]["userId"], in_order["items"]["itemId"]
    bought = in_order["PURCHASED"]
    found = zip(
        users.take(bought["src"]).to_pylist(),
        items.take(bought["dst"]).to_pylist(),
        bought["eventId"].to_pylist(),
        strict=True,
    )
    loaded = TABLES["PURCHASED"].select(["src", "dst", "eventId"]).to_pylist()
    assert sorted(found) == sorted((r["src"], r["dst"], r["eventId"]) for r in loaded)


def test_nodes_stand_in_order_of_their_keys(in_order: dict[str, pa.Table]) -> None:
    """So an id means the same user in every training on the same graph."""
    keys = in_order["users"]["userId"].to_pylist()
    assert keys == sorted(keys)
