"""Freed memory goes back to the system."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kg.heap import give_back, giving_back

needs_glibc = pytest.mark.skipif(
    not sys.platform.startswith("linux") or not give_back(), reason="no malloc_trim here"
)


def resident() -> int:
    """Bytes"""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.fixture
def littered() -> Iterator[int]:
    """240 MB of blocks freed under one that is kept, so that the heap cannot shrink from its end;
    what is resident since."""
    np.ones(3_500_000)  # once it is freed, blocks up to its size come from the heap
    blocks = [np.ones(100_000) for _ in range(300)]
    kept = blocks[-1]
    full = resident()
    del blocks
    assert full - resident() < 50_000_000
    yield resident()
    assert kept.sum() == 100_000


@needs_glibc
def test_what_was_freed_is_given_back(littered: int) -> None:
    give_back()
    assert littered - resident() > 200_000_000


@needs_glibc
def test_it_is_given_back_while_the_block_works(littered: int) -> None:
    end = time.monotonic() + 30
    with giving_back(every_s=0.01):
        while littered - resident() < 200_000_000 and time.monotonic() < end:
            time.sleep(0.01)
        assert littered - resident() > 200_000_000


def test_no_thread_is_left() -> None:
    """Not after an error either."""
    before = threading.active_count()
    with pytest.raises(ValueError, match="stop"), giving_back():
        raise ValueError("stop")
    assert threading.active_count() == before
