"""Small sets with large test parts, out of larger sets: few photos to learn from, many to measure by."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

TEST_MOST = 120  # photos of a class


def shrunk(source: Path, folder: Path, each: int, seed: int) -> Path:
    """A ready-made split of a zip: `each` photos a class for training and validation; 0 = the source itself."""
    if each == 0:
        return source
    target = folder / "shrunk.zip"
    with zipfile.ZipFile(source) as whole, zipfile.ZipFile(target, "w") as part:
        classes: dict[str, list[str]] = {}
        for info in whole.infolist():
            if not info.is_dir():
                classes.setdefault(PurePosixPath(info.filename).parent.name, []).append(info.filename)
        for label, names in classes.items():
            for name, place in _placed(names, each, seed):
                part.writestr(f"{place}/{label}/{PurePosixPath(name).name}", whole.read(name))
    return target


def digits(folder: Path, each: int, seed: int) -> Path:
    """The same of scikit-learn's handwritten digits, 64 pixels wide."""
    found = load_digits()
    target = folder / "digits.zip"
    with zipfile.ZipFile(target, "w") as part:
        for label in range(10):
            rows = [str(row) for row in np.flatnonzero(found.target == label)]
            for row, place in _placed(rows, each or 90, seed):
                part.writestr(f"{place}/{label}/{row}.png", _png(found.images[int(row)]))
    return target


def _placed(names: Sequence[str], each: int, seed: int) -> Iterator[tuple[str, str]]:
    order = np.random.default_rng(seed).permutation(len(names))[: each + TEST_MOST]
    for place, index in enumerate(order):
        part = "test" if place >= each else "val" if place >= each * 3 // 4 else "train"
        yield names[index], part


def _png(image: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> bytes:
    out = io.BytesIO()
    Image.fromarray((image * 15.9).astype(np.uint8)).resize((64, 64), Image.Resampling.BICUBIC).save(out, "PNG")
    return out.getvalue()
