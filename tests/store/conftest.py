"""The store under test: an empty one of each kind, opened by its URL."""

from __future__ import annotations

import shutil
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


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Embedded stores to copy: one with the schema, one with the shop. A copy is faster than a
    load, and a file is all there is to a store that was closed."""
    folder = tmp_path_factory.mktemp("stores")
    paths = {name: folder / f"{name}.lbug" for name in ("schema", "shop")}
    for name, path in paths.items():
        with open_store(f"ladybug://{path}") as store:
            store.ensure_schema()
            if name == "shop":
                load_shop(store, SHOP)
    return paths


@pytest.fixture
def store(store_url: str, files: dict[str, Path]) -> Iterator[GraphStore]:
    """Empty, with the schema."""
    if store_url.startswith("ladybug"):
        shutil.copy(files["schema"], store_url.removeprefix("ladybug://"))
    with open_store(store_url) as opened:
        if opened.dialect != "ladybug":
            opened.ensure_schema()
        yield opened


@pytest.fixture
def shop(
    request: pytest.FixtureRequest, store_url: str, files: dict[str, Path]
) -> Iterator[GraphStore]:
    """With `tests.store.tables.SHOP` in it."""
    if store_url.startswith("ladybug"):
        shutil.copy(files["shop"], store_url.removeprefix("ladybug://"))
    else:
        request.getfixturevalue("neo4j_graphs").have("shop", with_shop)
    with open_store(store_url) as opened:
        yield opened


def with_shop(store: GraphStore) -> None:
    store.ensure_schema()
    load_shop(store, SHOP)
