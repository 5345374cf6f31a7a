"""The network split in two: its halves make the whole, and heads are fitted on the features of its frozen half."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from jobs.options import Options
from tests.unit.learn.tune.subjects import BOTH, Subject, subject
from vm_worker.intake.dataset import Part
from vm_worker.learn.budget import Budget
from vm_worker.learn.features import activations
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.judge.predict import predict
from vm_worker.learn.tune import tail_training
from vm_worker.learn.tune.recipe import EVERYTHING, Views, cut_named
from vm_worker.learn.tune.split_network import HEAD_ROWS, SplitNetwork
from vm_worker.learn.tune.tuning_inputs import SelectedNetwork, write_inputs

SMALL = Options(epochs=4)


@pytest.fixture(scope="module", params=BOTH)
def about(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    yield from subject(request.param, tmp_path_factory.mktemp("network"))


def split(about: Subject, head: Head, folder: Path, head_rows: int = HEAD_ROWS) -> SplitNetwork:
    return SplitNetwork(write_inputs(about.photos, SelectedNetwork(about.weight, head), SMALL, folder), head_rows)


@pytest.mark.parametrize("cut", ["cut", EVERYTHING.layer])
def test_the_two_halves_of_a_cut_make_the_whole(cut: str, about: Subject, tmp_path: Path) -> None:
    head, cut = about.head(about.apart), about.cut if cut == "cut" else cut
    network, some = split(about, head, tmp_path), np.arange(0, 48, 5)  # of each class
    inputs = network.inputs(cut, Views(1), Budget.of(60), lambda part: None)
    found = tail_training.outputs(network.tail(cut), network.data(inputs, network.train, some), some)
    expected = predict(network.model, about.photos.pixels(about.size), network.source.rows[some])
    np.testing.assert_allclose(found, expected, atol=0.05)  # half precision
    np.testing.assert_allclose(head.probabilities(network.features()[0, some]), expected, atol=0.05)
    assert expected.max(1).std() > 0.05  # they say different things of different photos
    live = network.inputs(cut, Views(2, live=True), Budget.of(60), lambda part: None)
    fresh, plain = (one.batch(np.ones(3, np.int64) * view, np.arange(3)) for one, view in ((live, 1), (inputs, 0)))
    assert fresh.activations.shape == plain.activations.shape and plain.offsets is None is fresh.offsets
    alone = network._live_part(cut_named(network.backbone, cut))
    pictures = activations.padded(network.source, some)
    passed = alone.split(alone.run(pictures)).activations[: len(some)]
    assert np.corrcoef(passed.ravel(), inputs.batch(0, some).activations.ravel())[0, 1] > 0.999


def test_a_head_is_fitted_on_no_more_views_than_are_useful(about: Subject, tmp_path: Path) -> None:
    rows = len(about.photos.rows(Part.TRAIN))
    network = split(about, about.head(), tmp_path, head_rows=3 * rows - 1)
    network.inputs(about.cut, Views(3), Budget.of(60), lambda part: None)
    assert len(network.train) == rows and network.useful_views(network.train) == 2
    assert network.useful_views(network.train[:-1]) == 3
    kernels = [network.refit(network.train, views).kernel for views in (1, 2, None)]
    assert kernels[1] is kernels[2]  # it is fitted once
    assert np.abs(kernels[0] - kernels[1]).max() > 1e-3
    both = network.refit(network.everything).probabilities(network.features()[0])
    assert (both.argmax(1) == network.labels).mean() > 0.9


def test_activations_and_features_leave_no_file(about: Subject, tmp_path: Path) -> None:
    network = split(about, about.head(), tmp_path)
    before = set(tmp_path.iterdir())
    network.inputs(about.cut, Views(2), Budget.of(60), lambda part: None)
    assert set(tmp_path.iterdir()) == before
    features = network.features()
    assert isinstance(features, np.memmap) and features.shape == (2, len(network.labels), about.features)
