"""How much memory the engine's page buffers may have, on a machine or in a container."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
SELF = Path("/proc/self/cgroup")


def buffer_bytes() -> int:
    """Half of what there is; beyond it a query fails by itself."""
    return allowed() // 2


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
