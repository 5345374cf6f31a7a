"""Make small sets of photos from pictures that scikit-image ships, and find ImageNet weights for tests."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vm_worker.intake.dataset import Dataset
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks.weights import WeightFile, find
from vm_worker.tasks.classification.truth import ClassTruth

CLASSES = ("brick", "grass", "gravel")
TILE = 48  # pixels cut out of each photograph


def weight(key: str) -> WeightFile:
    """Return ImageNet weights of this network; skip the test, with the reason, where there are none."""
    folder = os.environ.get("MODELMAIL_WEIGHTS") or str(Path(__file__).parents[3].parent / "shared" / "weights")
    found, missing = find([key], folder if Path(folder).is_dir() else "", download=False)
    if key not in found:
        pytest.skip(f"{key}: {missing[key]}")
    return found[key]


def textures(folder: Path, sizes: Sequence[int], each: int) -> LabelledPhotos:
    """Make a dataset of `each` tiles from each of three photographs: 60 % train, 20 % validation, 20 % test."""
    import skimage.data

    random = np.random.default_rng(0)
    tiles = [_tile(getattr(skimage.data, name)(), random) for name in CLASSES for _ in range(each)]
    count = len(tiles)
    return Dataset(
        names=tuple(f"{CLASSES[row // each]}/{row}.png" for row in range(count)),
        truth=ClassTruth(CLASSES, np.repeat(np.arange(len(CLASSES)), each).astype(np.int64)),
        parts=np.tile([0, 0, 0, 1, 2], count)[:count].astype(np.uint8),
        groups=np.arange(count, dtype=np.int64),
        images={size: _stored(folder / f"{size}.npy", tiles, size) for size in sizes},
        skipped=(),
        warnings=(),
        ready_made_split=False,
        sha256="0" * 64,
    )


def _tile(picture: NDArray[np.uint8], random: np.random.Generator) -> Image.Image:
    top, left = random.integers(0, np.array(picture.shape[:2]) - TILE)
    return Image.fromarray(picture[top : top + TILE, left : left + TILE]).convert("RGB")


def _stored(path: Path, tiles: Sequence[Image.Image], size: int) -> Path:
    np.save(path, np.stack([np.asarray(tile.resize((size, size), Image.Resampling.BILINEAR)) for tile in tiles]))
    return path
