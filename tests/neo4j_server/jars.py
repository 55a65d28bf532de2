"""Neo4j's jars from Maven Central, fetched once into the user's cache folder."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path


class CannotFetch(Exception):
    """Maven is missing or could not reach its repository."""


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "kg-tests"


def lib(version: str) -> Path:
    """Where the jars of a version are, or would be."""
    return cache() / f"neo4j-{version}" / "lib"


def fetch(version: str, timeout_s: float = 900.0) -> Path:
    """The folder of jars of a version; fetched if it is not there yet. Raises CannotFetch."""
    target = lib(version)
    if target.is_dir():
        return target
    maven = shutil.which("mvn")
    if maven is None:
        raise CannotFetch("no `mvn` on PATH to fetch Neo4j's jars with")
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        (target.parent / "fetching.lock").open("w") as lock,
        tempfile.TemporaryDirectory(dir=target.parent, prefix="fetching-") as scratch,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():  # another worker was faster
            return target
        partial = Path(scratch) / "lib"
        _maven(maven, version, partial, timeout_s)
        _check(partial)
        partial.replace(target)
    return target


def _maven(maven: str, version: str, into: Path, timeout_s: float) -> None:
    pom = Path(__file__).with_name("pom.xml")
    command = [maven, "-B", "-q", "-f", str(pom), f"-Dneo4j.version={version}"]
    try:
        done = subprocess.run(
            [*command, f"-Dneo4j.lib={into}", "process-resources"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as e:
        raise CannotFetch(f"Maven did not fetch Neo4j {version} within {timeout_s:.0f} s") from e
    if done.returncode != 0:
        said = [line for line in done.stdout.splitlines() if "ERROR" in line] or [done.stdout]
        raise CannotFetch(f"Maven could not fetch Neo4j {version}: {said[0].strip()[:300]}")


def _check(folder: Path) -> None:
    """One Netty, and a whole server: Bolt dies on a mixture long after the start looked well."""
    jars = len(list(folder.glob("*.jar")))
    nettys = len(list(folder.glob("netty-common-*.jar")))
    if jars < 100 or nettys != 1:
        raise CannotFetch(f"Maven gave {jars} jars with {nettys} netty-common: not a Neo4j server")
