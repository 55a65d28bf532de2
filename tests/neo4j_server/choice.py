"""Which Neo4j the tests run on: NEO4J_URI, else Docker Compose, else jars with Java."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.neo4j_server import docker, jars, local
from tests.neo4j_server.java import find_java, supported

DEFAULT, LONG_TERM = "2026.09.0", "5.26.31"

Say = Callable[[str], None]


class NoServer(Exception):
    """None of the three ways is open on this machine; says why for each."""


@dataclass
class Server:
    """A running Neo4j. `mine` is False for one that was there before us."""

    url: str
    username: str
    password: str | None = field(repr=False)
    how: str
    mine: bool
    database: str | None = None
    guard: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def close(self) -> None:
        """Ends a server of our own and removes its data."""
        if self.guard is not None:
            _let_go(self.guard)

    @property
    def environment(self) -> dict[str, str]:
        """What `kg` needs to reach it."""
        said = {"NEO4J_URI": self.url, "NEO4J_USERNAME": self.username}
        if self.password is not None:
            said["NEO4J_PASSWORD"] = self.password
        if self.database is not None:
            said["NEO4J_DATABASE"] = self.database
        return said


def start(
    environ: Mapping[str, str] = os.environ, *, say: Say = print, lease: Path | None = None
) -> Server:
    """A server to test on. With `lease` it lives until that file is gone, else until `close()` or
    the end of this process, however that comes. Raises NoServer where none can be had."""
    if environ.get("NEO4J_URI"):
        return _named(environ)
    reasons = []
    for way in (_compose, _from_jars):
        try:
            return way(environ, say, lease)
        except NoServer as e:
            reasons.append(str(e))
    raise NoServer("; ".join(reasons))


def _named(environ: Mapping[str, str]) -> Server:
    from kg.config import Neo4jSettings

    settings = Neo4jSettings()
    return Server(
        url=environ["NEO4J_URI"],
        username=settings.username,
        password=settings.secret(),
        how=f"the server at NEO4J_URI={environ['NEO4J_URI']}",
        mine=False,
        database=settings.database,
    )


def _compose(environ: Mapping[str, str], say: Say, lease: Path | None) -> Server:
    if why_not := docker.available():
        raise NoServer(why_not)
    version = environ.get("KG_TEST_NEO4J") or DEFAULT
    project = docker.project(version)
    job = {"closing": project.closing, "remove": str(project.folder)}
    guard = guarded(job, project.environment, lease)
    say(f"starting Neo4j {version} with Docker Compose")
    try:
        docker.up(project)
    except docker.CannotCompose as e:
        _let_go(guard)
        raise NoServer(str(e)) from e
    how = f"Neo4j {version} in Docker"
    return Server(project.url, "neo4j", project.password, how, mine=True, guard=guard)


def _from_jars(environ: Mapping[str, str], say: Say, lease: Path | None) -> Server:
    return start_from_jars(environ, say=say, lease=lease)


def start_from_jars(
    environ: Mapping[str, str] = os.environ,
    *,
    say: Say = print,
    lease: Path | None = None,
    before: Callable[[dict[str, Any]], None] | None = None,
) -> Server:
    """`before` is called with the server's job when its home is there and nothing runs yet."""
    version, note = _version(environ)
    java = find_java(version, environ)
    if java is None:
        raise NoServer(f"no Java {_or(supported(version))} for Neo4j {version}")
    try:
        if not jars.lib(version).is_dir():
            say(f"fetching Neo4j {version} with Maven (once)")
        lib = jars.fetch(version)
    except jars.CannotFetch as e:
        raise NoServer(str(e)) from e
    job, url = local.prepare(version, lib, *java)
    try:
        if before is not None:
            before(job)
    except BaseException:
        local.discard(job)
        raise
    guard = guarded(job, local.environment(), lease)
    try:
        password = local.first_login(url, alive=lambda: guard.poll() is None)
    except BaseException as e:
        words = local.last_words(job)
        _let_go(guard)
        if isinstance(e, TimeoutError):
            raise RuntimeError(f"Neo4j {version} did not start: {e}\n{words}") from e
        raise
    how = f"Neo4j {version} from its jars, Java {java[1]}{note}"
    return Server(url, "neo4j", password, how, mine=True, guard=guard)


def _version(environ: Mapping[str, str]) -> tuple[str, str]:
    """The version asked for; the long-term one where only its Java is here and none was named."""
    if asked := environ.get("KG_TEST_NEO4J"):
        return asked, ""
    if find_java(DEFAULT, environ) is None and find_java(LONG_TERM, environ) is not None:
        return LONG_TERM, f" (Neo4j {DEFAULT} needs Java {_or(supported(DEFAULT))})"
    return DEFAULT, ""


def _or(versions: tuple[int, ...]) -> str:
    return " or ".join(map(str, versions))


def guarded(
    job: dict[str, Any], environment: dict[str, str], lease: Path | None = None
) -> subprocess.Popen[bytes]:
    if lease is not None:
        lease.parent.mkdir(parents=True, exist_ok=True)
        lease.touch(mode=0o600)
        job["lease"] = str(lease)
    script = Path(__file__).with_name("guard.py")
    return subprocess.Popen(
        [sys.executable, str(script), json.dumps(job)],
        env=environment,
        stdin=subprocess.DEVNULL if lease else subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _let_go(guard: subprocess.Popen[bytes]) -> None:
    if guard.stdin is None:
        guard.terminate()
    else:
        guard.stdin.close()
    guard.wait(timeout=60)
