"""Selection takes a pair where only the accuracy counts, and where the mean of two networks does better."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from jobs.options import Options
from tests.unit.learn.select.known_networks import CLASSES, WIDTH, KnownNetworks, dataset
from vm_worker.intake.dataset import Part
from vm_worker.learn.budget import Budget
from vm_worker.learn.latency import measurement
from vm_worker.learn.networks.weights import KERAS_H5, WeightFile
from vm_worker.learn.select.selection import Selection, SelectionRequest, select

KEYS = ("mobilenet_v2", "mobilenet")  # about as good as each other, with errors of their own


def selected(
    networks: KnownNetworks, folder: Path, objective: str, keys: Sequence[str] = KEYS, goal: float | None = None
) -> Selection:
    networks.signal |= dict.fromkeys(KEYS, 1.5)
    weights = {key: WeightFile(key, Path(), KERAS_H5) for key in keys}
    options = Options(epochs=6, trials=0, objective=objective, goal=goal)
    request = SelectionRequest(dataset(networks, folder), weights, options, Budget.of(2000), folder)
    return select(request, lambda event: None)


def test_two_networks_that_err_apart_become_a_pair(networks: KnownNetworks, tmp_path: Path) -> None:
    found = selected(networks, tmp_path, "accuracy")
    pair, best = found.pair, found.candidates[0]
    assert pair is not None and {found.winner, pair.partner} == set(KEYS)
    assert best.validation_loss is not None and pair.figures.loss < best.validation_loss
    assert pair.head.kernel.shape == (WIDTH, CLASSES)
    rows = dataset(networks, tmp_path).rows(Part.VALIDATION)
    assert pair.bar.shape == (len(rows), CLASSES) and found.bar is pair.bar  # tuning has to beat the pair
    assert np.isfinite(pair.bar).all() and pair.plain < found.plain_images_per_second


@pytest.mark.parametrize("objective", ["balanced", "small"])
def test_where_more_than_accuracy_counts_there_is_no_pair(
    objective: str, networks: KnownNetworks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measurement, "measure_missing", lambda *_: None)  # these are no networks of Keras
    found = selected(networks, tmp_path, objective)
    assert found.pair is None and len(found.candidates) == 2


def test_a_pair_that_reaches_the_goal_ends_selection(networks: KnownNetworks, tmp_path: Path) -> None:
    found = selected(networks, tmp_path, "accuracy")
    best = found.candidates[0].validation_score
    assert found.pair is not None and best is not None and best < found.pair.figures.score
    again = selected(networks, tmp_path, "accuracy", (*KEYS, "vgg16"), found.pair.figures.score)
    assert not networks.sent["vgg16"] and again.pair is not None
