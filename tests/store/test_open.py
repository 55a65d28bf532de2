"""Opening and closing: what a URL says, and what is said when nobody answers."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from kg.errors import ConfigError, NotFound, StoreUnavailable
from kg.store import GraphStore, open_store


def closed_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def test_an_unknown_scheme_is_refused() -> None:
    """The error lists those that are served."""
    with pytest.raises(ConfigError, match="ladybug://"):
        open_store("postgres://localhost")


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("kind", ["ladybug", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def test_what_is_not_there_is_one_clear_line(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, read_only: bool
) -> None:
    """No server, no folder: one line, within seconds."""
    monkeypatch.setenv("NEO4J_PASSWORD", "secret-word")
    url = {
        "ladybug": f"ladybug://{tmp_path}/no/such/folder/kg.lbug",
        "neo4j": f"bolt://127.0.0.1:{closed_port()}",
    }[kind]
    with pytest.raises((StoreUnavailable, NotFound)) as error, open_store(url, read_only=read_only):
        pass
    assert url in str(error.value) or str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)
    assert "secret-word" not in str(error.value)


def test_a_store_knows_its_url(store: GraphStore, store_url: str) -> None:
    """As opened."""
    assert store.url == store_url


def test_a_store_can_be_closed_twice(store: GraphStore) -> None:
    """close() is idempotent."""
    store.close()
    store.close()


def test_a_closed_store_says_so(store: GraphStore) -> None:
    """In one line, not from inside a driver."""
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        store.counts()


def test_what_was_written_is_there_after_reopening(shop: GraphStore, store_url: str) -> None:
    """Closed and opened again."""
    before = shop.counts()
    shop.close()
    with open_store(store_url) as again:
        assert again.counts() == before


def test_two_handles_on_one_store_see_each_other(shop: GraphStore, store_url: str) -> None:
    """In one process."""
    with open_store(store_url, read_only=True) as reader:
        before = reader.counts()
        shop.delete_users(["ada"])
        assert (before["User"], reader.counts()["User"]) == (4, 3)
