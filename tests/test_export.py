"""The graph in files of other tools."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import networkx as nx
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kg.errors import ConfigError
from kg.export import export
from kg.graphml import write_graphml
from kg.store import GraphStore
from tests.small_shop import ATTRIBUTES, TABLES, release


def test_the_store_knows_what_sources_added(shop_store: GraphStore) -> None:
    """Columns beyond the declared ones are listed by table, with their types."""
    assert shop_store.attributes() == ATTRIBUTES


def test_parquet_has_every_table(shop_store: GraphStore, tmp_path: Path) -> None:
    """A file a table, with as many rows as the graph has."""
    rows = export(shop_store, tmp_path / "out", "parquet")
    edges = release().edges
    expected = {n: t.num_rows for n, t in [*TABLES.items(), *edges.items()]} | {"ProfileRelease": 1}
    assert rows == expected
    assert {p.stem: pq.read_metadata(p).num_rows for p in (tmp_path / "out").iterdir()} == expected


def test_parquet_edges_have_keys(shop_store: GraphStore, tmp_path: Path) -> None:
    """Ends are keys, and every column of the edge is there."""
    export(shop_store, tmp_path / "out", "parquet")
    found = pl.read_parquet(tmp_path / "out" / "PURCHASED.parquet").sort("eventId")
    expected = pl.DataFrame(pl.from_arrow(TABLES["PURCHASED"])).sort("eventId")
    assert found.equals(expected.select(found.columns))


def test_parquet_nodes_have_source_and_profile_columns(
    shop_store: GraphStore, tmp_path: Path
) -> None:
    """A user has the source's own columns, the profile's, and the vector."""
    export(shop_store, tmp_path / "out", "parquet")
    users = pl.read_parquet(tmp_path / "out" / "User.parquet")
    ben = users.filter(pl.col("userId") == "ben").to_dicts()[0]
    assert (ben["country"], ben["valueTier"]) == ("UK", "loyal")
    assert ben["embedding"] == pytest.approx([0.8, 0.6])


def test_csv(shop_store: GraphStore, tmp_path: Path) -> None:
    """Lists are JSON, null is empty."""
    export(shop_store, tmp_path / "out", "csv")
    with (tmp_path / "out" / "INTERESTED_IN.Category.csv").open(encoding="utf-8") as file:
        rows = {(r["src"], r["dst"]): r for r in csv.DictReader(file)}
    cited = rows["ada", "music/guitars"]["topEvidence"]
    assert json.loads(cited) == ["REVIEWED:r1", "PURCHASED:p3", "FOLLOWS:ben"]


def test_graphml_is_the_same_graph(shop_store: GraphStore, tmp_path: Path) -> None:
    """networkx reads back every node and edge, with types and values."""
    rows = export(shop_store, tmp_path / "shop.graphml", "graphml")
    graph = nx.read_graphml(tmp_path / "shop.graphml", force_multigraph=True)
    nodes = ("User", "Item", "Category", "ProfileRelease")
    assert graph.number_of_nodes() == sum(rows[n] for n in nodes)
    assert graph.number_of_edges() == sum(n for name, n in rows.items() if name not in nodes)
    assert graph.nodes["Item:strat"] == {
        "label": "Item", "itemId": "strat", "title": "Stratocaster", "brand": "Fender",
        "description": "electric guitar", "price": 700.0, "scoreBias": 0.4, "modelVersion": "r2",
    }  # fmt: skip
    bought = [d for _, _, d in graph.edges("User:ada", data=True) if d.get("eventId") == "p3"]
    assert bought[0]["kind"] == "PURCHASED"
    assert (bought[0]["quantity"], bought[0]["at"]) == (2.0, 1687305600)


def test_graphml_of_hostile_text(tmp_path: Path) -> None:
    """Markup, quotes, newlines and characters XML cannot hold come back or are replaced."""
    odd = "a&b<c>\"d'\n\te\r😀"
    users = pa.table({"userId": [odd, "x\x00y"], "note": ["]]>" + odd, None]})
    write_graphml([("User", users)], tmp_path / "odd.graphml")
    graph = nx.read_graphml(tmp_path / "odd.graphml")
    assert sorted(graph) == sorted([f"User:{odd}", "User:x\N{REPLACEMENT CHARACTER}y"])
    assert graph.nodes[f"User:{odd}"]["note"] == "]]>" + odd
    assert "note" not in graph.nodes["User:x\N{REPLACEMENT CHARACTER}y"]


def test_nothing_is_overwritten(shop_store: GraphStore, tmp_path: Path) -> None:
    """A folder with something in it is refused and left as it was."""
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="not empty; name a new folder"):
        export(shop_store, tmp_path, "parquet")
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_no_place_to_write(shop_store: GraphStore, tmp_path: Path) -> None:
    """A missing parent folder is one clear error."""
    with pytest.raises(ConfigError, match=r"cannot write .*No such file"):
        export(shop_store, tmp_path / "none" / "out", "csv")
