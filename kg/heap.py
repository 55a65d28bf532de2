"""Memory that was freed goes back to the system, but not with every block.

glibc keeps what freed blocks of up to 32 MB leave, in pieces: without `give_back` a training's peak
is near to the sum of what its stages hold one after another. And it takes larger blocks from the
system each time anew, which clears them page by page: the matrices of a ranking are gone after a
step and taken again in the next, at a quarter of a training's CPU time. So `giving_back` lets
blocks of up to a gigabyte be used again, and gives back what is free when the process has grown
(malloc_trim(3), mallopt(3)).
"""

from __future__ import annotations

import ctypes
import mmap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EVERY_S = 1.0
LARGEST = 1 << 30
"""Bytes of a block that is used again; larger ones go back at once."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Numbers of malloc.h"""
SPARE = 512 << 20
"""Bytes by which a process may grow before it gives back what is free: the next step takes it
again."""


def give_back() -> bool:
    """Once, now. False where the C library has no such call (macOS, Windows, musl)."""
    trim = getattr(_c_library(), "malloc_trim", None)
    if trim is None:
        return False
    trim(0)
    return True


@contextmanager
def giving_back(every_s: float = EVERY_S, spare: int = SPARE) -> Iterator[None]:
    """Whenever the process has grown by `spare` bytes, beside the work in the block, and at its
    end. Large blocks are used again from here on, also after it."""
    if not give_back():
        yield
        return
    _use_again()
    done = threading.Event()

    def again() -> None:
        kept = resident()
        while not done.wait(every_s):
            if resident() - kept > spare:
                give_back()
                kept = resident()
            kept = min(kept, resident())

    thread = threading.Thread(target=again, name="giving memory back", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        give_back()


def resident() -> int:
    """Bytes of this process in memory; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE
    except OSError:
        return 0


def _use_again() -> None:
    """A C library that refuses goes on as before."""
    option = getattr(_c_library(), "mallopt", None)
    if option is not None:
        option(M_MMAP_THRESHOLD, LARGEST)
        option(M_TRIM_THRESHOLD, LARGEST)


def _c_library() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows has none under no name
        return None
