"""Reaching a Neo4j server, and what is said where that fails."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kg.errors import ConfigError, KgError, StoreUnavailable
from kg.neo4j_store import Neo4jStore, connection
from kg.neo4j_store.connection import connect, supported

PASSWORD = "secret-word"


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Takes connections and never says a word."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        yield int(s.getsockname()[1])


def refused(url: str, error: type[KgError]) -> str:
    """The one line it is refused with, which never holds the password."""
    with pytest.raises(error) as caught:
        connect(url)
    said = str(caught.value)
    assert "\n" not in said
    assert PASSWORD not in said
    return said


@pytest.mark.parametrize("scheme", ["bolt", "neo4j", "bolt+s", "neo4j+ssc"])
def test_a_port_nobody_listens_on(
    scheme: str, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is said with the URL."""
    monkeypatch.setenv("NEO4J_PASSWORD", PASSWORD)
    url = f"{scheme}://127.0.0.1:{closed_port}"
    assert f"no Neo4j answers at {url}: Connection refused" in refused(url, StoreUnavailable)


@pytest.mark.parametrize("scheme", ["bolt", "neo4j"])
def test_a_server_that_says_nothing(
    scheme: str, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is given up, with a hint."""
    monkeypatch.setattr(connection, "CONNECT_S", 0.5)
    said = refused(f"{scheme}://127.0.0.1:{silent_port}", StoreUnavailable)
    assert "is that the Bolt port" in said


def test_a_host_nobody_knows() -> None:
    """Is said as the resolver says it."""
    assert "no-such-host.invalid" in refused("bolt://no-such-host.invalid", StoreUnavailable)


@pytest.mark.parametrize(
    "url", [f"bolt://neo4j:{PASSWORD}@localhost:7687", f"neo4j+s://neo4j:{PASSWORD}@localhost"]
)
def test_credentials_do_not_belong_in_a_url(url: str) -> None:
    """The error says where they do, and does not repeat them."""
    assert "NEO4J_PASSWORD" in refused(url, ConfigError)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("bolt://", "names no host"),
        ("bolt://localhost:port", "bolt://HOST:7687"),
        ("bolt://localhost:99999", "bolt://HOST:7687"),
        ("bolt://localhost/shop", "NEO4J_DATABASE"),
        ("bolt://localhost?policy=eu", "Routing context"),
    ],
)
def test_a_url_that_cannot_work(url: str, says: str) -> None:
    """Is a setting to mend, not a server to wait for."""
    assert says in refused(url, ConfigError)


def test_a_wrong_password(neo4j_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the settings."""
    monkeypatch.setenv("NEO4J_PASSWORD", PASSWORD)
    assert "NEO4J_PASSWORD" in refused(neo4j_url, ConfigError)


def test_no_password(neo4j_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same."""
    monkeypatch.delenv("NEO4J_PASSWORD")
    assert "NEO4J_PASSWORD" in refused(neo4j_url, ConfigError)


def test_a_password_from_a_file(
    neo4j_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A last line end is not part of it."""
    file = tmp_path / "password"
    file.write_text(connection.Neo4jSettings().secret() + "\n")
    monkeypatch.delenv("NEO4J_PASSWORD")
    monkeypatch.setenv("NEO4J_PASSWORD_FILE", str(file))
    with Neo4jStore.open(neo4j_url) as store:
        assert store.query("RETURN 1 AS x").rows == [[1]]


@pytest.mark.parametrize("scheme", ["bolt", "neo4j"])
def test_a_database_that_is_not_there(
    neo4j_url: str, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names it and the setting."""
    monkeypatch.setenv("NEO4J_DATABASE", "nowhere")
    said = refused(neo4j_url.replace("bolt", scheme, 1), ConfigError)
    assert "'nowhere'" in said
    assert "NEO4J_DATABASE" in said


@pytest.mark.parametrize("scheme", ["bolt+s", "neo4j+s", "bolt+ssc", "neo4j+ssc"])
def test_encryption_where_the_server_has_none(neo4j_url: str, scheme: str) -> None:
    """The error says which URL would do."""
    said = refused(neo4j_url.replace("bolt", scheme, 1), StoreUnavailable)
    assert "does not speak TLS" in said


def test_a_routing_url_works_too(neo4j_url: str) -> None:
    """neo4j:// asks one server for its routes."""
    with Neo4jStore.open(neo4j_url.replace("bolt", "neo4j", 1)) as store:
        assert store.query("RETURN 1 AS x").rows == [[1]]


def test_the_server_says_its_version(neo4j_url: str) -> None:
    """As its own component list has it."""
    with Neo4jStore.open(neo4j_url) as store:
        said = store.query("CALL dbms.components() YIELD versions RETURN versions[0] AS v").rows
        assert supported(said[0][0], neo4j_url) == store.server_version
        assert store.server_version >= (5, 26)


@pytest.mark.parametrize(
    ("said", "version"),
    [("2026.09.0", (2026, 9, 0)), ("5.26.31", (5, 26, 31)), ("5.27-aura", (5, 27))],
)
def test_a_version_is_numbers(said: str, version: tuple[int, ...]) -> None:
    """Compared as such."""
    assert supported(said, "bolt://x") == version


@pytest.mark.parametrize("said", ["5.25.1", "4.4.40"])
def test_an_old_server_is_refused(said: str) -> None:
    """It would not understand what we write."""
    with pytest.raises(ConfigError, match=r"5\.26 or newer"):
        supported(said, "bolt://x")


def test_the_server_s_advice_stays_out_of_the_log(
    neo4j_url: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A query about a label nobody has is answered, not commented."""
    with caplog.at_level(logging.INFO), Neo4jStore.open(neo4j_url) as store:
        store.query("MATCH (a:NoSuchLabel), (b:NoSuchLabel) RETURN a, b")
    assert [r.message for r in caplog.records if r.name.startswith("neo4j")] == []
    assert capfd.readouterr() == ("", "")


def test_a_server_that_goes_away_is_said_so(
    closed_port: int, neo4j_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After it was open, every call ends in the same clear line."""
    with Neo4jStore.open(neo4j_url) as store:
        gone = connection.neo4j.GraphDatabase.driver(
            f"bolt://127.0.0.1:{closed_port}", max_transaction_retry_time=0.1
        )
        server = store._server()
        monkeypatch.setattr(store, "_open", type(server)(**{**vars(server), "driver": gone}))
        for call in (store.counts, lambda: store.delete_users(["a"])):
            with pytest.raises(StoreUnavailable, match="no Neo4j answers"):
                call()
        gone.close()
        server.close()
