"""`modelmail predict`: one row a photo, whatever the photo is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from infra.cli.predict import run


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that says "dark" of dark photos and "light" of light ones."""
    import keras

    inputs = keras.Input((8, 8, 3))
    mean = keras.layers.GlobalAveragePooling2D()(inputs)
    dense = keras.layers.Dense(2, activation="softmax")
    network = keras.Model(inputs, dense(mean))
    kernel = np.array([[-0.1, 0.1]] * 3, dtype=np.float32)
    dense.set_weights([kernel, np.array([0.3 * 127, -0.3 * 127], dtype=np.float32)])
    folder = tmp_path_factory.mktemp("model")
    network.save(folder / "model.keras")
    (folder / "labels.txt").write_text("dark\nlight\n")
    return folder / "model.keras"


def _photo(path: Path, grey: int) -> Path:
    from skimage.io import imsave

    imsave(path, np.full((20, 30, 3), grey, dtype=np.uint8), check_contrast=False)
    return path


def test_each_photo_gets_its_class_and_probability(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = [_photo(tmp_path / "night.png", 5), _photo(tmp_path / "day.png", 250)]
    assert run(model, photos, as_json=True) == 0
    captured = capsys.readouterr()
    rows = json.loads(captured.out)["predictions"]
    assert [row["class"] for row in rows] == ["dark", "light"]
    assert all(row["probability"] > 0.9 and row["error"] is None for row in rows)
    assert f"{tmp_path / 'day.png'}  light  100" in captured.err


def test_a_broken_photo_is_named_and_the_others_are_answered(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    photos = [tmp_path / "broken.jpg", tmp_path / "missing.jpg", _photo(tmp_path / "day.png", 250)]
    assert run(model, photos, as_json=False) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "broken.jpg" in lines[0] and "is not a JPEG, PNG, WebP, GIF or BMP picture" in lines[0]
    assert "missing.jpg" in lines[1] and "No such file" in lines[1]
    assert lines[2].endswith("light  100.0 %")


@pytest.mark.parametrize("missing", ["model.keras", "labels.txt"])
def test_without_model_or_labels_it_says_which(
    model: Path, tmp_path: Path, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in {"model.keras", "labels.txt"} - {missing}:
        (tmp_path / name).write_bytes((model.parent / name).read_bytes())
    assert run(tmp_path / "model.keras", [], as_json=False) == 2
    assert missing in capsys.readouterr().out


def test_a_file_that_is_no_model_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.h5").write_bytes(b"no model")
    (tmp_path / "labels.txt").write_text("dark\nlight\n")
    assert run(tmp_path / "model.h5", [], as_json=False) == 2
    assert "model.h5 is no Keras model" in capsys.readouterr().out
