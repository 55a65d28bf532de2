"""A server with TLS and little memory that goes down, runs full and comes back."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from kg.errors import ConfigError, KgError, StoreError, StoreUnavailable
from kg.store import GraphStore, WriteCount, open_store
from tests.faults.own_server import OwnServer, authority, certificate
from tests.faults.proxy import Proxy
from tests.neo4j_server import NoServer
from tests.neo4j_server.wipe import wipe
from tests.store.steps import MANY, add_many, assert_whole, stepped
from tests.store.tables import SHOP, load_shop, table

pytestmark = pytest.mark.neo4j

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
TLS = README.split("```properties\n")[1].split("```")[0].splitlines()
"""As the README has it; without encryption it answers too, for the tests of other things."""
SETTINGS = (
    *(line.replace("REQUIRED", "OPTIONAL") for line in TLS),
    "dbms.memory.transaction.total.max=128m",
    "db.shutdown_transaction_end_timeout=1s",
    "server.bolt.connection_keep_alive=1s",
    "server.bolt.connection_keep_alive_probes=2",
)
MANY_USERS = table("User", userId=[f"k{n:06}" for n in range(150_000)])
"""Three transactions."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an authority, of another one, and of the server by the first."""
    folder = tmp_path_factory.mktemp("certificates")
    certificate(folder, authority(folder))
    authority(folder, "another")
    return folder


@pytest.fixture(scope="module")
def running(certificates: Path) -> Iterator[OwnServer]:
    try:
        server = OwnServer(SETTINGS, certificates)
    except NoServer as e:
        if os.environ.get("CI", "").lower() in ("true", "1"):
            pytest.fail(f"a server of one's own is made of Neo4j's jars: {e}")
        pytest.skip(f"a server of one's own is made of Neo4j's jars: {e}")
    yield server
    server.close()


@pytest.fixture
def server(running: OwnServer, monkeypatch: pytest.MonkeyPatch) -> OwnServer:
    """Empty, with the schema, its credentials in the environment."""
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    wipe(running.url)
    with open_store(running.url) as store:
        store.ensure_schema()
    return running


def secure(server: OwnServer, scheme: str, host: str = "127.0.0.1") -> str:
    return f"{scheme}://{host}:{server.port}"


# --- TLS


