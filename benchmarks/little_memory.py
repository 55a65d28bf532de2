"""A large load and a large publish, each in a process that may hold so much memory and no more."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.power_law import World
from benchmarks.profiles import Sizes, nodes, release
from kg.store import open_store

HEAD = ("step", "rows", "limit GiB", "kept by", "peak GiB", "wall s")
PART = 1_000_000
"""Events made at a time."""
GROUPS = Path("/sys/fs/cgroup")


def in_little_memory(
    folder: Path, store: str | None, edges: int, users: int, gib: float
) -> list[list[str]]:
    """Load the edges, then, in a store of its own, publish profiles of the users and ten interests
    of each. Raises SystemExit where a step is not done."""
    url = store or f"ladybug://{folder}/kg.lbug"
    other = store or f"ladybug://{folder}/profiles.lbug"
    if store:
        _wiped(url)
    rows = [_bounded("load", edges, gib, _load, url, edges)]
    if store:
        _wiped(url)
    return [*rows, _bounded("publish", users, gib, _publish, other, users)]


def _load(url: str, edges: int) -> None:
    world = World.of(edges // 25, edges // 50, 500)
    with open_store(url) as store:
        store.ensure_schema()
        for label, table in world.nodes().items():
            store.bulk_load(label, table)
        part = min(PART, edges)
        for name in ("VIEWED", "PURCHASED"):
            parts = (world.events(part, n)[name] for n in range(edges // part))
            store.bulk_load(name, parts)
        counts = store.counts()
    assert counts["VIEWED"] + counts["PURCHASED"] == edges // part * part


def _publish(url: str, users: int) -> None:
    sizes = Sizes(users, users // 2, 500)
    with open_store(url) as store:
        store.ensure_schema()
        for label, table in nodes(sizes.users, sizes.items, sizes.categories).items():
            store.bulk_load(label, table)
        store.write_release(release(sizes, "v1"))
        assert store.counts()["INTERESTED_IN.Item"] == 5 * users


def _wiped(url: str) -> None:
    from tests.neo4j_server.wipe import wipe

    wipe(url)


def _bounded(step: str, n: int, gib: float, work: Callable[..., None], *args: Any) -> list[str]:
    """Under a memory cgroup where one may be made; else watched, and killed above the limit."""
    limit = int(gib * 2**30)
    process = multiprocessing.get_context("spawn").Process(target=_inside, args=(work, limit, args))
    begun = time.monotonic()
    process.start()
    peak, kept = 0, "watching"
    assert process.pid is not None
    while process.exitcode is None:
        process.join(0.2)
        with suppress(OSError, StopIteration):
            status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            peak = max(peak, next(int(x.split()[1]) for x in status if x.startswith("VmHWM")))
            if _group_of(process.pid):
                kept = "cgroup"
        if peak * 1024 > limit:
            process.kill()
    group = _group_of(process.pid)
    if group is not None:
        group.rmdir()
    if process.exitcode:
        raise SystemExit(
            f"{step} of {n:,} in {gib:g} GiB ended with {process.exitcode}, "
            f"{peak / 2**20:.2f} GiB held"
        )
    return [step, f"{n:,}", f"{gib:g}", kept, f"{peak / 2**20:.2f}",
            f"{time.monotonic() - begun:.0f}"]  # fmt: skip


def _inside(work: Callable[..., None], limit: int, args: tuple[Any, ...]) -> None:
    _join_group(limit)
    work(*args)


def _join_group(limit: int) -> None:
    """A memory cgroup below the one this process is in, where that is allowed."""
    for parent, name in _parents():
        group = parent / f"kg-{os.getpid()}"
        with suppress(OSError):
            group.mkdir()
            (group / name).write_text(str(limit))
            (group / "cgroup.procs").write_text(str(os.getpid()))
            return


def _parents() -> list[tuple[Path, str]]:
    """Of version 1 and 2, with the file that holds the limit."""
    found = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, kinds, path = line.split(":", 2)
        if "memory" in kinds.split(","):
            found += [(GROUPS / "memory" / path.lstrip("/"), "memory.limit_in_bytes"),
                      (GROUPS / "memory", "memory.limit_in_bytes")]  # fmt: skip
        elif not kinds:
            found.append((GROUPS / path.lstrip("/"), "memory.max"))
    return found


def _group_of(pid: int) -> Path | None:
    groups = (p / f"kg-{pid}" for p, _ in _parents())
    return next((g for g in groups if g.is_dir()), None)
