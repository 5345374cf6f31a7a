"""Use memory maps that are larger than a process's memory should be."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def created(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    """Create a .npy file as a memory map. Raises OSError where the disk has no room for all of it.

    The room is taken first: otherwise writing to a memory map on a full disk ends the process (SIGBUS).
    """
    values = np.lib.format.open_memmap(path, "w+", dtype, shape)
    if hasattr(os, "posix_fallocate"):  # not on macOS
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return values


def taken(values: NDArray[Any], index: Any) -> NDArray[Any]:
    """Copy `values[index]`, then give the pages of a memory map back. The index must contain an array."""
    found: NDArray[Any] = values[index]
    give_back(values)
    return found


def give_back(values: NDArray[Any]) -> None:
    """Give the pages of a memory map back to the system; for any other array do nothing.

    Pages that were read or written count as the process's own memory (getrusage(2), ru_maxrss): for a large job that
    would be all its pixels. The pages stay in the system's cache, which writes the changed ones to the disk.
    """
    mapped = getattr(values, "_mmap", None) if isinstance(values, np.memmap) else None
    if mapped is not None and hasattr(mapped, "madvise"):  # not on every system
        mapped.madvise(mmap.MADV_DONTNEED)
