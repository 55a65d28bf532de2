"""Freed memory goes back to the system when there is much of it, and is used again till then."""

from __future__ import annotations

import resource
import sys
import threading
import time

import numpy as np
import pytest

from kg.heap import give_back, giving_back, resident

MB = 1_000_000
needs_glibc = pytest.mark.skipif(
    not sys.platform.startswith("linux") or not give_back(), reason="no malloc_trim here"
)


def litter() -> np.ndarray:
    """240 MB of blocks freed under one that is kept, so that the heap cannot shrink from its
    end."""
    np.ones(3_500_000)  # once it is freed, blocks up to its size come from the heap
    blocks = [np.ones(100_000) for _ in range(300)]
    full = resident()
    kept = blocks[-1]
    del blocks
    assert full - resident() < 50 * MB
    return kept


@needs_glibc
def test_what_was_freed_is_given_back() -> None:
    kept = litter()
    littered = resident()
    give_back()
    assert littered - resident() > 200 * MB
    assert kept.sum() == 100_000


@needs_glibc
def test_it_is_given_back_while_the_block_works() -> None:
    """Once the process grows: what one stage left is not added to what the next one takes."""
    end = time.monotonic() + 30
    with giving_back(every_s=0.01, spare=100 * MB):
        before = resident()
        kept = litter()
        block = np.ones(40_000_000)
        while resident() - before > block.nbytes + 50 * MB and time.monotonic() < end:
            time.sleep(0.01)
        assert resident() - before < block.nbytes + 50 * MB
    assert kept.sum() == 100_000


@needs_glibc
def test_a_little_is_kept_to_the_end() -> None:
    with giving_back(every_s=0.01):
        before = resident()
        kept = litter()
        time.sleep(0.2)
        assert resident() - before > 200 * MB
    assert resident() - before < 50 * MB
    assert kept.sum() == 100_000


@needs_glibc
def test_large_blocks_are_used_again() -> None:
    """The pages of a block that was freed are not taken from the system, and cleared, anew."""
    with giving_back():
        np.ones(8_000_000)  # the heap grows by it
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(10):
            np.ones(8_000_000)
        taken = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    assert taken < 8_000  # of the 156,250 pages written


def test_no_thread_is_left() -> None:
    """Not after an error either."""
    before = threading.active_count()
    with pytest.raises(ValueError, match="stop"), giving_back():
        raise ValueError("stop")
    assert threading.active_count() == before
