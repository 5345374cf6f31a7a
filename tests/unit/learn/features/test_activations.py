"""Activations at a cut: views within their bounds, caches within the budget."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vm_worker.learn.budget import Budget
from vm_worker.learn.features import activations
from vm_worker.learn.features.activations import Filling, FrozenPart, LiveActivations, OutOfTime
from vm_worker.learn.features.extraction import Source
from vm_worker.learn.features.views import Viewing


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    ramp = np.linspace(0, 255, 16).astype(np.uint8)
    return np.broadcast_to(ramp[None, None, :, None], (70, 16, 16, 3)).copy()


def identity() -> FrozenPart:
    """Return a part whose activations are the picture itself and whose feature is its mean."""

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        flat = images.reshape(len(images), -1)
        return np.concatenate([flat, flat.mean(1, keepdims=True)], axis=1)

    return FrozenPart(run, (16, 16, 3), 1)


@pytest.mark.parametrize("mirror", [True, False])
def test_views_are_windows_and_mirrored_only_where_allowed(
    mirror: bool, picture: NDArray[np.uint8], tmp_path: Path
) -> None:
    source = Source(picture, np.arange(70))
    cache = activations.fill(
        identity(), source, Viewing(3, mirror, 0), Filling(tmp_path / "a.npy", Budget.of(60), lambda part: None)
    )
    assert cache.values.shape == (3, 70, 16, 16, 3) and cache.values.dtype == np.float16
    np.testing.assert_allclose(cache.batch(0, np.arange(70)).activations, picture, atol=0.2)
    np.testing.assert_allclose(cache.features[0, :, 0], picture.mean((1, 2, 3)), rtol=1e-4)
    slopes = cache.values[1:, :, 8, 12, 0].astype(int) - cache.values[1:, :, 8, 4, 0].astype(int)
    assert (np.abs(slopes) > 60).all()  # a ramp stays one
    assert mirror == bool((slopes < 0).any())
    assert len(np.unique(slopes)) > 10  # each picture its own window


def test_activations_stop_at_the_budget(picture: NDArray[np.uint8], tmp_path: Path) -> None:
    filling = Filling(tmp_path / "a.npy", Budget.of(-1), lambda part: None)
    with pytest.raises(OutOfTime):
        activations.fill(identity(), Source(picture, np.arange(70)), Viewing(1, False, 0), filling)


def test_live_views_are_new_each_time_and_the_plain_one_is_not(picture: NDArray[np.uint8], tmp_path: Path) -> None:
    source = Source(picture, np.arange(70))
    filling = Filling(tmp_path / "a.npy", Budget.of(60), lambda part: None)
    plain = activations.fill(identity(), source, Viewing(1, True, 0), filling)
    live = LiveActivations(plain, identity(), source, Viewing(5, True, 0))
    rows = np.arange(40)
    one, other = (live.batch(np.ones(40, np.int64), rows).activations for _ in range(2))
    assert live.views == 5 and one.shape == (40, 16, 16, 3) and np.abs(one - other).max() > 1
    np.testing.assert_array_equal(live.batch(0, rows).activations, plain.batch(0, rows).activations)


def test_logits_of_other_depths_come_with_the_activations(picture: NDArray[np.uint8], tmp_path: Path) -> None:
    part = replace(identity(), offsets=lambda columns: np.stack([columns, -columns], axis=1))
    source, rows = Source(picture, np.arange(70)), np.array([69, 3])
    filling = Filling(tmp_path / "a.npy", Budget.of(60), lambda part: None)
    cache = activations.fill(part, source, Viewing(2, True, 0), filling)
    assert cache.offsets is not None and cache.offsets.shape == (2, 70, 2, 1)
    np.testing.assert_array_equal(cache.offsets[:, :, 0], cache.features)
    live = LiveActivations(cache, part, source, Viewing(5, True, 0))
    for found in (cache.batch(np.ones(2, np.int64), rows), live.batch(0, rows), live.batch(np.ones(2, np.int64), rows)):
        assert found.offsets is not None and found.offsets.shape == (2, 2, 1)
        expected = found.activations.mean((1, 2, 3))
        np.testing.assert_allclose(found.offsets[:, :, 0], np.stack([expected, -expected], axis=1), rtol=1e-3)
