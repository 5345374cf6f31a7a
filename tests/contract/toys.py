"""Small uploads for the tests of tasks, and the answers that a perfect model and a useless one would give.

All show the same photos: coarse patterns, half of them bright, half of them dark.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jobs.tasks import TASKS, TaskRow
from tests.contract.brightness.annotations import VALUES
from vm_worker.evaluation.judge import Answers

EACH = 40  # photos, bright as dark
SIDE, PATCHES = 32, 8  # pixels of a photo, squares of one colour in a row of it
BRIGHTNESS = TaskRow("brightness", "telling how bright a photo is", "tests.contract.brightness")


@dataclass(frozen=True)
class Toy:
    """One task's small upload."""

    row: TaskRow
    write: Callable[[Path], Path]  # makes the zip
    perfect: Callable[[Any], Answers]  # of the truth
    good: Callable[[float], bool]  # whether a trained model's score is one that a working engine reaches

    def useless(self, truth: Any) -> Answers:
        """Answers that belong to other photos: those of the last one for the first one."""
        return self.perfect(truth)[::-1].copy()


def _classes(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number, (value, photo) in enumerate(_photos()):
            archive.writestr(f"{'bright' if value >= 0.5 else 'dark'}/{number}.png", photo)
    return path


def _values(path: Path) -> Path:
    lines = []
    with zipfile.ZipFile(path, "w") as archive:
        for number, (value, photo) in enumerate(_photos()):
            archive.writestr(f"{number}.png", photo)
            lines.append(f"{number}.png,{value:.3f}")
        archive.writestr(VALUES, "\n".join(lines))
    return path


def _photos() -> list[tuple[float, bytes]]:
    """Pairs of how bright a photo is, 0..1, and its PNG."""
    random = np.random.default_rng(0)
    values = np.concatenate([random.uniform(0.6, 0.85, EACH), random.uniform(0.15, 0.4, EACH)])
    return [(float(value), _photo(float(value), random)) for value in values]


def _photo(value: float, random: np.random.Generator) -> bytes:
    patches = 255 * value + random.normal(0, 25, (PATCHES, PATCHES, 3))
    pixels = np.clip(patches, 0, 255).astype(np.uint8).repeat(SIDE // PATCHES, 0).repeat(SIDE // PATCHES, 1)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _one_hot(truth: Any) -> NDArray[np.float32]:
    return np.asarray(np.eye(len(truth.names))[truth.labels], np.float32)


def _numbers(truth: Any) -> NDArray[np.float32]:
    return np.asarray(truth.values[:, None], np.float32)


TOYS: Mapping[str, Toy] = {
    "classification": Toy(TASKS["classification"], _classes, _one_hot, lambda accuracy: accuracy > 0.9),
    "brightness": Toy(BRIGHTNESS, _values, _numbers, lambda error: error < 0.1),
}
