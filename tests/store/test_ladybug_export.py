"""An export of the embedded store while others write to it."""

from __future__ import annotations

import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kg.ladybug_store import export
from kg.store import GraphStore, WriteCount, open_store
from tests.store.tables import table


def newcomer(store: GraphStore) -> WriteCount:
    """A user and an event of hers."""
    store.upsert("User", table("User", userId=["eve"], createdAt=[1]))
    return store.upsert("RATED", table("RATED", src=["eve"], dst=["pen"], eventId=["r9"]))


def test_an_export_beside_a_writer_is_of_one_moment(
    tmp_path: Path, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that begins after the nodes were read and before the edges are is in neither; the
    writer waits for the reader, and is there in the next export."""
    path = Path(shutil.copy(files["shop"], tmp_path / "kg.lbug"))
    whole = export._edges
    writes: list[Future[WriteCount]] = []
    with open_store(f"ladybug://{path}") as store, ThreadPoolExecutor(1) as other:

        def later(*args: Any) -> Any:
            writes.append(other.submit(newcomer, store))
            return whole(*args)

        with monkeypatch.context() as patch:
            patch.setattr(export, "_edges", later)
            snapshot = store.export({}, {"RATED": ["eventId"]})
        assert snapshot.consistent
        assert snapshot.nodes["User"]["userId"].to_pylist() == ["ada", "ben", "cleo", "dan"]
        assert sorted(snapshot.edges["RATED"]["eventId"].to_pylist()) == ["r1", "r2", "r3", "r4"]
        assert writes[0].result(60) == WriteCount(created=1)
        assert store.export({}, {"RATED": []}).edges["RATED"].num_rows == 5
