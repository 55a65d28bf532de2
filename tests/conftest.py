"""The Neo4j the tests run on: one server a worker, and a plain word where there is none."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from kg.store import GraphStore, open_store
from tests import small_shop
from tests.neo4j_server import NoServer, start
from tests.neo4j_server.graphs import Graphs
from tests.neo4j_server.wipe import WIPE, is_empty, wipe

NEO4J_VARIABLES = (
    "NEO4J_URI",
    "NEO4J_USERNAME",
    "NEO4J_USER",
    "NEO4J_PASSWORD",
    "NEO4J_PASSWORD_FILE",
    "NEO4J_DATABASE",
    "NEO4J_WRITERS",
)

HOW_TO_HAVE_IT = """\
To have it, any one of these will do:
  * NEO4J_URI, NEO4J_USERNAME and NEO4J_PASSWORD of a server whose data may be wiped
  * Docker with Compose and a running daemon
  * Java 21 or 25 and Maven (Java 17 for Neo4j 5.26): the server is then fetched and started"""

WORKERS = 2
"""Of `-n auto`. Each starts a Neo4j, and has one core to itself where there are two."""

_not_run = pytest.StashKey[str]()
_server = pytest.StashKey[str]()


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written to KG_HOME (the audit file, keys, text vectors) goes with the test."""
    monkeypatch.setenv("KG_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="session")
def neo4j_url(pytestconfig: pytest.Config) -> Iterator[str]:
    """URL of a real Neo4j that may be wiped, its credentials in the environment meanwhile."""
    terminal = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    try:
        server = start(say=terminal.write_line if terminal else print)
    except NoServer as e:
        pytestconfig.stash[_not_run] = str(e)
        pytest.skip("no Neo4j: the last lines say why")
    with pytest.MonkeyPatch.context() as patch:
        for name in NEO4J_VARIABLES:
            patch.delenv(name, raising=False)
        for name, value in server.environment.items():
            patch.setenv(name, value)
        pytestconfig.stash[_server] = server.how
        try:
            if not server.mine and _workers(pytestconfig) > 1:
                pytest.fail(f"{server.how} is one: ask for one worker, or -n auto", pytrace=False)
            if not server.mine and os.environ.get(WIPE) != "1" and not is_empty(server.url):
                pytest.fail(
                    f"{server.how} holds data, and these tests wipe it: set {WIPE}=1 to allow that",
                    pytrace=False,
                )
            yield server.url
            if not server.mine:
                wipe(server.url, schema=True)
        finally:
            server.close()


@pytest.fixture
def empty_neo4j(neo4j_url: str) -> str:
    """The same without data. Constraints stay: `ensure_schema` is idempotent, and faster so."""
    wipe(neo4j_url)
    return neo4j_url


@pytest.fixture(scope="session")
def neo4j_graphs(neo4j_url: str) -> Graphs:
    """The same with a graph that is loaded once and put back for each who asks for it."""
    return Graphs(neo4j_url)


@pytest.fixture(scope="module", params=["ladybug", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def shop_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store of each kind with `tests.small_shop` in it; its tests read and never write."""
    if request.param == "neo4j":
        graphs: Graphs = request.getfixturevalue("neo4j_graphs")
        return graphs.have("small shop", small_shop.load)
    url = f"ladybug://{tmp_path_factory.mktemp('shop')}/kg.lbug"
    with open_store(url) as store:
        small_shop.load(store)
    return url


@pytest.fixture
def shop_store(shop_url: str) -> Iterator[GraphStore]:
    """The same, open for reading."""
    with open_store(shop_url, read_only=True) as store:
        yield store


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """A server that was named is left to one worker: each would wipe the other's data."""
    return 1 if os.environ.get("NEO4J_URI") else min(WORKERS, os.cpu_count() or 1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that asks for the server is a `neo4j` test, marked or not."""
    for item in items:
        if {"neo4j_url", "empty_neo4j"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.neo4j)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a run without Neo4j has failed. A worker tells the one who sums up."""
    stash = session.config.stash
    if _not_run in stash and _in_ci() and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if hasattr(session.config, "workeroutput"):
        said = {"server": stash.get(_server, None), "not_run": stash.get(_not_run, None)}
        session.config.workeroutput["neo4j"] = said


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker has ended: what it said of Neo4j."""
    said = getattr(node, "workeroutput", {}).get("neo4j", {})
    for key, name in ((_server, "server"), (_not_run, "not_run")):
        if said.get(name):
            node.config.stash[key] = said[name]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Generator[None, None, None]:
    """After everything else pytest says: which Neo4j was used, or that none was."""
    yield
    out = terminalreporter
    if _server in config.stash:
        out.write_line(f"Neo4j: {config.stash[_server]}")
    if _not_run in config.stash:
        skipped = [r for r in out.stats.get("skipped", []) if "neo4j" in r.keywords]
        out.section("the Neo4j half did not run", red=True, bold=True)
        out.write_line(f"{len(skipped)} tests were skipped: {config.stash[_not_run]}")
        out.write_line(HOW_TO_HAVE_IT)
        if _in_ci():
            out.write_line("CI is set: this run has failed.", red=True)


def _workers(config: pytest.Config) -> int:
    return int(getattr(config, "workerinput", {}).get("workercount", 1))


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("true", "1")
