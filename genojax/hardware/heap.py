"""Memory that the compiler leaves in the heap of the process."""

import contextlib
import ctypes


def release() -> None:
    """Returns what is free in the heap to the system, where the C library can (glibc).

    The compiler leaves 0.4 GiB there, also of a small model, and large arrays do not reuse it.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
