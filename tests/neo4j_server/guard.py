"""A server's lifetime: runs a command until its owner is gone, then ends it and cleans up.

Started as a script of its own, so that nothing is left behind even where the owner is killed. The
owner holds this process's standard input open (or, where it will not stay, a lease file): when that
ends, so does the command with everything it started, then the closing command runs and the folder
is removed. The job is one JSON object as the only argument; the environment is the command's.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def main(job: dict[str, Any]) -> int:
    for ending in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(ending, lambda *_: sys.exit(0))
    server = _run(job) if job.get("run") else None
    try:
        while _owned(job.get("lease")) and (server is None or server.poll() is None):
            pass
        return 0 if server is None else server.poll() or 0
    finally:
        if server is not None:
            _kill(server)
        if job.get("closing"):
            subprocess.run(job["closing"], stdin=subprocess.DEVNULL, check=False)
        if job.get("remove"):
            shutil.rmtree(job["remove"], ignore_errors=True)


def _run(job: dict[str, Any]) -> subprocess.Popen[bytes]:
    with Path(job["log"]).open("wb") as log:
        return subprocess.Popen(
            job["run"],
            cwd=job["cwd"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _owned(lease: str | None) -> bool:
    """Waits a moment, then says whether the owner is still there."""
    if lease is None:
        readable, _, _ = select.select([sys.stdin], [], [], 0.5)
        return not readable or os.read(sys.stdin.fileno(), 1) != b""
    time.sleep(0.5)
    return Path(lease).exists()


def _kill(server: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(server.pid, signal.SIGKILL)  # its data is thrown away: nothing to save
    except ProcessLookupError:
        return
    server.wait()


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
