"""Model files, made and proved in processes of their own; few of them, as TensorFlow takes seconds to start."""

from __future__ import annotations

import shutil
import sys
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.options import EXPORTS
from tests.unit.exports.proofs import proof_of
from vm_worker.exports import files, formats
from vm_worker.exports.clean import LATE
from vm_worker.exports.delivery import Order, deliver
from vm_worker.exports.formats import CLOSE, EXACT, Format, Pace, Reader
from vm_worker.exports.verify import Proof, judged, prove
from vm_worker.results.exported import ExportRow

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
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Proof, Path]:
    """model.h5, and what to prove others against."""
    folder = tmp_path_factory.mktemp("verify")
    model = tiny_model()
    photos = np.random.default_rng(0).integers(0, 256, (60, SIZE, SIZE, 3), np.uint8)
    np.save(folder / "images.npy", photos)
    rows = np.arange(60)[::-1][:PHOTOS]
    expected = np.asarray(model(photos[rows].astype(np.float32)))
    files.save(model, folder / "model.h5")
    model.layers[2].set_weights([weight * 1.5 for weight in model.layers[2].get_weights()])
    files.save(model, folder / "other.h5")
    (folder / "cut.h5").write_bytes((folder / "model.h5").read_bytes()[:2000])
    (folder / "cut.tflite").write_bytes(b"no model")
    files.save(wide_model(), folder / "wide.h5")
    return proof_of(folder / "images.npy", rows, expected.argmax(1), expected, folder, 240), folder


@pytest.fixture(scope="module")
def delivered(made: tuple[Proof, Path]) -> dict[str, ExportRow]:
    """Every format of the small model, by the real children."""
    proof, folder = made
    order = Order(
        folder=folder,
        formats=tuple(formats.wanted(EXPORTS)),
        proof=proof,
        train=np.arange(10),
        classes=("a", "b", "c"),
        about={"title": "Small"},
        pace=Pace(1000.0, 0.4, PHOTOS),
        seconds=1000.0,
        tell=lambda fraction, message: None,
    )
    return {row.format: row for row in deliver(order)}


@pytest.fixture(scope="module")
def rows(made: tuple[Proof, Path]) -> dict[str, ExportRow]:
    """Files with something wrong, and one without, of a job that learns with JAX."""
    proof, folder = made
    of_keras = [
        Format(name, name, Reader.TENSORFLOW, EXACT, 1.0, 0.0, 1.0)
        for name in ("model.h5", "other.h5", "cut.h5", "wide.h5")
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "jax")
        return {row.name: row for row in prove(proof, Reader.TENSORFLOW, of_keras, folder, nullcontext())}


def wide_model() -> Any:
    import keras

    inputs = keras.Input((SIZE, SIZE, 3))
    return keras.Model(inputs, keras.layers.Dense(9, activation="softmax")(keras.layers.Flatten()(inputs)))


WRONG = [
    ("other.h5", "differs"),  # other weights
    ("cut.h5", "Error"),  # half a file
    ("wide.h5", "(40, 9)"),  # another number of classes
]


@pytest.mark.slow  # one more process with TensorFlow
@pytest.mark.parametrize(("name", "note"), WRONG)
def test_a_wrong_file_fails_and_says_why(rows: dict[str, ExportRow], name: str, note: str) -> None:
    assert rows[name].state == "failed"
    assert note in rows[name].note


@pytest.mark.slow
def test_an_honest_file_is_made_among_wrong_ones(rows: dict[str, ExportRow]) -> None:
    assert (rows["model.h5"].state, rows["model.h5"].agreement) == ("made", 1.0)


def test_a_wrong_file_of_another_reader_fails_and_an_honest_one_is_made(
    made: tuple[Proof, Path], delivered: object, tflite: bytes
) -> None:
    proof, folder = made
    (folder / "other.tflite").write_bytes(tflite)
    names = ("cut.tflite", "other.tflite", "model.tflite")
    given = [Format(name, name, Reader.LITERT, CLOSE, 1.0, 0.0, 1.0) for name in names]
    cut, other, honest = prove(proof, Reader.LITERT, given, folder, nullcontext())
    assert (cut.state, other.state, honest.state) == ("failed", "failed", "made")
    assert "Error" in cut.note and "differs" in other.note


@pytest.mark.parametrize("row", formats.FORMATS.values(), ids=lambda row: str(row.key))
def test_every_format_says_what_the_model_says(
    made: tuple[Proof, Path], delivered: dict[str, ExportRow], row: Format
) -> None:
    found = delivered[row.key]
    assert (found.state, found.note, found.images) == ("made", "", PHOTOS)
    assert found.max_difference is not None and found.agreement is not None and found.accuracy is not None
    assert found.max_difference <= (row.difference or 0.05)  # of a probability
    assert found.agreement >= 0.95 and found.accuracy >= 0.95
    assert found.bytes == (made[1] / row.file).stat().st_size


@pytest.mark.parametrize("endpoint", ["serve", "serving_default"])
def test_keras_itself_takes_the_saved_model_as_one_of_its_own(
    made: tuple[Proof, Path], delivered: object, tmp_path: Path, endpoint: str
) -> None:
    import keras

    if keras.backend.backend() != "tensorflow":
        pytest.skip("of the other backends")
    proof, folder = made
    shutil.unpack_archive(folder / "model.savedmodel.zip", tmp_path)
    layer = keras.layers.TFSMLayer(str(tmp_path / "model"), call_endpoint=endpoint)
    photos = np.load(proof.images)[proof.rows].astype(np.float32)
    answer = layer(photos)
    (probabilities,) = answer.values() if isinstance(answer, dict) else (answer,)
    np.testing.assert_allclose(probabilities, proof.expected, atol=CLOSE)


