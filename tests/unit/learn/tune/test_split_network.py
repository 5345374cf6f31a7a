"""The network split in two: its halves make the whole, and heads are fitted on the features of its frozen half."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jobs.options import Options
from tests.unit.learn.photos import weight
from vm_worker.intake.dataset import Part
from vm_worker.learn.budget import Budget
from vm_worker.learn.features import activations
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.judge.predict import predict
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.tune import tail_training
from vm_worker.learn.tune.recipe import EVERYTHING, Views, cut_named
from vm_worker.learn.tune.split_network import SplitNetwork
from vm_worker.learn.tune.tuning_inputs import SelectedNetwork, write_inputs

KEY, CUT = "efficientnet_lite0", "block6b_expand_conv"
HEAD = Head(
    np.zeros(1280, np.float32),
    np.ones(1280, np.float32),
    np.zeros((1280, 3), np.float32),
    np.zeros(3, np.float32),
    strength=0.01,
    epochs=4,
)


RANDOM = replace(HEAD, kernel=np.random.default_rng(0).normal(0, 0.1, (1280, 3)).astype(np.float32))


@pytest.fixture(scope="module")
def network(photos: LabelledPhotos, tmp_path_factory: pytest.TempPathFactory) -> SplitNetwork:
    """Return a network with a random head. It is built once, as a job's trials share theirs."""
    chosen = SelectedNetwork(weight(KEY), RANDOM)
    return SplitNetwork(write_inputs(photos, chosen, Options(), tmp_path_factory.mktemp("network")))


@pytest.mark.parametrize("cut", [CUT, EVERYTHING.layer])
def test_the_two_halves_of_a_cut_make_the_whole(cut: str, network: SplitNetwork, photos: LabelledPhotos) -> None:
    inputs = network.inputs(cut, Views(1), Budget.of(60), lambda part: None)
    found = tail_training.outputs(network.tail(cut), inputs, np.arange(10))
    expected = predict(network.model, photos.pixels(224), network.source.rows[:10])
    np.testing.assert_allclose(found, expected, atol=0.05)  # half precision
    np.testing.assert_allclose(RANDOM.probabilities(network.features()[0, :10]), expected, atol=0.05)
    live = network.inputs(cut, Views(2, live=True), Budget.of(60), lambda part: None)
    assert live.batch(np.ones(3, np.int64), np.arange(3)).shape == inputs.batch(0, np.arange(3)).shape
    alone = network._live_part(cut_named(network.backbone, cut))
    pictures = activations.padded(network.source, np.arange(10))
    passed = alone.split(alone.run(pictures))[0][:10]
    assert np.corrcoef(passed.ravel(), inputs.batch(0, np.arange(10)).ravel())[0, 1] > 0.999


def test_a_head_is_fitted_on_no_more_views_than_are_useful(photos: LabelledPhotos, tmp_path: Path) -> None:
    tuning = write_inputs(photos, SelectedNetwork(weight(KEY), HEAD), Options(epochs=4), tmp_path)
    rows = len(photos.rows(Part.TRAIN))
    network = SplitNetwork(tuning, head_rows=3 * rows - 1)
    network.inputs(CUT, Views(3), Budget.of(60), lambda part: None)
    assert len(network.train) == rows and network.useful_views(network.train) == 2
    assert network.useful_views(network.train[:-1]) == 3
    kernels = [network.refit(network.train, views).kernel for views in (1, 2, None)]
    assert kernels[1] is kernels[2]  # it is fitted once
    assert np.abs(kernels[0] - kernels[1]).max() > 1e-3
    both = network.refit(network.everything).probabilities(network.features()[0])
    assert (both.argmax(1) == network.labels).mean() > 0.9


def test_activations_and_features_leave_no_file(photos: LabelledPhotos, tmp_path: Path) -> None:
    network = SplitNetwork(write_inputs(photos, SelectedNetwork(weight(KEY), HEAD), Options(), tmp_path))
    before = set(tmp_path.iterdir())
    network.inputs(CUT, Views(2), Budget.of(60), lambda part: None)
    assert set(tmp_path.iterdir()) == before
    assert isinstance(network.features(), np.memmap) and network.features().shape == (2, len(network.labels), 1280)
