"""Give memory that this process has freed back to the operating system."""

from __future__ import annotations

import ctypes
import gc
import platform
from functools import cache


def give_back() -> None:
    """Give freed memory back; to be called when a network is no longer needed.

    The C library glibc keeps freed pieces for later, here some hundred megabytes. malloc_trim(3) returns them:
    https://man7.org/linux/man-pages/man3/malloc_trim.3.html. With another C library nothing happens.
    """
    gc.collect()
    if library := _glibc():
        library.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL("libc.so.6") if platform.libc_ver()[0] == "glibc" else None
