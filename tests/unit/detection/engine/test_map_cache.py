"""Maps that are noted as done are there: whatever breaks off, a later run computes what is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vm_worker.intake.arrays import Pixels
from vm_worker.learn.arrays import Floats
from vm_worker.learn.budget import Budget
from vm_worker.tasks.detection.engine.sides import Sides
from vm_worker.tasks.detection.engine.training import map_cache
from vm_worker.tasks.detection.engine.training.map_cache import STATE, VALUES, Filling, MapCache, Pictures, fill
from vm_worker.tasks.detection.engine.training.views import View

FRAMES = np.random.default_rng(0).integers(1, 255, (16, 8, 8, 3)).astype(np.uint8)
SHAPES = ((1, 2, 1),)


class Killed(Exception):
    """The run is killed."""


def run(pixels: Pixels) -> Floats:
    return pixels[:, :1, :2, 0].reshape(-1, 2).astype(np.float32)


def filled(folder: Path, tell: Callable[[float], None] = lambda part: None, digest: str = "digest") -> MapCache:
    pictures = Pictures(lambda: FRAMES, [[View()] * len(FRAMES)] * 2, Sides(8, 8))
    return fill(lambda: run, pictures, SHAPES, Filling(folder, digest, Budget.of(600), tell))


def are_whole(cache: MapCache) -> bool:
    (maps,) = cache.batch(np.arange(2 * len(FRAMES)))
    return bool(maps.reshape(-1, 2).tolist() == 2 * FRAMES[:, 0, :2, 0].tolist())


def dies(*_: object) -> None:
    raise Killed


@pytest.mark.parametrize("name", ["np.clip", "give_back", "_note"])
@pytest.mark.parametrize("lost", ["", VALUES, STATE])
def test_maps_are_whole_whatever_broke_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, lost: str
) -> None:
    def half(part: float) -> None:
        if part == 0.5:
            raise Killed

    with pytest.raises(Killed):
        filled(tmp_path, half)
    if lost:
        (tmp_path / lost).unlink()
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(np if name == "np.clip" else map_cache, name.rpartition(".")[2], dies)
        filled(tmp_path)
    assert are_whole(filled(tmp_path))


def test_maps_of_something_else_are_not_used(tmp_path: Path) -> None:
    filled(tmp_path)
    heard: list[float] = []
    assert are_whole(filled(tmp_path, heard.append)) and heard == []
    assert are_whole(filled(tmp_path, heard.append, "of another job")) and heard
