"""What a step costs: wall time, CPU of this process and of a local server, peak memory.

Linux: the figures come from /proc. A server on another machine has no CPU figure.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Cost:
    """Seconds; memory in GiB."""

    wall: float = 0.0
    client: float = 0.0
    server: float | None = None
    peak: float = 0.0

    @property
    def cpu(self) -> float:
        return self.client + (self.server or 0.0)


class Meter:
    def __init__(self, port: int | None = None) -> None:
        """`port`: where the local server listens; None for an embedded store."""
        self.server = listener(port) if port else None

    @contextmanager
    def __call__(self) -> Iterator[Cost]:
        cost = Cost()
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts from what is held now
        wall, client, server = time.monotonic(), _cpu("self"), self._served()
        yield cost
        cost.wall, cost.client = time.monotonic() - wall, _cpu("self") - client
        if server is not None:
            cost.server = (self._served() or 0.0) - server
        cost.peak = _peak()

    def _served(self) -> float | None:
        return None if self.server is None else _cpu(str(self.server))


def _cpu(process: str) -> float:
    """User and system time of all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _peak() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(x.split()[1]) for x in lines if x.startswith("VmHWM")) / 2**20


def listener(port: int) -> int | None:
    """The local process that listens there, where we may look."""
    wanted = {
        f"socket:[{fields[9]}]"
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for fields in (line.split() for line in Path(table).read_text().splitlines()[1:])
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port
    }
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(fd) in wanted for fd in (process / "fd").iterdir()):
                return int(process.name)
        except OSError:  # not ours to look at, or gone
            continue
    return None
