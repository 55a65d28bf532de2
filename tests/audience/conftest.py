"""The crowd, on a store of each kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from kg.store import open_store
from tests.audience import crowd
from tests.neo4j_server.graphs import Graphs


@pytest.fixture(scope="module", params=["ladybug", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def crowd_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Its tests read and never write."""
    if request.param == "neo4j":
        graphs: Graphs = request.getfixturevalue("neo4j_graphs")
        return graphs.have("crowd", crowd.load)
    url = f"ladybug://{tmp_path_factory.mktemp('crowd')}/kg.lbug"
    with open_store(url) as store:
        crowd.load(store)
    return url


@pytest.fixture
def desk(crowd_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with the crowd as the store."""
    monkeypatch.chdir(tmp_path)
    for name in ("KG_MIN_GROUP", "KG_SENSITIVE", "KG_ROLES", "KG_RELEASES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KG_STORE", crowd_url)
    monkeypatch.setenv("KG_HOME", str(tmp_path / "home"))
    return tmp_path
