"""How the benchmark of accuracy runs other programs: files out, answers back, and the time that they may take."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.benchmarks import fastai_peer, fastai_process, peers
from tests.benchmarks.fastai_process import FastaiFailed, Request
from tests.benchmarks.photos import Photos


@pytest.fixture
def photos() -> Photos:
    """Four photos, whose bytes tell which is which."""
    files = tuple((f"some/{number}.png", bytes([number])) for number in range(4))
    return Photos("set", files, np.array([1, 0, 1, 2], np.int64), ("apple", "pear", "plum"))


def test_photos_are_written_with_their_classes(photos: Photos, tmp_path: Path) -> None:
    learnt, tested = fastai_process.written(photos, np.array([3, 0]), np.array([2, 1]), tmp_path / "photos")
    assert learnt == {"3.png": 2, "0.png": 1} and tested == ["2.png", "1.png"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "photos").iterdir()} == {
        f"{number}.png": bytes([number]) for number in range(4)
    }


def test_answers_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    path.write_text('{"answers": [2, 0, 1], "epochs": 7, "cut_off": true}', encoding="utf-8")
    found = fastai_process.read_back(path, 3)
    assert found.answers.tolist() == [2, 0, 1] and found.answers.dtype == np.int64
    assert (found.epochs, found.cut_off) == (7, True)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"answers": [1]}', '{"answers": ["a", "b"], "epochs": 1, "cut_off": false}']
)
def test_answers_that_cannot_be_read_are_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "answers.json").write_text(text, encoding="utf-8")
    with pytest.raises(FastaiFailed, match=r"^answers\.json cannot be read: .*fastai_peer\.py alone to see why\.$"):
        fastai_process.read_back(tmp_path / "answers.json", 2)


def test_answers_for_other_photos_are_refused(tmp_path: Path) -> None:
    (tmp_path / "answers.json").write_text('{"answers": [1], "epochs": 1, "cut_off": false}', encoding="utf-8")
    with pytest.raises(FastaiFailed, match=r"shape \(1,\), and 2 photos were asked"):
        fastai_process.read_back(tmp_path / "answers.json", 2)


def test_an_interpreter_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FastaiFailed, match=r"none cannot be started: No such file.*--fastai-python\.$"):
        fastai_process.check(tmp_path / "none")


def test_an_interpreter_without_fastai_is_told() -> None:
    with pytest.raises(FastaiFailed, match=r"ended with 1: .*No module named 'fastai'\. Install both there"):
        fastai_process.check(Path(sys.executable))


def test_the_other_program_is_given_the_request_and_its_answers_are_returned(tmp_path: Path) -> None:
    # Stands in for an interpreter: it keeps what it was asked, and answers as fastai_peer.py does.
    python = tmp_path / "python"
    answers = {"answers": [1, 0], "epochs": 3, "cut_off": False}
    python.write_text(f"#!/bin/sh\ncp \"$3\" '{tmp_path}/asked'\necho '{json.dumps(answers)}' > \"$4\"\n")
    python.chmod(0o700)
    request = Request("photos", {"0.png": 1}, ["1.png", "2.png"], "lite0.pth", 60.0)
    found = fastai_process.learnt_by_fastai(python, request, tmp_path)
    assert found.answers.tolist() == [1, 0]
    asked = json.loads((tmp_path / "asked").read_text(encoding="utf-8"))
    assert Request(**asked) == request


@pytest.mark.parametrize(
    ("seconds", "epoch", "epochs"),
    [
        (100.0, 10.0, 8),  # 95 s are filled: an epoch of the head, and eight
        (15.0, 10.0, 1),  # at least one, which is cut off
        (-5.0, 10.0, 1),
        (1e6, 10.0, fastai_peer.MOST_EPOCHS),
    ],
)
def test_as_many_epochs_are_planned_as_fit(seconds: float, epoch: float, epochs: int) -> None:
    assert fastai_peer.epochs_that_fit(seconds, epoch) == epochs


@pytest.mark.parametrize(("seconds", "epochs"), [(-1.0, 1 / 3), (600.0, 2.0)])
def test_the_guide_trains_no_batch_after_its_time(seconds: float, epochs: float) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    data = (np.zeros((3 * peers.BATCH - 1, 2), np.float32), np.zeros(3 * peers.BATCH - 1, np.int64))
    fitted = peers.fit(model, data, 2, time.monotonic() + seconds)
    assert fitted.epochs == pytest.approx(epochs) and fitted.first > 0 and fitted.each > 0
