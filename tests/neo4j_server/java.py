"""The machine's Javas: folders that hold one, with the version each says it is."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

SUPPORTED = {"5": (17, 21), "2025": (21,), "2026": (21, 25)}
"""Java versions by the first part of Neo4j's (its manual, System requirements)."""


def supported(neo4j: str) -> tuple[int, ...]:
    return SUPPORTED[neo4j.split(".")[0]]


def find_java(neo4j: str, environ: Mapping[str, str] = os.environ) -> tuple[Path, int] | None:
    """`bin/java` and its version for a version of Neo4j, the newest it supports; else None."""
    found = {v: home / "bin" / "java" for home, v in reversed(list(installed(environ)))}
    best = max((v for v in supported(neo4j) if v in found), default=None)
    return None if best is None else (found[best], best)


def installed(environ: Mapping[str, str] = os.environ) -> Iterator[tuple[Path, int]]:
    """(home, version) of every Java, those the environment names first."""
    for home in dict.fromkeys(_homes(environ)):
        release = home / "release"
        if release.is_file() and os.access(home / "bin" / "java", os.X_OK):
            said = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', release.read_text(), re.MULTILINE)
            if said:
                yield home, int(said[1])


def _homes(environ: Mapping[str, str]) -> Iterator[Path]:
    yield from (Path(v) for k, v in sorted(environ.items()) if k.startswith("JAVA_HOME") and v)
    yield from sorted(Path("/usr/lib/jvm").glob("*"))
    yield from sorted(Path("/Library/Java/JavaVirtualMachines").glob("*/Contents/Home"))
    on_path = shutil.which("java", path=environ.get("PATH"))
    if on_path:
        yield Path(on_path).resolve().parent.parent
