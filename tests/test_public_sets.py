"""Public sets that no loader reads: their files, in small, as graphs."""

from __future__ import annotations

import gzip
import json
from argparse import Namespace
from pathlib import Path

from benchmarks.beauty import beauty
from benchmarks.gowalla import gowalla
from benchmarks.lastfm_kg import lastfm_kg
from benchmarks.quality import Problem, judged, with_text
from gnn.config import TrainConfig
from gnn.graph import Events
from gnn.tables import GraphTables


def written(folder: Path, name: str, text: str) -> None:
    (folder / name).write_bytes(gzip.compress(text.encode()))


def edges(graph: GraphTables) -> list[tuple[int, int]]:
    table = graph.behaviour["VIEWED"]
    return list(zip(table["src"].to_pylist(), table["dst"].to_pylist(), strict=True))


def said(graph: GraphTables) -> set[tuple[int, str]]:
    """Item rows and category ids."""
    ids = graph.categories["categoryId"].to_pylist()
    pairs = graph.item_category
    return {
        (item, ids[c])
        for item, c in zip(pairs["src"].to_pylist(), pairs["dst"].to_pylist(), strict=True)
    }


def held_out(test: Events) -> list[tuple[int, int]]:
    return sorted(zip(test.user.tolist(), test.item.tolist(), strict=True))


def test_gowalla_has_its_own_test(tmp_path: Path) -> None:
    written(tmp_path, "train.txt.gz", "0 0 2\n1 1\n")
    written(tmp_path, "test.txt.gz", "0 3\n1\n")  # nothing is asked of user 1
    graph, test = gowalla(tmp_path)
    assert edges(graph) == [(0, 0), (0, 2), (1, 1)]
    assert held_out(test) == [(0, 3)]
    assert graph.items.num_rows == 4


def test_the_last_item_of_each_line_is_beautys_test(tmp_path: Path) -> None:
    written(tmp_path, "Beauty.txt.gz", "1 1 2 3\n2 3 1\n")
    attributes = json.dumps({"1": [7, 9], "3": [9]})
    written(tmp_path, "Beauty_item2attributes.json.gz", attributes)
    graph, test = beauty(tmp_path)
    assert edges(graph) == [(0, 0), (0, 1), (1, 2)]
    assert held_out(test) == [(0, 2), (1, 0)]
    assert said(graph) == {(0, "7"), (0, "9"), (2, "9")}


def knowledge(folder: Path) -> GraphTables:
    written(folder, "ratings_final.txt.gz", "0\t0\t1\n0\t1\t0\n1\t1\t1\n")
    written(folder, "kg_final.txt.gz", "0\t0\t5\n1\t1\t5\n4\t0\t5\n")  # 4 is no item
    return lastfm_kg(folder)


def test_triples_of_items_are_what_is_known_of_them(tmp_path: Path) -> None:
    graph = knowledge(tmp_path)
    assert edges(graph) == [(0, 0), (1, 1)]
    assert said(graph) == {(0, "5"), (1, "11")}, "one entity by two relations is two categories"


def test_a_published_split_has_a_table(tmp_path: Path) -> None:
    """A line of ten items a user, one after the other in a circle: the next one is easy."""
    lines = [f"{u + 1} " + " ".join(str((u + k) % 40 + 1) for k in range(10)) for u in range(80)]
    written(tmp_path, "Beauty.txt.gz", "\n".join(lines) + "\n")
    written(tmp_path, "Beauty_item2attributes.json.gz", json.dumps({"1": [1]}))
    graph, test = beauty(tmp_path)
    config = TrainConfig(dim=16, epochs=4, rank=4)
    problem = with_text(Problem(graph, None, test), config, 0, None)
    assert problem.text is None
    rows = judged(problem, config, 0, Namespace())
    found = {row["model"]: row["recall@20"] for row in rows if row["users"] == "all"}
    assert found["fused"] > found["popularity"]
