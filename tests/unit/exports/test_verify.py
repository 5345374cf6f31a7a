"""Model files, proved in a clean process. One process for all cases: TensorFlow takes seconds to start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.errors import Bug
from vm_worker.exports import files
from vm_worker.exports.verify import Proof, verify

SIZE = 8
CLASSES = 3
PHOTOS = 40  # more than one batch, and not a multiple of it


def tiny_model() -> Any:
    import keras

    keras.utils.set_random_seed(1)
    inputs = keras.Input((SIZE, SIZE, 3))
    features = keras.layers.Conv2D(4, 3)(keras.layers.Rescaling(1 / 255)(inputs))
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    return keras.Model(inputs, keras.layers.Dense(CLASSES, activation="softmax")(pooled))


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("verify")
    model = tiny_model()
    photos = np.random.default_rng(0).integers(0, 256, (60, SIZE, SIZE, 3), np.uint8)
    np.save(folder / "images.npy", photos)
    rows = np.arange(60)[::-1][:PHOTOS]
    expected = np.asarray(model(photos[rows].astype(np.float32)))
    paths = {name: folder / name for name in ("model.h5", "model.keras", "other.h5", "cut.h5", "wide.h5")}
    files.save(model, paths["model.h5"])
    files.save(files.load(paths["model.h5"]), paths["model.keras"])
    model.layers[-1].set_weights([weight + 0.01 for weight in model.layers[-1].get_weights()[:1]] + [np.ones(CLASSES)])
    model.layers[1].set_weights([])
    model.layers[2].set_weights([weight * 1.5 for weight in model.layers[2].get_weights()])
    files.save(model, paths["other.h5"])
    paths["cut.h5"].write_bytes(paths["model.h5"].read_bytes()[:2000])
    files.save(wide_model(), paths["wide.h5"])
    proof = Proof(folder / "images.npy", rows, expected, folder, 120)
    return {row["name"]: row for row in verify(proof, paths)}


def wide_model() -> Any:
    import keras

    inputs = keras.Input((SIZE, SIZE, 3))
    return keras.Model(inputs, keras.layers.Dense(9, activation="softmax")(keras.layers.Flatten()(inputs)))


@pytest.mark.parametrize("name", ["model.h5", "model.keras"])
def test_an_honest_file_is_made(judged: dict[str, dict[str, Any]], name: str) -> None:
    row = judged[name]
    assert row["state"] == "made"
    assert row["max_difference"] <= 1e-5
    assert row["agreement"] == 1.0


WRONG = [
    ("other.h5", "differs"),  # other weights
    ("cut.h5", "Error"),  # half a file
    ("wide.h5", "(40, 9)"),  # another number of classes
]


@pytest.mark.parametrize(("name", "note"), WRONG)
def test_a_wrong_file_fails_and_says_why(judged: dict[str, dict[str, Any]], name: str, note: str) -> None:
    assert judged[name]["state"] == "failed"
    assert note in judged[name]["note"]


def test_a_clean_process_that_hangs_is_our_bug(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.zeros((2, SIZE, SIZE, 3), np.uint8))
    proof = Proof(tmp_path / "images.npy", np.arange(2), np.zeros((2, 3), np.float32), tmp_path, 0.05)
    with pytest.raises(Bug, match="did not end"):
        verify(proof, {"model.h5": tmp_path / "model.h5"})


def test_labels_are_one_a_line_in_the_models_order(tmp_path: Path) -> None:
    files.write_labels(("b", "a", "ü c"), tmp_path / "labels.txt")
    assert (tmp_path / "labels.txt").read_text(encoding="utf-8").splitlines() == ["b", "a", "ü c"]


def test_the_summary_counts_as_keras_does() -> None:
    model = tiny_model()
    model.layers[2].trainable = False
    rows = files.layer_rows(model)
    assert [row["type"] for row in rows] == ["InputLayer", "Rescaling", "Conv2D", "GlobalAveragePooling2D", "Dense"]
    assert rows[2]["parameters"] == 3 * 3 * 3 * 4 + 4
    assert rows[2]["output_shape"] == "(None, 6, 6, 4)"
    assert files.totals(model) == {"total": 127, "trainable": 15, "non_trainable": 112}
