"""The store under test: an empty one of each kind, opened by its URL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kg.store import GraphStore, open_store
from tests.store.tables import SHOP, load_shop

STORES = [pytest.param("ladybug"), pytest.param("neo4j", marks=pytest.mark.neo4j)]


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store is, or can be made."""
    if request.param == "neo4j":
        return str(request.getfixturevalue("empty_neo4j"))
    return f"ladybug://{tmp_path}/kg.lbug"


@pytest.fixture
def store(store_url: str) -> Iterator[GraphStore]:
    """Empty, with the schema."""
    with open_store(store_url) as opened:
        opened.ensure_schema()
        yield opened


@pytest.fixture
def shop(store: GraphStore) -> GraphStore:
    """The same with `tests.store.tables.SHOP` in it."""
    load_shop(store, SHOP)
    return store
