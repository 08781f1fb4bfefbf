"""The heap is given back to the system."""

import ctypes
import os
import pathlib

import pytest

from genojax.hardware import heap

STATUS = pathlib.Path('/proc/self/statm')
ON_GLIBC = hasattr(ctypes.CDLL(None), 'malloc_trim') and STATUS.exists()
pytestmark = pytest.mark.skipif(not ON_GLIBC, reason='not glibc on Linux')


def resident() -> int:
    return int(STATUS.read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def test_the_heap_is_returned_to_the_system():
    """What the compiler leaves in the heap is not reused by large arrays, which are mapped anew."""
    blocks = [bytes([number % 7 + 1]) * 2**16 for number in range(2_000)]
    blocks[:] = blocks[::50]  # what stays keeps the heap from shrinking by itself
    before = resident()
    heap.release()
    assert before - resident() > 1_500 * 2**16
    assert len(blocks) == 40


def test_large_blocks_are_returned_as_soon_as_they_are_freed():
    """Though blocks of 30 MiB were freed before, after which glibc keeps such blocks in the heap."""
    heap.release()
    block = bytes([1]) * (30 * 2**20)
    del block
    large, small = [], []
    for number in range(20):
        large.append(bytes([number + 1]) * (8 * 2**20))
        small.append(bytes([number + 1]) * 2**16)
    before = resident()
    del large
    assert before - resident() > 150 * 2**20
    assert len(small) == 20
