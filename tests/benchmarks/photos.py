"""Photos of one set with their classes, as the benchmarks of accuracy draw them."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.images import read_squares
from vm_worker.learn.arrays import Rows

KINDS = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


@dataclass(frozen=True)
class Photos:
    """The photos that were drawn from one zip, as files, and their classes."""

    name: str
    files: tuple[tuple[str, bytes], ...]
    labels: Rows
    classes: tuple[str, ...]

    def squares(self, size: int) -> NDArray[np.uint8]:
        """Return the photos as squares of this side, as a job reads them: (n, size, size, 3)."""
        return np.stack([read_squares(data, (size,))[0] for _, data in self.files])


def drawn(source: Path, most: int) -> Photos:
    """Draw photos from a zip, at most so many; a class is the folder that a photo lies in."""
    with zipfile.ZipFile(source) as archive:
        names = sorted(name for name in archive.namelist() if PurePosixPath(name).suffix.lower() in KINDS)
        some = sorted(np.random.default_rng(0).permutation(len(names))[:most])
        files = tuple((names[number], archive.read(names[number])) for number in some)
    folders = [PurePosixPath(name).parent.name for name, _ in files]
    classes = tuple(sorted(set(folders)))
    return Photos(source.stem, files, np.array([classes.index(name) for name in folders], np.int64), classes)
