"""A whole tuning of a tiny network, by tasks in a process of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jobs.options import Options
from tests.integration.tiny_network import KEY, ROW, save_weights
from vm_worker.intake.dataset import Dataset, Part
from vm_worker.learn.budget import Budget
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.judge.predict import predict
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import assemble
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.networks.weights import KERAS_H5, WeightFile
from vm_worker.learn.tune.tuning import TuneRequest, TuningPolicy, tune
from vm_worker.learn.tune.tuning_inputs import SelectedNetwork
from vm_worker.tasks.classification.truth import ClassTruth

COLOURS = {"blue": (60, 60, 200), "green": (60, 200, 60), "red": (200, 60, 60)}
COUNT = 60  # photos
# A head that knows nothing, so that any training is better; its strength keeps it so.
POOR = Head(
    np.zeros(ROW.features, np.float32),
    np.ones(ROW.features, np.float32),
    np.zeros((ROW.features, len(COLOURS)), np.float32),
    np.zeros(len(COLOURS), np.float32),
    strength=3.0,
    epochs=0,
)


def colours(folder: Path) -> LabelledPhotos:
    """Noisy photos of three colours; 60 % train, 20 % validation, 20 % test."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(COLOURS)), COUNT // len(COLOURS)).astype(np.int64)
    means = np.array(list(COLOURS.values()), np.float32)[labels][:, None, None]
    noise = random.normal(0, 40, (COUNT, ROW.size, ROW.size, 3))
    np.save(folder / "photos.npy", np.clip(means + noise, 0, 255).astype(np.uint8))
    return Dataset(
        names=tuple(f"{row}.png" for row in range(COUNT)),
        truth=ClassTruth(tuple(COLOURS), labels),
        parts=np.tile([0, 0, 0, 1, 2], COUNT)[:COUNT].astype(np.uint8),
        groups=np.arange(COUNT, dtype=np.int64),
        images={ROW.size: folder / "photos.npy"},
        skipped=(),
        warnings=(),
        ready_made_split=False,
        sha256="0" * 64,
    )


def test_tuning_delivers_what_is_better(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CATALOGUE, KEY, ROW)
    photos = colours(tmp_path)
    weight = WeightFile(KEY, save_weights(tmp_path / "weights") / f"{KEY}.weights.h5", KERAS_H5)
    policy, chosen = TuningPolicy(entry="tests.integration.tiny_tasks:work"), SelectedNetwork(weight, POOR)
    options, budget = Options(epochs=20, trials=1), Budget.of(400)  # enough for a process of their own
    tuned = tune(TuneRequest(photos, chosen, options, budget, tmp_path, 1e4, policy=policy), lambda event: None)
    assert tuned.better and tuned.weights_path is not None and tuned.validation is not None
    assert tuned.search.trials == 1
    rows = photos.rows(Part.TEST)
    said = predict(assemble.delivered(weight, POOR, tuned.weights_path), photos.pixels(ROW.size), rows)
    assert (said.argmax(1) == photos.truth.labels[rows]).mean() > 0.6
