"""start | stop | status: the tests' Neo4j for a developer, kept until it is stopped.

`eval "$(python -m tests.neo4j_server start)"` sets NEO4J_URI and its credentials in the shell.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from pathlib import Path

from tests.neo4j_server import NoServer, jars, local, start


def main(argv: list[str]) -> int:
    commands = {"start": _start, "stop": _stop, "status": _status}
    if len(argv) != 1 or argv[0] not in commands:
        _say(__doc__ or "")
        return 2
    return commands[argv[0]](jars.cache() / "server.json")


def _start(lease: Path) -> int:
    if (running := _running(lease)) is None:
        lease.unlink(missing_ok=True)
        # one of our own: what NEO4J_URI names needs no start
        environ = {k: v for k, v in os.environ.items() if k != "NEO4J_URI"}
        try:
            server = start(environ, say=_say, lease=lease)
        except NoServer as e:
            lease.unlink(missing_ok=True)
            _say(f"error: {e}")
            return 1
        running = server.environment
        lease.write_text(json.dumps(running), encoding="utf-8")
        _say(f"{server.how}; it ends with: python -m tests.neo4j_server stop")
    for name, value in running.items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    return 0


def _stop(lease: Path) -> int:
    running = _running(lease)
    lease.unlink(missing_ok=True)
    while running is not None and _answers(running):
        time.sleep(0.2)
    _say("not running" if running is None else "stopped")
    return 0


def _status(lease: Path) -> int:
    running = _running(lease)
    _say("not running" if running is None else f"running at {running['NEO4J_URI']}")
    return 0 if running else 3


def _running(lease: Path) -> dict[str, str] | None:
    try:
        said: dict[str, str] = json.loads(lease.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return said if _answers(said) else None


def _answers(said: dict[str, str]) -> bool:
    return local.online(said["NEO4J_URI"], (said["NEO4J_USERNAME"], said["NEO4J_PASSWORD"]))


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
