"""The heap is given back to the system."""

import ctypes
import os
import pathlib

import pytest

from genojax.hardware import heap


def test_the_heap_is_returned_to_the_system():
    """What the compiler leaves in the heap is not reused by large arrays, which are mapped anew."""
    status = pathlib.Path('/proc/self/statm')
    if not hasattr(ctypes.CDLL(None), 'malloc_trim') or not status.exists():
        pytest.skip('not glibc on Linux')

    def resident() -> int:
        return int(status.read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE')

    blocks = [bytes([number % 7 + 1]) * 2**16 for number in range(2_000)]
    blocks[:] = blocks[::50]  # what stays keeps the heap from shrinking by itself
    before = resident()
    heap.release()
    assert before - resident() > 1_500 * 2**16
    assert len(blocks) == 40
