"""Make pictures unlike any photograph: gratings in noise, 32 pixels wide, whose class is their slope."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SLOPES = {"flat": 0.0, "rising": np.pi / 4, "falling": 3 * np.pi / 4}
SIDE = 32  # pixels


def archive(path: Path, each: int, names: Iterable[str] = tuple(SLOPES)) -> Path:
    """Write a zip with a folder for each of these slopes, and return its path."""
    random = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as out:
        for name in names:
            for number in range(each):
                file = BytesIO()
                Image.fromarray(_grating(SLOPES[name], random)).save(file, "PNG")
                out.writestr(f"{name}/{number}.png", file.getvalue())
    return path


def _grating(slope: float, random: np.random.Generator) -> NDArray[np.uint8]:
    down, right = np.mgrid[:SIDE, :SIDE]
    phase, wave = random.uniform(0, 2 * np.pi), random.uniform(0.6, 1.2)
    light = np.sin(wave * (np.cos(slope) * down + np.sin(slope) * right) + phase) + random.normal(0, 0.4, (SIDE, SIDE))
    grey = np.clip(127 + 60 * light, 0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)
