"""Make a small set of noisy photos of three colours, which a network of two convolutions can tell apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vm_worker.intake.dataset import Dataset
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.tasks.classification.truth import ClassTruth

COLOURS = {"blue": (60, 60, 200), "green": (60, 200, 60), "red": (200, 60, 60)}
COUNT = 60  # photos


def colours(folder: Path, size: int) -> LabelledPhotos:
    """Make the dataset at one size: 60 % train, 20 % validation, 20 % test."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(COLOURS)), COUNT // len(COLOURS)).astype(np.int64)
    means = np.array(list(COLOURS.values()), np.float32)[labels][:, None, None]
    noise = random.normal(0, 40, (COUNT, size, size, 3))
    np.save(folder / "photos.npy", np.clip(means + noise, 0, 255).astype(np.uint8))
    return Dataset(
        names=tuple(f"{row}.png" for row in range(COUNT)),
        truth=ClassTruth(tuple(COLOURS), labels),
        parts=np.tile([0, 0, 0, 1, 2], COUNT)[:COUNT].astype(np.uint8),
        groups=np.arange(COUNT, dtype=np.int64),
        images={size: folder / "photos.npy"},
        skipped=(),
        warnings=(),
        ready_made_split=False,
        sha256="0" * 64,
    )
