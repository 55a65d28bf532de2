"""Neo4j from its jars with the machine's Java: a throw-away home, free ports, a random password."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any, LiteralString

import neo4j
from neo4j.exceptions import ClientError, DriverError, Neo4jError

HEAP, PAGE_CACHE = "1g", "512m"
MEASURED_PAGE_CACHE = "6g"
"""For tens of millions of edges; taken as the store grows, not at the start."""
MEASURED = "KG_TEST_NEO4J_HEAP"
"""Set to a heap (4g), a server is run as in production, with all compilers, to be measured."""

_OPENS = (
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
    "--enable-native-access=ALL-UNNAMED",
)
_SHORT_LIVED = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""For a server that lives a minute on few cores: only the first compiler, the smallest collector.
"""
_FLAGS = (
    "-XX:-OmitStackTraceInFastThrow",
    "-XX:+DisableExplicitGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djdk.nio.maxCachedBufferSize=1024",
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Dio.netty.leakDetection.level=DISABLED",
    "-Dlog4j2.disable.jmx=true",
    "-Dfile.encoding=UTF-8",
    "-Djava.awt.headless=true",
    "-Djol.skipHotspotSAAttach=true",
)
"""The distribution's own, without AlwaysPreTouch, which commits the whole heap at once."""

_MAVENS = ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH")


def environment() -> dict[str, str]:
    """The caller's, less its Java settings: they are Maven's and would change the server."""
    return {k: v for k, v in os.environ.items() if k not in _MAVENS}


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def prepare(version: str, lib: Path, java: Path, java_version: int) -> tuple[dict[str, Any], str]:
    """(the guard's job, the server's URL), with a home made in the temporary folder."""
    home = Path(tempfile.mkdtemp(prefix=f"kg-tests-neo4j-{version}-"))
    port = free_port()
    for folder in ("conf", "data", "logs", "run", "import", "plugins", "licenses"):
        (home / folder).mkdir()
    template = Path(__file__).with_name("neo4j.conf").read_text(encoding="utf-8")
    measured = os.environ.get(MEASURED)
    heap = measured or HEAP
    page_cache = MEASURED_PAGE_CACHE if measured else PAGE_CACHE
    filled = {"{bolt_port}": str(port), "{heap}": heap, "{page_cache}": page_cache}
    for hole, value in filled.items():
        template = template.replace(hole, value)
    if not version.startswith("5."):
        template += "\n# as the distribution of this version has it\n"
        template += "db.query.default_language=CYPHER_25\n"
    (home / "conf" / "neo4j.conf").write_text(template, encoding="utf-8")

    flags = [f"-Xms{heap}", f"-Xmx{heap}", *_FLAGS]
    flags += ("-XX:+UseG1GC",) if measured else _SHORT_LIVED
    if java_version >= 21:
        flags.append("--add-modules=jdk.incubator.vector")
    if java_version >= 24:
        flags.append("--sun-misc-unsafe-memory-access=allow")
    job = {
        "run": [
            str(java),
            "-cp",
            os.pathsep.join([f"{home}/plugins/*", f"{home}/conf/*", f"{lib}/*"]),
            *flags,
            *_OPENS,
            _main_class(lib / f"neo4j-{version}.jar"),
            f"--home-dir={home}",
            f"--config-dir={home / 'conf'}",
            "--console-mode",
        ],
        "cwd": str(home),
        "log": str(home / "logs" / "console.log"),
        "remove": str(home),
    }
    return job, f"bolt://127.0.0.1:{port}"


def _main_class(jar: Path) -> str:
    with zipfile.ZipFile(jar) as z:
        names = set(z.namelist())
    known = ("Neo4jCommunity", "CommunityEntryPoint")
    return next(
        f"org.neo4j.server.{c}" for c in known if f"org/neo4j/server/{c}.class" in names
    )  # fmt: skip


def first_login(url: str, alive: Any, timeout_s: float = 180.0) -> str:
    """Waits until the server answers, then gives its user a random password and returns it."""
    password = secrets.token_urlsafe(18)
    end = time.monotonic() + timeout_s
    while True:
        try:
            _run(
                url,
                ("neo4j", "neo4j"),
                "ALTER CURRENT USER SET PASSWORD FROM 'neo4j' TO $new",
                {"new": password},
                database="system",
            )
            break
        except (DriverError, ClientError) as e:
            if not alive() or time.monotonic() > end:
                raise TimeoutError(f"no answer at {url}: {e}") from e
            time.sleep(0.3)
    while not online(url, ("neo4j", password)):
        if not alive() or time.monotonic() > end:
            raise TimeoutError(f"the database at {url} does not come online")
        time.sleep(0.3)
    return password


def online(url: str, auth: tuple[str, str]) -> bool:
    """Whether the server's default database answers now, without waiting for it."""
    try:
        _run(url, auth, "RETURN 1", {})
    except (DriverError, Neo4jError):
        return False
    return True


def _run(
    url: str,
    auth: tuple[str, str],
    text: LiteralString,
    params: dict[str, str],
    database: str | None = None,
) -> None:
    """One auto-commit statement: the driver's managed transactions would wait and retry."""
    with (
        neo4j.GraphDatabase.driver(url, auth=auth, connection_timeout=5.0) as driver,
        driver.session(database=database) as session,
    ):
        session.run(text, params).consume()


def last_words(job: dict[str, Any], lines: int = 30) -> str:
    """The end of the server's console, for an error message."""
    log = Path(job["log"])
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""


def discard(job: dict[str, Any]) -> None:
    shutil.rmtree(job["remove"], ignore_errors=True)
