"""The catalogue, one row at a time: its network builds, assembles, is cut, and loads from both file formats."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.options import CANDIDATES
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.networks import assemble, build, efficientnet_lite
from vm_worker.learn.networks.catalogue import CATALOGUE, Cut, find, with_larger
from vm_worker.learn.tune.recipe import cuts

CLASSES = 5


def a_head(features: int) -> Head:
    random = np.random.default_rng(1)
    return Head(
        mean=random.normal(size=features).astype(np.float32),
        scale=random.uniform(0.5, 2, features).astype(np.float32),
        kernel=random.normal(size=(features, CLASSES)).astype(np.float32),
        bias=random.normal(size=CLASSES).astype(np.float32),
    )


@pytest.mark.slow
@pytest.mark.parametrize("key", CATALOGUE)
def test_a_row_holds_from_network_to_file(key: str, tmp_path: Path) -> None:
    row = CATALOGUE[key]
    keras.utils.set_random_seed(0)
    extractor = build.extractor(key, None)
    head = a_head(row.features)
    model = assemble.with_head(extractor, head)
    images = np.random.default_rng(0).uniform(0, 255, (2, row.size, row.size, 3)).astype(np.float32)
    features, expected = np.asarray(extractor(images)), np.asarray(model(images))

    added = 12 if key == "vgg16" else 0  # its preprocessing is a fixed convolution
    assert extractor.count_params() == row.parameters + added
    assert features.shape == (2, row.features)
    cost = sum(_multiply_adds(layer) for layer in extractor.layers if "Conv2D" in type(layer).__name__)
    assert cost / 1e9 == pytest.approx(row.gflops, rel=0.05)
    np.testing.assert_allclose(expected, head.probabilities(features), atol=1e-5)
    for suffix in (".h5", ".keras"):
        path = tmp_path / f"model{suffix}"
        model.save(path)
        np.testing.assert_allclose(np.asarray(keras.models.load_model(path)(images)), expected, atol=1e-5)
    for cut in cuts(row)[:-1]:
        np.testing.assert_allclose(_through(model, cut, images), expected, atol=1e-5)
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
    assert not [layer for layer in model.layers if isinstance(layer, keras.layers.Lambda)]
    unfrozen = [_weights_above(model, cut) for cut in cuts(row)[:-1]]
    assert unfrozen == sorted(unfrozen) and unfrozen[0] > 0 and unfrozen[-1] < row.parameters


def _through(model: keras.Model, cut: Cut, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the output for the images of the parts below and above a cut, one after the other."""
    tensor = build.tensor_at(model, cut)
    below, above = keras.Model(model.input, tensor), keras.Model(tensor, model.output)
    return np.asarray(above(below(images)))


def _weights_above(model: keras.Model, cut: Cut) -> int:
    tail = keras.Model(build.tensor_at(model, cut), model.output)
    return int(tail.count_params()) - int(model.get_layer(assemble.OUTPUT).count_params())


def test_the_catalogue_holds_what_a_user_may_ask_for() -> None:
    assert set(CATALOGUE) == set(CANDIDATES)
    for key, row in CATALOGUE.items():
        assert row.key == key and row.licence and row.attribution.endswith(".")


def test_a_network_at_a_larger_side_has_the_same_weights() -> None:
    row = find("efficientnet_lite0_288")
    assert (row.size, row.source) == (288, "efficientnet_lite0") and row.gflops == pytest.approx(0.645, abs=1e-3)
    assert row.title == "EfficientNet-Lite0 at 288 pixels" and row.key not in CANDIDATES
    model = build.extractor(row.key, None)
    assert model.input_shape == (None, 288, 288, 3) and model.count_params() == row.parameters
    cost = sum(_multiply_adds(layer) for layer in model.layers if "Conv2D" in type(layer).__name__)
    assert cost / 1e9 == pytest.approx(row.gflops, rel=0.05)
    assert with_larger(["vgg16"]) == ["vgg16"]
    assert with_larger(["efficientnet_lite0"]) == ["efficientnet_lite0", row.key]


def _multiply_adds(layer: keras.Layer) -> int:
    """Count a layer's multiplications: the size of its kernel, at each place of its output."""
    kernels = [weight for weight in layer.weights if "kernel" in weight.name]
    return int(np.prod(layer.output.shape[1:3])) * sum(int(np.prod(kernel.shape)) for kernel in kernels)


WHITE_AND_BLACK = ((1 - 0.485) / 0.229, -0.485 / 0.229)  # of ImageNet's red channel


@pytest.mark.parametrize(
    ("key", "layer"),
    [("efficientnet_b0", "normalization"), ("densenet121", "preprocessing")],
)
@pytest.mark.slow  # builds whole networks
def test_channels_are_standardised_as_in_imagenet(key: str, layer: str) -> None:
    model = build.extractor(key, None)
    found = [each for each in model.layers if each.name.startswith(layer)]
    prepare = keras.Model(model.input, found[0].output)
    pixels = np.stack([np.full((224, 224, 3), value, np.float32) for value in (255, 0)])
    np.testing.assert_allclose(np.asarray(prepare(pixels))[:, 0, 0, 0], WHITE_AND_BLACK, rtol=1e-4)


def test_looking_a_network_up_does_not_load_keras() -> None:
    code = (
        "import sys; import vm_worker.learn.networks.catalogue, vm_worker.learn.networks.weights; "
        "sys.exit(bool({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize(
    ("key", "blocks", "channels"),
    [
        # The published sizes: blocks, and the channels of the last but one and the last.
        ("efficientnet_lite0", 16, (192, 320)),
        ("efficientnet_lite1", 21, (192, 320)),
        ("efficientnet_lite2", 21, (208, 352)),
    ],
)
def test_lite_scales_as_published(key: str, blocks: int, channels: tuple[int, int]) -> None:
    found = list(efficientnet_lite.blocks(efficientnet_lite.SCALES[key]))
    assert len(found) == blocks
    assert (found[-2].channels, found[-1].channels) == channels
    assert [block.number for block in found] == list(range(blocks))