@pytest.mark.parametrize("scheme", ["bolt+s", "neo4j+s"])
def test_an_authority_of_ones_own_is_trusted(
    server: OwnServer, certificates: Path, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named by NEO4J_CA_FILE; what is written there is read without encryption too."""
    monkeypatch.setenv("NEO4J_CA_FILE", str(certificates / "ca.crt"))
    with open_store(secure(server, scheme)) as store:
        load_shop(store, SHOP)
        assert store.url == secure(server, scheme)
    with open_store(server.url) as store:
        assert store.counts()["User"] == 4


@pytest.mark.parametrize("scheme", ["bolt+s", "neo4j+s"])
@pytest.mark.parametrize("ca", [None, "another.crt"])
def test_a_certificate_of_a_stranger_is_refused(
    server: OwnServer,
    certificates: Path,
    scheme: str,
    ca: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the system's authorities, or by another of one's own; the line names the setting."""
    if ca is not None:
        monkeypatch.setenv("NEO4J_CA_FILE", str(certificates / ca))
    with pytest.raises(StoreUnavailable, match=r"not trusted.*NEO4J_CA_FILE"):
        open_store(secure(server, scheme))


def test_a_certificate_of_another_host_is_refused(
    server: OwnServer, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is for 127.0.0.1, and this is localhost."""
    monkeypatch.setenv("NEO4J_CA_FILE", str(certificates / "ca.crt"))
    with pytest.raises(StoreUnavailable, match="localhost"):
        open_store(secure(server, "bolt+s", "localhost"))


def test_any_certificate_will_do_where_one_says_so(server: OwnServer) -> None:
    """+ssc encrypts and trusts whoever answers."""
    with open_store(secure(server, "bolt+ssc")) as store:
        assert store.query("RETURN 1 AS x").rows == [[1]]


@pytest.mark.parametrize(("name", "says"), [("private.key", "no certificates"), ("no", "No such")])
def test_a_file_without_certificates_is_told(
    server: OwnServer, certificates: Path, name: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is sent."""
    monkeypatch.setenv("NEO4J_CA_FILE", str(certificates / name))
    with pytest.raises(ConfigError, match=f"NEO4J_CA_FILE.*{says}"):
        open_store(secure(server, "bolt+s"))


# --- little memory, and silence


def test_a_transaction_beyond_the_servers_memory_is_told(server: OwnServer) -> None:
    """The line names the settings; nothing of it is there, and the server goes on."""
    words = "x" * 1200
    n = 25_000
    big = table("Item", itemId=[f"i{k}" for k in range(n)], description=[words] * n)
    with open_store(server.url) as store:
        with pytest.raises(StoreError, match=r"dbms\.memory\.transaction\.total\.max"):
            store.upsert("Item", big)
        assert store.counts() == {}
        for start in range(0, 5000, 1000):
            store.upsert("Item", big.slice(start, 1000))
        assert store.counts() == {"Item": 5000}


def test_a_connection_that_falls_silent_is_given_up(server: OwnServer) -> None:
    """The server says it is alive every second while it works; where that stays away, so does the
    answer (by default after two minutes)."""
    with Proxy(server.port) as way, open_store(way.url) as store:
        way.silent = True
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable):
            store.query("RETURN 1 AS x")
        assert time.monotonic() - begun < 60
        way.silent = False


# --- stopped, and started again


@contextmanager
def at_work(work: Callable[[], object]) -> Iterator[Future[object]]:
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(work)


def wait_until(store: GraphStore, text: str, least: int, work: Future[object]) -> None:
    while store.query(text).rows[0][0] < least:
        assert not work.done(), f"it was too fast to be caught: {work}"


def test_a_server_whose_disk_is_full_and_that_is_killed_in_a_load(server: OwnServer) -> None:
    """The load ends in one line; a reader's handle says that nobody answers, and works again when
    the server is there; what was committed is there, and the same load completes the graph."""
    counted = "MATCH (u:User) RETURN count(u)"
    with open_store(server.url) as writer, open_store(server.url, read_only=True) as reader:
        with at_work(lambda: writer.bulk_load("User", MANY_USERS)) as work:
            wait_until(reader, counted, 1, work)
            no_room_for(server)
            with pytest.raises(StoreError) as told:
                work.result(120)
        assert "\n" not in str(told.value)
        server.stop(signal.SIGKILL)
        for handle in (reader, writer):
            with pytest.raises(StoreUnavailable, match="no Neo4j answers"):
                handle.query(counted)
        server.start()
        there = reader.query(counted).rows[0][0]
        assert 0 < there < MANY_USERS.num_rows
        done = writer.upsert("User", MANY_USERS)
        assert done == WriteCount(created=MANY_USERS.num_rows - there, unchanged=there)
        assert reader.query(counted).rows == [[MANY_USERS.num_rows]]


def no_room_for(server: OwnServer) -> None:
    """None of its files may be written beyond its first 64 KiB from now on."""
    most = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1 << 16, most))


def test_a_server_that_is_stopped_in_a_publish(server: OwnServer) -> None:
    """The publish ends in one line; readers see whole users of one release or the other; the same
    publish then completes it."""
    with open_store(server.url) as store:
        load_shop(store, SHOP)
    add_many(server.url)
    new = "MATCH (u:User) WHERE u.frequency = 1 AND u.userId STARTS WITH 'u' RETURN count(u)"
    stopped = threading.Event()

    def publish_without_end(store: GraphStore) -> None:
        while not stopped.is_set():
            store.write_release(stepped(1))
            store.write_release(stepped(0))

    with open_store(server.url) as store, open_store(server.url) as reader:
        with at_work(lambda: publish_without_end(store)) as work:
            wait_until(reader, new, 1, work)
            server.stop(signal.SIGTERM)
            stopped.set()
            with pytest.raises(KgError):
                work.result(60)
        server.start()
        mixed = (
            "MATCH (u:User)-[e:INTERESTED_IN]->() WHERE u.userId STARTS WITH 'u' "
            "AND e.score <> u.frequency RETURN count(*)"
        )
        assert reader.query(mixed).rows == [[0]]
        store.write_release(stepped(1))
        assert assert_whole(reader) == 1
        assert reader.query(new).rows == [[len(MANY)]]
