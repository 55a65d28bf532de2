"""Memory that was freed goes back to the system.

glibc keeps what freed blocks of up to 32 MB leave, in pieces: without this, a training's peak is
near to the sum of what its stages hold one after another (malloc_trim(3), mallopt(3)).
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

EVERY_S = 1.0


def give_back() -> bool:
    """Once, now. False where the C library has no such call (macOS, Windows, musl)."""
    trim = getattr(_c_library(), "malloc_trim", None)
    if trim is None:
        return False
    trim(0)
    return True


@contextmanager
def giving_back(every_s: float = EVERY_S) -> Iterator[None]:
    """Again and again, beside the work in the block, and once at its end."""
    if not give_back():
        yield
        return
    done = threading.Event()

    def again() -> None:
        while not done.wait(every_s):
            give_back()

    thread = threading.Thread(target=again, name="giving memory back", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        give_back()


def _c_library() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows has none under no name
        return None
