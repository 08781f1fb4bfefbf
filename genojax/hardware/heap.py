"""Memory that freed blocks leave in the heap of the process."""

import contextlib
import ctypes

_LARGE = 2**20  # bytes of a block that is mapped by itself, and unmapped once it is freed
# Parameters of glibc's mallopt (malloc.h).
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT = 2**24  # bytes that may stay free at the heap's end


def release() -> None:
    """Returns what is free in the heap to the system, and from now on large blocks once freed.

    That is where the C library is glibc; elsewhere nothing happens. The compiler leaves tenths of
    a GiB in the heap, also of small models, and large arrays do not reuse it. And glibc by itself
    puts blocks of up to 32 MiB into the heap once blocks of that size were freed, where the small
    ones between them keep their pages (experiments/benchmarks/README.md).
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, _LARGE)
        libc.mallopt(_TRIM_THRESHOLD, _KEPT)
        libc.malloc_trim(0)
