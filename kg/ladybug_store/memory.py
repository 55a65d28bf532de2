"""How much memory the engine may have: its buffers, and the rows of a commit, which it holds."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

BUFFERS = 3 / 8
"""Share of the memory for the engine's page buffers; beyond it a query fails by itself."""
COMMIT = 3 / 8
"""Share for rows that were copied in and are not committed yet."""
ROW_BYTES, GROWTH = 250, 2.0
"""What an uncommitted edge takes: so much, and its Arrow bytes times this. (Measured: 0.39 KB for
70 bytes of Arrow, at 2 to 12 million edges.)"""

CGROUPS = Path("/sys/fs/cgroup")
SELF = Path("/proc/self/cgroup")


def buffer_bytes() -> int:
    return int(BUFFERS * allowed())


def commit_bytes() -> int:
    return int(COMMIT * allowed())


def held_bytes(rows: pa.Table) -> int:
    """Estimate of what these rows take until they are committed."""
    return int(ROW_BYTES * rows.num_rows + GROWTH * rows.nbytes)


def allowed() -> int:
    """Bytes this process may use: the machine's, or its container's where that is less."""
    machine: int = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_limits()])


def _limits() -> Iterator[int]:
    """Of the control groups this process is in, of both kinds (cgroups(7)): a group's limit holds
    for the groups below it too. In a container the group may be mounted as the root."""
    try:
        lines = SELF.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        _number, controllers, path = line.split(":", 2)
        if controllers == "":
            root, name = CGROUPS, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = CGROUPS / "memory", "memory.limit_in_bytes"
        else:
            continue
        here = root / path.lstrip("/")
        for folder in (here, *here.parents):
            if folder.is_relative_to(root):
                yield from _limit(folder / name)


def _limit(file: Path) -> Iterator[int]:
    try:
        said = file.read_text(encoding="ascii")
    except OSError:
        return
    if re.fullmatch(r"\d+\s*", said):  # otherwise "max"
        yield int(said)
