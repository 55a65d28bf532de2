"""The server the tests run on: found, chosen, ended with its owner, and missed aloud."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from kg.neo4j_store import Neo4jStore
from tests import small_shop
from tests.conftest import NEO4J_VARIABLES
from tests.neo4j_server import NoServer, choice, graphs, guard, jars, java, start
from tests.neo4j_server.wipe import session_at
from tests.store.tables import table

ROOT = Path(__file__).parents[1]


def a_java(folder: Path, version: str) -> Path:
    """What of a Java home is looked at."""
    (folder / "bin").mkdir(parents=True)
    program = folder / "bin" / "java"
    program.touch(mode=0o755)
    (folder / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return folder


@pytest.fixture
def javas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Only the Javas of this folder are on the machine."""
    monkeypatch.setattr(java, "_homes", lambda _: sorted(tmp_path.iterdir()))
    return tmp_path


@pytest.mark.parametrize(
    ("neo4j", "found"), [("2026.09.0", 25), ("2025.04.0", 21), ("5.26.31", 21), ("5.26.30", 21)]
)
def test_the_newest_java_a_version_supports_is_taken(javas: Path, neo4j: str, found: int) -> None:
    """Not the newest there is."""
    for version in ("1.8.0_402", "11.0.2", "17.0.15", "21.0.1", "25.0.3", "26"):
        a_java(javas / version, version)
    (javas / "not a java").mkdir()
    program, version = java.find_java(neo4j, {}) or (None, 0)
    assert version == found
    assert program is not None
    assert program.parent.parent.name.startswith(str(found))


def test_no_java_that_would_do(javas: Path) -> None:
    """Is none."""
    a_java(javas / "old", "11.0.2")
    assert java.find_java("2026.09.0", {}) is None


def test_a_java_the_environment_names(tmp_path: Path) -> None:
    """JAVA_HOME and its like, as CI machines have them."""
    home = a_java(tmp_path / "jdk", "21.0.1")
    assert (home, 21) in list(java.installed({"JAVA_HOME_21_X64": str(home), "PATH": ""}))


def test_only_java_17_means_the_long_term_version(javas: Path) -> None:
    """And the run says so."""
    a_java(javas / "17", "17.0.15")
    version, note = choice._version({})
    assert version == choice.LONG_TERM
    assert "needs Java 21 or 25" in note


def test_a_version_that_was_asked_for_is_not_exchanged(javas: Path) -> None:
    """It is missing then, with the reason."""
    a_java(javas / "17", "17.0.15")
    with pytest.raises(NoServer, match="no Java 21 or 25"):
        choice._from_jars({"KG_TEST_NEO4J": "2026.09.0"}, print, None)


def test_every_way_that_is_shut_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, javas: Path
) -> None:
    """No Docker, no Maven."""
    a_java(javas / "25", "25")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(NoServer, match=r"docker.*mvn"):
        start({})


def test_half_a_server_is_not_kept(tmp_path: Path) -> None:
    """A fetch that brought no whole server leaves nothing in the cache."""
    with pytest.raises(jars.CannotFetch, match="not a Neo4j server"):
        jars._check(tmp_path)


OWNER = """
import subprocess, sys, time
from tests.neo4j_server.choice import guarded
import os, json
guard = guarded(json.loads(sys.argv[1]), dict(os.environ), None)
print(guard.pid, flush=True)
time.sleep(600)
"""


def test_a_server_ends_with_its_owner(tmp_path: Path) -> None:
    """However the owner ends: here by SIGKILL. Its children go too, and its folder."""
    home, closed = tmp_path / "home", tmp_path / "closed"
    home.mkdir()
    child = f"sleep 600 & echo $! > {tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; wait"
    job = {
        "run": ["sh", "-c", child],
        "cwd": str(home),
        "log": str(home / "log"),
        "remove": str(home),
        "closing": ["touch", str(closed)],
    }
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, json.dumps(job)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    with owner.stdout:
        started = int(owner.stdout.readline())
    until((tmp_path / "pid").exists)
    running = int((tmp_path / "pid").read_text())
    assert alive(running)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    until(lambda: not alive(running) and not alive(started))
    assert (home.exists(), closed.exists()) == (False, True)


def test_a_server_ends_with_its_lease(tmp_path: Path) -> None:
    """For one that outlives the command that started it."""
    lease = tmp_path / "lease"
    job = {"run": ["sleep", "600"], "cwd": str(tmp_path), "log": str(tmp_path / "log")}
    kept = choice.guarded(job, dict(os.environ), lease)
    assert kept.poll() is None
    lease.unlink()
    assert kept.wait(timeout=30) == 0


