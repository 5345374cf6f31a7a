"""The test of a delivered model in a clean process, for which a small program stands in that loads no model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from jobs.errors import Bug
from vm_worker.exports import files
from vm_worker.exports.clean import Place
from vm_worker.exports.clean_test import CleanOrder, CleanTest
from vm_worker.tasks.classification.agreement import SameClass
from vm_worker.tasks.classification.truth import ClassTruth

SIDE, TEST = 4, 40
ROWS = np.arange(100)[::-1][:TEST]  # of the test photos

# It answers with the rows of model.h5.answers.npy and the like, or with the text of a file model.h5.error.
READER = """
import json, os, sys
import numpy as np
for line in sys.stdin:
    asked = json.loads(line)
    if os.path.exists(asked["model"] + ".error"):
        print(json.dumps({"error": open(asked["model"] + ".error").read()}), flush=True)
        continue
    np.save(asked["answer"], np.load(asked["model"] + ".answers.npy")[asked["rows"]])
    print(json.dumps({"error": ""}), flush=True)
"""


@pytest.fixture
def model() -> Any:
    import keras

    keras.utils.set_random_seed(1)
    inputs = keras.Input((SIDE, SIDE, 3))
    scaled = keras.layers.Rescaling(1 / 255)(inputs)
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(scaled)))


@pytest.fixture
def tested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CleanOrder:
    """40 test photos of 100, and the program in place of Python."""
    script, interpreter = tmp_path / "reader.py", tmp_path / "python"
    script.write_text(READER)
    interpreter.write_text(f"#!/bin/sh\nexec {sys.executable} {script}\n")
    interpreter.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(interpreter))
    random = np.random.default_rng(0)
    np.save(tmp_path / "pixels.npy", random.integers(0, 256, (100, SIDE, SIDE, 3), np.uint8))
    truth = ClassTruth(("a", "b", "c"), random.integers(0, 3, TEST))
    return CleanOrder(tmp_path, Place(tmp_path / "pixels.npy", tmp_path), ROWS, truth, SameClass(), 60.0)


@contextmanager
def running(tested: CleanOrder, model: Any, factor: float = 1.0) -> Iterator[CleanTest]:
    """Yield the test; both files give the model's probabilities, those of the class 0 times `factor`."""
    answers = np.asarray(model(np.load(tested.place.images).astype(np.float32))) * (factor, 1.0, 1.0)
    for name in (files.H5, files.KERAS):
        np.save(tested.folder / f"{name}.answers.npy", answers.astype(np.float32))
    with closing(CleanTest(tested)) as clean:
        yield clean


def test_the_answers_of_the_file_are_the_test_and_its_proof(tested: CleanOrder, model: Any) -> None:
    with running(tested, model) as clean:
        answers, row = clean.answers(model, with_keras=True)
        clean.prove_keras(slice(None), fits=True)
        (other,) = clean.keras_rows(answers)
    labels = cast(ClassTruth, tested.truth).labels
    np.testing.assert_allclose(answers, model(np.load(tested.place.images)[ROWS].astype(np.float32)), atol=1e-5)
    assert (row.name, row.state, row.images, row.agreement) == ("model.h5", "made", TEST, 1.0)
    assert row.accuracy == pytest.approx((answers.argmax(1) == labels).mean())
    assert row.max_difference is not None and 0 <= row.max_difference < 1e-5
    assert (other.name, other.state, other.images, other.max_difference) == ("model.keras", "made", TEST, 0.0)
    assert (tested.folder / files.KERAS).stat().st_size > 0


def test_a_file_that_says_something_else_than_the_model_fails_the_job(tested: CleanOrder, model: Any) -> None:
    with running(tested, model, factor=1.1) as clean, pytest.raises(Bug, match="not the model that was written: diff"):
        clean.answers(model, with_keras=True)


def test_a_file_that_cannot_be_loaded_elsewhere_fails_the_job_and_says_why(tested: CleanOrder, model: Any) -> None:
    (tested.folder / f"{files.H5}.error").write_text("OSError: no signature")
    with running(tested, model) as clean, pytest.raises(Bug, match="clean process: OSError: no signature"):
        clean.answers(model, with_keras=True)


def test_model_keras_that_cannot_be_loaded_is_told_and_is_not_the_end(tested: CleanOrder, model: Any) -> None:
    (tested.folder / f"{files.KERAS}.error").write_text("ValueError: layer")
    with running(tested, model) as clean:
        answers, _ = clean.answers(model, with_keras=True)
        clean.prove_keras(slice(None), fits=True)
        (row,) = clean.keras_rows(answers)
    assert (row.name, row.state, row.note) == ("model.keras", "failed", "ValueError: layer")


def test_model_keras_that_cannot_be_written_is_left_to_others(
    tested: CleanOrder, model: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(model, "save", full)
    with running(tested, model) as clean:
        answers, row = clean.answers(model, with_keras=True)
        clean.prove_keras(slice(None), fits=True)
        assert row.state == "made" and clean.keras_rows(answers) == ()
    assert not (tested.folder / files.KERAS).exists()
    assert "model.keras could not be written" in caplog.text


def test_without_time_model_keras_is_left_to_others(tested: CleanOrder, model: Any) -> None:
    with running(tested, model) as clean:
        answers, _ = clean.answers(model, with_keras=True)
        clean.prove_keras(slice(None), fits=False)
        assert clean.keras_rows(answers) == ()
    assert not (tested.folder / files.KERAS).exists()


def test_where_time_is_short_model_keras_is_asked_for_fewer_photos(tested: CleanOrder, model: Any) -> None:
    with running(tested, model) as clean:
        answers, _ = clean.answers(model, with_keras=True)
        clean.prove_keras(slice(None, None, 4), fits=True)
        (row,) = clean.keras_rows(answers)
    assert (row.state, row.images, row.max_difference) == ("made", TEST // 4, 0.0)
