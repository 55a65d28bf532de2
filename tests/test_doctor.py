"""What `kg doctor` says of a store's schema, and how it mends it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kg.cli import main
from kg.config import Settings
from kg.doctor import Finding, examine
from kg.stale import mark
from kg.store import GraphStore, open_store
from tests import small_shop
from tests.store.tables import SHOP, load_shop

STORES = [pytest.param("ladybug"), pytest.param("neo4j", marks=pytest.mark.neo4j)]


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GraphStore]:
    """Nothing is in it but the schema."""
    url = f"ladybug://{tmp_path}/kg.lbug"
    if request.param == "neo4j":
        url = str(request.getfixturevalue("empty_neo4j"))
    with open_store(url) as opened:
        opened.ensure_schema()
        yield opened


@pytest.fixture(params=STORES)
def lacking(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store with data that lacks a table or a key."""
    url = f"ladybug://{tmp_path}/kg.lbug"
    if request.param == "neo4j":
        url = str(request.getfixturevalue("empty_neo4j"))
    with open_store(url) as store:
        store.ensure_schema()
        load_shop(store, SHOP)
        drop = (
            "DROP TABLE CARTED" if store.dialect == "ladybug" else "DROP CONSTRAINT kg_Item_itemId"
        )
        store.query(drop, read_only=False)
    return url


def schema(url: str, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, str]:
    main(["doctor", "--store", url, "--json", *options])
    found = json.loads(capsys.readouterr().out)
    return next(f for f in found if f["what"] == "schema")


def test_what_is_missing_is_named(lacking: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With what mends it, and nothing is changed."""
    for _ in range(2):
        found = schema(lacking, capsys)
        assert found["status"] == "missing"
        assert "1 keys or tables are not there, such as" in found["detail"]
        assert found["mend"] == "kg doctor --mend"


def test_mending_makes_it(lacking: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And then it is there."""
    assert schema(lacking, capsys, "--mend")["status"] == "ok"
    with open_store(lacking, read_only=True) as store:
        assert store.missing_schema() == []


def test_mending_what_is_whole_changes_nothing(
    shop_store: GraphStore, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says so."""
    main(["doctor", "--store", shop_store.url, "--mend"])
    assert capsys.readouterr().out.startswith("nothing to mend")


def test_mending_makes_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is none, that is the error."""
    assert main(["doctor", "--store", f"ladybug://{tmp_path}/none.lbug", "--mend"]) == 1
    assert "no store there yet" in capsys.readouterr().err
    assert not (tmp_path / "none.lbug").exists()


def profiles(store: GraphStore) -> Finding:
    here = Settings(releases=Path("releases"))
    return next(f for f in examine(here, store.url) if f.what == "profiles")


def test_who_waits_for_a_refresh_is_counted(store: GraphStore) -> None:
    """With the release that readers see, and the command."""
    small_shop.load(store)
    assert profiles(store).status == "ok"
    mark(store, ["ada", "ben"], at=small_shop.AS_OF + 1)
    found = profiles(store)
    assert found.detail == "release r2 is live; 2 of 9 users wait for a refresh"
    assert found.mend == "kg refresh"


def test_a_publish_that_was_cut_off_is_named(store: GraphStore) -> None:
    """With the command that ends it."""
    small_shop.load(store)
    store.query(
        "MATCH (r:ProfileRelease {version: 'r2'}) SET r.status = 'writing'", read_only=False
    )
    assert profiles(store).mend == "kg publish r2"


def test_a_store_that_was_never_published_asks_for_a_training(store: GraphStore) -> None:
    """Rather than calling that healthy."""
    load_shop(store, SHOP)
    assert (profiles(store).status, profiles(store).mend) == ("missing", "kg retrain")
