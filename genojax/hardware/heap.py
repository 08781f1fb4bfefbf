"""Memory that the compiler leaves in the heap of the process."""

import contextlib
import ctypes


def release() -> None:
    """Returns what is free in the heap to the system, where the C library can (glibc).

    The compiler leaves 0.35 to 0.41 GiB there, also of small models, and large arrays do not reuse
    it (experiments/benchmarks/README.md).
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
