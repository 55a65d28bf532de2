"""A real data set on a real Neo4j: the same graph as in the embedded store, and no more by a second
load."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kg.arrays import graph_hash, read_graph
from kg.ingest import ingest
from kg.store import open_store
from loaders import stage

DATA = Path(os.environ.get("KG_DATA") or Path(__file__).parents[2] / "shared" / "data")
SETS = {"amazon": DATA / "amazon_gift_cards"}


@pytest.mark.realdata
@pytest.mark.parametrize("source", sorted(SETS))
def test_both_stores_hold_the_same_graph(empty_neo4j: str, tmp_path: Path, source: str) -> None:
    """Row by row, whatever the order: the fingerprint that a release is trained on."""
    if not SETS[source].is_dir():
        pytest.skip(f"no {SETS[source]}; set KG_DATA to the public data sets")
    staged = stage(source, [SETS[source]], tmp_path / "staged", now=1_750_000_000)
    hashes = []
    for url in (f"ladybug://{tmp_path}/kg.lbug", empty_neo4j):
        with open_store(url) as store:
            ingest(staged, store)
            counts = store.counts()
            again = ingest(staged, store)
            assert sum(count.created for count in again.values()) == 0
            assert store.counts() == counts
            hashes.append(graph_hash(read_graph(store)))
    assert hashes[0] == hashes[1]