@pytest.mark.parametrize("key", ["tflite", "tflite_float16", "tflite_int8"])
def test_a_tflite_file_holds_its_labels(made: tuple[Proof, Path], delivered: object, key: str) -> None:
    with zipfile.ZipFile(made[1] / formats.FORMATS[key].file) as archive:
        assert archive.read("labels.txt") == b"a\nb\nc\n"


def test_what_litert_runs_is_timed(delivered: dict[str, ExportRow]) -> None:
    timed = {key for key, row in delivered.items() if row.latency and row.latency.one.median > 0}
    assert timed == {"tflite", "tflite_float16", "tflite_int8"}


def test_an_integer_model_takes_and_gives_what_the_others_do(made: tuple[Proof, Path], delivered: object) -> None:
    from ai_edge_litert.interpreter import Interpreter

    network = Interpreter(str(made[1] / "model_int8.tflite"))
    (given,), (said,) = network.get_input_details(), network.get_output_details()
    assert given["dtype"] is said["dtype"] is np.float32
    inside = [one["dtype"] for one in network.get_tensor_details() if len(one["shape"]) == 4]
    assert inside.count(np.int8) > inside.count(np.float32)


def test_a_clean_process_that_hangs_proves_nothing(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.zeros((2, SIZE, SIZE, 3), np.uint8))
    proof = proof_of(tmp_path / "images.npy", np.arange(2), np.arange(2), np.zeros((2, 3), np.float32), tmp_path, 0.05)
    both = prove(proof, Reader.TENSORFLOW, [formats.FORMATS["h5"], formats.FORMATS["keras"]], tmp_path, nullcontext())
    assert [(row.state, row.note) for row in both] == [("failed", LATE)] * 2


# Stands in for the clean process: it says what was expected, or dies as the name of the file says.
READER = """
import json, os, sys
import numpy as np
for line in sys.stdin:
    asked = json.loads(line)
    if "dies" in asked["model"]:
        os.kill(os.getpid(), 9)
    np.save(asked["answer"], np.load(asked["model"]))
    print(json.dumps({"error": ""}), flush=True)
"""


def test_a_file_that_ends_the_clean_process_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, interpreter = tmp_path / "reader.py", tmp_path / "python"
    script.write_text(READER)
    interpreter.write_text(f"#!/bin/sh\nexec {sys.executable} {script}\n")
    interpreter.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(interpreter))
    expected = answers(0.5, 0.9)
    for name in ("one.npy", "two.npy"):
        np.save(tmp_path / name, expected)
    proof = proof_of(tmp_path / "x.npy", np.arange(100), np.zeros(100, np.int64), expected, tmp_path, 60.0)
    files = [Format(name, name, Reader.ONNX, CLOSE, 1.0, 0.0, 1.0) for name in ("one.npy", "dies", "two.npy")]
    rows = prove(proof, Reader.ONNX, files, tmp_path, nullcontext())
    assert [(row.state, row.note) for row in rows] == [
        ("made", ""),
        ("failed", "the clean process ended with status -9"),
        ("made", ""),
    ]


def answers(share: float, sure: float) -> Any:
    """(100, 2) probabilities; this share of them name class 1 by so much."""
    first = np.where(np.arange(100) < share * 100, 0.5 - sure / 2, 0.9)
    return np.stack([first, 1 - first], axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("key", "share", "state", "warned"),
    [
        ("tflite_float16", 0.01, "made", False),  # 99 % agree
        ("tflite_float16", 0.02, "failed", False),
        ("tflite_int8", 0.01, "made", False),  # one point is lost
        ("tflite_int8", 0.02, "made", True),  # more: delivered, with a plain word
        ("tflite", 0.01, "failed", False),  # not even one
    ],
)
def test_what_a_format_may_lose(key: str, share: float, state: str, warned: bool) -> None:
    expected = answers(0.0, 0.0)
    proof = proof_of(Path(), np.arange(100), np.zeros(100, np.int64), expected, Path(), 1.0)
    row = judged(formats.FORMATS[key], answers(share, 0.5), proof)
    assert (row.state, "Less accurate" in row.note) == (state, warned)


def test_two_answers_that_are_as_good_may_change_places() -> None:
    expected, said = answers(0.03, 0.0004), answers(0.03, -0.0004)
    proof = proof_of(Path(), np.arange(100), expected.argmax(1), expected, Path(), 1.0)
    row = judged(formats.FORMATS["tflite"], said, proof)
    assert row.state == "made" and row.agreement == pytest.approx(0.97)


def test_labels_are_one_a_line_in_the_models_order(tmp_path: Path) -> None:
    files.write_labels(("b", "a", "ü c"), tmp_path / "labels.txt")
    assert (tmp_path / "labels.txt").read_text(encoding="utf-8").splitlines() == ["b", "a", "ü c"]


def test_the_summary_counts_as_keras_does() -> None:
    model = tiny_model()
    model.layers[2].trainable = False
    rows = files.layer_rows(model)
    assert [row.type for row in rows] == ["InputLayer", "Rescaling", "Conv2D", "GlobalAveragePooling2D", "Dense"]
    assert rows[2].parameters == 3 * 3 * 3 * 4 + 4
    assert rows[2].output_shape == "(None, 6, 6, 4)"
    assert files.totals(model) == {"total": 127, "trainable": 15, "non_trainable": 112}
