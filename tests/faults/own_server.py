"""A Neo4j of a test's own, from its jars: other settings, stopped and started over its data."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.meter import listener
from tests.neo4j_server import local
from tests.neo4j_server.choice import Server, guarded, start_from_jars

PATIENCE_S = 120.0


class OwnServer:
    """`settings` are lines of neo4j.conf; `{home}` in them is the server's folder."""

    def __init__(self, settings: Sequence[str], files: Path) -> None:
        self.job: dict[str, Any] = {}
        environ = {k: v for k, v in os.environ.items() if k != "NEO4J_URI"}

        def before(job: dict[str, Any]) -> None:
            home = Path(job["cwd"])
            shutil.copytree(files, home / "certificates")
            with (home / "conf" / "neo4j.conf").open("a", encoding="utf-8") as conf:
                conf.write("\n" + "\n".join(settings).replace("{home}", str(home)) + "\n")
            self.home = Path(job.pop("remove"))
            self.job = job

        self.server: Server = start_from_jars(environ, before=before)
        self.url = self.server.url
        self.port = urlsplit(self.url).port or 7687

    @property
    def environment(self) -> dict[str, str]:
        return self.server.environment

    @property
    def pid(self) -> int:
        """Of the Java that listens."""
        found = listener(self.port)
        assert found is not None
        return found

    def stop(self, how: signal.Signals) -> None:
        """SIGTERM is what `neo4j stop` sends, SIGKILL a machine that goes down."""
        assert self.server.guard is not None
        os.kill(self.pid, how)
        self.server.guard.wait(PATIENCE_S)

    def start(self) -> None:
        """Over the same data; waits until the database answers."""
        self.server.guard = guarded(self.job, local.environment())
        assert self.server.password is not None
        end = time.monotonic() + PATIENCE_S
        while not local.online(self.url, (self.server.username, self.server.password)):
            if time.monotonic() > end or self.server.guard.poll() is not None:
                raise RuntimeError(f"no start: {local.last_words(self.job)}")
            time.sleep(0.3)

    def close(self) -> None:
        self.server.close()
        shutil.rmtree(self.home, ignore_errors=True)


def authority(folder: Path, name: str = "ca") -> Path:
    """A certificate authority of our own: its certificate, beside it its key."""
    _openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-days", "2", "-subj", f"/CN=test {name}", "-keyout", str(folder / f"{name}.key"),
        "-out", str(folder / f"{name}.crt"), "-addext", "basicConstraints=critical,CA:TRUE",
    )  # fmt: skip
    return folder / f"{name}.crt"


def certificate(folder: Path, ca: Path) -> None:
    """public.crt and private.key, signed by the authority, for 127.0.0.1 and no other name."""
    request = folder / "request.pem"
    _openssl(
        "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-subj", "/CN=neo4j", "-keyout", str(folder / "private.key"), "-out", str(request),
    )  # fmt: skip
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    _openssl(
        "x509", "-req", "-in", str(request), "-CA", str(ca), "-CAkey", str(ca.with_suffix(".key")),
        "-CAcreateserial", "-days", "2", "-extfile", str(folder / "names"),
        "-out", str(folder / "public.crt"),
    )  # fmt: skip


def _openssl(*argv: str) -> None:
    assert shutil.which("openssl"), "these tests make their certificates with openssl"
    subprocess.run(["openssl", *argv], check=True, capture_output=True)
