"""A whole tuning of a tiny network, by tasks in a process of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jobs.options import Options
from tests.integration.tiny_network import KEY, ROW, save_weights
from tests.unit.learn.colours import COLOURS, colours
from vm_worker.intake.dataset import Part
from vm_worker.learn.budget import Budget
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.judge.predict import predict
from vm_worker.learn.networks import assemble
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.networks.weights import KERAS_H5, WeightFile
from vm_worker.learn.tune.tuning import TuneRequest, TuningPolicy, tune
from vm_worker.learn.tune.tuning_inputs import SelectedNetwork

# A head that knows nothing, so that any training is better; its strength keeps it so.
POOR = Head(
    np.zeros(ROW.features, np.float32),
    np.ones(ROW.features, np.float32),
    np.zeros((ROW.features, len(COLOURS)), np.float32),
    np.zeros(len(COLOURS), np.float32),
    strength=3.0,
    epochs=0,
)


@pytest.mark.slow
def test_tuning_delivers_what_is_better(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CATALOGUE, KEY, ROW)
    photos = colours(tmp_path, ROW.size)
    weight = WeightFile(KEY, save_weights(tmp_path / "weights") / f"{KEY}.weights.h5", KERAS_H5)
    policy, chosen = TuningPolicy(entry="tests.integration.tiny_tasks:work"), SelectedNetwork(weight, POOR)
    options, budget = Options(epochs=20, trials=1), Budget.of(400)  # enough for a process of their own
    tuned = tune(TuneRequest(photos, chosen, options, budget, tmp_path, 1e4, policy=policy), lambda event: None)
    assert tuned.better and tuned.weights_path is not None and tuned.validation is not None
    assert tuned.search.trials == 1
    rows = photos.rows(Part.TEST)
    said = predict(assemble.delivered(weight, POOR, tuned.weights_path), photos.pixels(ROW.size), rows)
    assert (said.argmax(1) == photos.truth.labels[rows]).mean() > 0.6
