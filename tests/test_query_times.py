"""The benchmark of the named queries knows what to ask each of them for."""

from __future__ import annotations

from pathlib import Path

from benchmarks.meter import Meter
from benchmarks.queries import arguments, fill, measured
from kg.queries import packaged
from kg.store import open_store


def test_every_named_query_can_be_timed(tmp_path: Path) -> None:
    """Over a small power-law graph each is run, for each kind of key it asks for."""
    with open_store(f"ladybug://{tmp_path}/kg.lbug") as store:
        asked = fill(store, 60, 600)
        timed = {
            name: [
                measured(store, Meter(), query, who, values, 2)
                for who, values in arguments(query, asked)
            ]
            for name, query in packaged().items()
        }
    assert all(rows for rows in timed.values())
    assert len(timed["top_interests"]) == 2
    assert timed["audience_makeup"][1][2] != "0"
