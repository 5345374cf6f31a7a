"""Memory that was freed, given back to the system."""

from __future__ import annotations

import ctypes
import gc
import platform
from functools import cache


def give_back() -> None:
    """Call it when a network is done with: glibc keeps freed pieces for later, here some hundred megabytes.

    malloc_trim(3), https://man7.org/linux/man-pages/man3/malloc_trim.3.html. With another C library nothing happens.
    """
    gc.collect()
    if library := _glibc():
        library.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL("libc.so.6") if platform.libc_ver()[0] == "glibc" else None
