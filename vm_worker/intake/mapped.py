"""Memory maps that are larger than a process should be."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def created(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    """A new .npy file to write to. Raises OSError where the disk has no room for all of it.

    Without its room taken first, writing to a memory map on a full disk ends the process (SIGBUS).
    """
    values = np.lib.format.open_memmap(path, "w+", dtype, shape)
    if hasattr(os, "posix_fallocate"):  # not on macOS
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return values


def taken(values: NDArray[Any], index: Any) -> NDArray[Any]:
    """A copy of `values[index]`, an index with an array in it; the pages of a memory map are given back after it."""
    found: NDArray[Any] = values[index]
    give_back(values)
    return found


def give_back(values: NDArray[Any]) -> None:
    """Let go of the pages of a memory map; of anything else nothing.

    They stay in the system's cache and, where they were written, go to the disk from there. But what a process has
    looked at counts as its own memory (getrusage(2), ru_maxrss) until then, which would be all pixels of a large job.
    """
    mapped = getattr(values, "_mmap", None) if isinstance(values, np.memmap) else None
    if mapped is not None and hasattr(mapped, "madvise"):  # not on every system
        mapped.madvise(mmap.MADV_DONTNEED)
