"""Engines for a frozen network: an engine with other features than Keras is refused, with the reason."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.learn.photos import weight
from vm_worker.learn.features import engines, openvino
from vm_worker.learn.features.engines import Engine, EnginePolicy, Sample
from vm_worker.learn.features.openvino import Precision
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import build

needs_openvino = pytest.mark.skipif(not openvino.available(), reason="OpenVINO, or TensorFlow under Keras, is absent")
CLASSES = 4


def colours(count: int) -> Sample:
    """Return pictures of one colour each, a class each."""
    random = np.random.default_rng(0)
    labels = np.arange(count, dtype=np.int64) % CLASSES
    shades = random.integers(60, 195, (CLASSES, 3))
    images = shades[labels][:, None, None, :] + random.integers(-60, 60, (count, 16, 16, 3))
    return Sample(images.astype(np.uint8), labels)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    image = keras.Input((16, 16, 3))
    x = keras.layers.Rescaling(1 / 255)(image)
    for width in (16, 32, 64):
        x = keras.layers.Conv2D(width, 3, activation="relu", padding="same")(x)
    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(x), name="small")


@pytest.fixture(scope="module")
def plain(model: keras.Model) -> Engine:
    return engines.by_keras(model)


@needs_openvino
@pytest.mark.parametrize(
    ("precision", "least"), [(Precision.F32, 0.99999), (Precision.MIXED, 0.999), (Precision.BF16, 0.999)]
)
def test_openvino_gives_the_features_of_keras(
    model: keras.Model, plain: Engine, tmp_path: Path, precision: Precision, least: float
) -> None:
    run = openvino.Network(model, tmp_path).compiled(precision)
    images = colours(21).images
    assert engines.cosines(run(images), plain.run(images)).min() > least
    np.testing.assert_array_equal(run(images), run(images.astype(np.float32)))
    assert not list(tmp_path.iterdir())


@needs_openvino
def test_bfloat16_units_that_may_not_be_used_are_left_alone() -> None:
    code = "from vm_worker.learn.features.openvino import precisions; print(*precisions(), sep=', ')"
    allowed = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2", "TF_CPP_MIN_LOG_LEVEL": "3"}
    found = subprocess.run([sys.executable, "-c", code], env=allowed, check=True, timeout=120, capture_output=True)
    assert found.stdout.decode().strip() == "float32"


@needs_openvino
def test_keeping_the_first_layers_exact_brings_the_features_nearer(photos: LabelledPhotos, tmp_path: Path) -> None:
    if Precision.BF16 not in openvino.precisions():
        pytest.skip("this processor has no bfloat16 units")
    extractor = build.extractor("efficientnet_lite0", weight("efficientnet_lite0"))
    images = photos.pixels(224)[::10]
    network = openvino.Network(extractor, tmp_path)
    exact, mixed, half = (network.compiled(one)(images) for one in (Precision.F32, Precision.MIXED, Precision.BF16))
    assert engines.cosines(half, exact).mean() < engines.cosines(mixed, exact).mean() < 1


@needs_openvino
def test_few_images_are_not_worth_a_conversion(model: keras.Model, tmp_path: Path) -> None:
    assert engines.fastest(model, colours(64), 64, tmp_path).name == engines.KERAS


@needs_openvino
@pytest.mark.parametrize(
    ("faster", "alike", "expected"),
    [
        (0.0, 0.9, "OpenVINO in "),  # whatever its speed here: it says the same
        (1e9, 0.9, "no faster"),
        (0.0, 1.1, "cosine"),  # more than any two features can have
    ],
)
def test_another_engine_must_be_faster_and_give_equal_features(
    model: keras.Model, tmp_path: Path, faster: float, alike: float, expected: str
) -> None:
    policy = EnginePolicy(worth_seconds=0.0, faster=faster, alike=alike)
    found = engines.fastest(model, colours(64), 64, tmp_path, policy)
    assert expected in found.way and found.speed > 0
    assert (found.name == engines.KERAS) == (not expected.startswith("OpenVINO"))


def test_without_the_extra_keras_does_it(model: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino, "available", lambda: False)
    found = engines.fastest(model, colours(64), 10**6, tmp_path)
    assert (found.name, found.way) == (engines.KERAS, "")


def test_the_features_of_other_depths_are_compared_by_themselves(plain: Engine) -> None:
    sample = colours(64)
    expected = np.concatenate([plain.run(sample.images[at : at + 32]) for at in (0, 32)])
    wide = np.concatenate([1e4 * expected, expected], axis=1)

    def turned(images: NDArray[Any]) -> NDArray[np.float32]:
        """Return the same last features, and others of another direction, which the last ones outweigh by far."""
        found = plain.run(images)
        return np.concatenate([1e4 * found, found[:, ::-1]], axis=1)

    engine = replace(plain, run=turned)
    found, _ = engines.through(engine, sample.images)
    assert not engines.difference(found, sample, wide).startswith("cosine")
    assert engines.difference(found, replace(sample, last=64), wide).startswith("cosine")


def test_features_that_train_a_worse_head_are_refused(plain: Engine) -> None:
    sample = colours(128)
    expected, _ = engines.through(plain, sample.images)
    # Features of nearly the same direction, but with the part that separates the classes swapped.
    swapped = 2 * expected.mean(0) - expected
    assert engines.difference(expected, sample, expected) == ""
    any_cosine = -1.0
    assert "a head on its features" in engines.difference(swapped, sample, expected, any_cosine)


@pytest.mark.parametrize("count", [20, 32, 41, 64])
def test_the_features_of_the_sample_are_computed_once_and_in_order(plain: Engine, count: int) -> None:
    seen: list[int] = []
    sample = colours(count)

    def run(images: NDArray[Any]) -> NDArray[np.float32]:
        seen.append(len(images))
        return plain.run(images)

    found, speed = engines.by_keras_timed(replace(plain, run=run), sample.images)
    np.testing.assert_array_equal(found, engines.through(plain, sample.images)[0])
    assert seen == ([count, count] if count <= 32 else [32, count - 32])
    assert speed > 0


def test_a_sample_is_a_part_of_the_images_within_bounds() -> None:
    assert [engines.sample_size(count) for count in (10, 1600, 10**5)] == [32, 50, 64]