def test_a_server_that_ends_by_itself_ends_its_guard(tmp_path: Path) -> None:
    """Whose status is the server's, so that a start that failed is seen at once."""
    job = {"run": ["sh", "-c", "exit 3"], "cwd": str(tmp_path), "log": str(tmp_path / "log")}
    assert choice.guarded(job, dict(os.environ), None).wait(timeout=30) == 3


def alive(pid: int) -> bool:
    """Running; a zombie that nobody collects is not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return state.stdout.strip()[:1] not in ("", "Z")


def until(happened: Callable[[], bool], patience_s: float = 30.0) -> None:
    end = time.monotonic() + patience_s
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


A_TEST = ("tests/test_neo4j_plans.py", "-k", "counts")


def pytest_run(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A pytest of its own on one test that needs Neo4j."""
    inherited = {k: v for k, v in os.environ.items() if k not in (*NEO4J_VARIABLES, "CI")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *A_TEST, *args],
        cwd=ROOT,
        env=inherited | environment,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def nothing(tmp_path: Path) -> Mapping[str, str]:
    """A machine without Docker and Maven."""
    return {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_without_neo4j_ends_with_a_plain_word(
    nothing: Mapping[str, str], workers: str
) -> None:
    """How many tests did not run and how to have them, in the last lines."""
    done = pytest_run("-n", workers, "--dist", "loadfile", **nothing)
    last = done.stdout.splitlines()[-7:]
    assert "the Neo4j half did not run" in last[0]
    assert last[1].startswith("1 tests were skipped: no `docker` on PATH")
    assert "NEO4J_URI" in last[3]
    assert done.returncode == 0


@pytest.mark.parametrize("workers", ["0", "2"])
def test_in_ci_a_run_without_neo4j_has_failed(nothing: Mapping[str, str], workers: str) -> None:
    """With the same words."""
    done = pytest_run("-n", workers, "--dist", "loadfile", CI="true", **nothing)
    assert "the Neo4j half did not run" in done.stdout
    assert done.returncode == 1


def test_a_run_that_asks_for_no_neo4j_says_nothing_of_it(nothing: Mapping[str, str]) -> None:
    """Nor does it fail for it."""
    done = pytest_run("-m", "not neo4j", CI="true", **nothing)
    assert "Neo4j" not in done.stdout
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED


def named(url: str) -> dict[str, str]:
    """What names the server, with its credentials."""
    return {k: os.environ[k] for k in NEO4J_VARIABLES if k in os.environ} | {"NEO4J_URI": url}


@pytest.mark.parametrize(("workers", "code"), [("2", 1), ("auto", 0)])
def test_a_named_server_is_one_workers(empty_neo4j: str, workers: str, code: int) -> None:
    """Two would wipe each other's data: two are refused, and `auto` is one."""
    done = pytest_run("-n", workers, **named(empty_neo4j), KG_TEST_WIPE="1")
    assert ("ask for one worker, or -n auto" in done.stdout) == bool(code)
    assert done.returncode == code


def test_somebody_s_data_is_not_wiped(empty_neo4j: str) -> None:
    """A server named by NEO4J_URI that holds anything is left alone, and the run fails."""
    with Neo4jStore.open(empty_neo4j) as store:
        store.ensure_schema()
        store.bulk_load("User", table("User", userId=["dear"]))
        done = pytest_run(**named(empty_neo4j), KG_TEST_WIPE="")
        assert "set KG_TEST_WIPE=1 to allow that" in done.stdout
        assert done.returncode == 1
        assert store.counts() == {"User": 1}


def test_a_graph_is_put_back_as_it_was(neo4j_graphs: graphs.Graphs) -> None:
    """Nodes, edges, every property, and the vector indexes that a publish makes."""
    found = []
    for _ in range(2):
        with session_at(neo4j_graphs.have("small shop", small_shop.load)) as session:
            found.append(graphs.read(session))
    loaded, put_back = map(contents, found)
    assert loaded == put_back
    assert all(loaded)


def contents(graph: graphs.Graph) -> tuple[list[str], list[str], list[str]]:
    """In no order of nodes: an edge as its two nodes, type and properties."""
    nodes = [repr((sorted(n["labels"]), sorted(n["properties"].items()))) for n in graph.nodes]
    edges = [
        repr((nodes[e["src"]], e["type"], nodes[e["dst"]], sorted(e["properties"].items())))
        for e in graph.edges
    ]
    return sorted(nodes), sorted(edges), sorted(graph.indexes)


def test_the_guard_needs_nothing_but_python() -> None:
    """It runs as a script, with whatever Python there is."""
    assert guard.__doc__
    done = subprocess.run(
        [sys.executable, "-S", "-I", guard.__file__, "{}"], stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 0
