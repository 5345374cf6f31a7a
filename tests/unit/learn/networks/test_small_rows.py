"""The rows of the small networks hold the networks' true figures."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from jobs.options import CANDIDATES, Options
from vm_worker.learn.budget import Budget
from vm_worker.learn.judge import grad_cam
from vm_worker.learn.networks import build, designed, small_rows
from vm_worker.learn.networks.catalogue import CATALOGUE, Backbone
from vm_worker.learn.scratch import training
from vm_worker.learn.select import scratch_candidates
from vm_worker.learn.select.small_network import SmallNetwork
from vm_worker.results.designs import NetworkPlan


@cache
def built(key: str) -> keras.Model:
    """Return the network of a row without its last layer; several tests look at the same."""
    return build.extractor(key, None)


SMALL = [row for key, row in small_rows.ROWS.items() if key.endswith(("_12", "_25"))]


@pytest.mark.parametrize("row", SMALL, ids=lambda row: row.key)
def test_a_row_has_the_networks_own_figures(row: Backbone) -> None:
    model = built(row.key)
    assert (model.count_params(), model.output_shape) == (row.parameters, (None, row.features))
    assert model.input_shape == (None, row.size, row.size, 3)


@pytest.mark.parametrize(
    ("photos", "width"), [(60, "1/4"), (3_000, "1/4"), (3_001, "1/2"), (10**6, "MobileNetV1 from")]
)
def test_more_photos_get_a_wider_network(photos: int, width: str) -> None:
    titles = [row.title for row in small_rows.fitting(photos)]
    assert len(titles) == 4
    assert width in titles[2]


def test_both_kinds_of_keys_are_found_and_never_mixed_up() -> None:
    assert not set(CANDIDATES) & set(small_rows.ROWS)
    assert small_rows.find("vgg16") is CATALOGUE["vgg16"]
    assert small_rows.find("scratch_mobilenet_v2_25").licence == "yours"


def test_grad_cam_needs_a_network_with_feature_maps() -> None:
    possible = [grad_cam.applies_to(built(row.key)) for row in small_rows.fitting(10)]
    assert possible == [False, False, True, True]


@pytest.mark.parametrize("row", small_rows.fitting(10), ids=lambda row: row.key)
def test_the_layers_that_are_counted_on_are_about_those_there_are(row: Backbone) -> None:
    layers = len(built(row.key).layers)
    assert SmallNetwork(row).layers == pytest.approx(layers, rel=0.1)


def test_the_layers_of_a_network_that_comes_as_text_are_counted_on_too() -> None:
    text = '["CONV:3X3:1X1:SAME:8:BN", [["IDENTITY", "CONV:3X3:1X1:SAME:8:BN:LINEAR"], "Add"], "RELU", "SOFTMAX"]'
    network = SmallNetwork.named(designed.OWN, NetworkPlan(text, 32), 5)
    whole, trunk = network.built(5)
    assert network.layers == pytest.approx(len(whole.layers), rel=0.5)
    assert (network.row.features, network.row.size, trunk.output_shape) == (8, 32, (None, 8))
    assert network.row.parameters == trunk.count_params()
    assert network.way(3) == "trained from scratch at 32 pixels, 3 epochs"
    other = SmallNetwork(network.row, NetworkPlan(text.replace('"RELU"', '"LocalRespNorm"'), 32))
    assert "batch normalization was built for each LocalRespNorm" in other.way(3)


def test_a_network_whose_graphs_would_take_the_time_is_not_begun() -> None:
    first, last = small_rows.fitting(10)[0], small_rows.fitting(10)[3]
    labels = np.zeros(10, np.int64)
    photos = SimpleNamespace(rows=lambda part: labels)
    candidates = scratch_candidates.ScratchCandidates(photos, Options(from_scratch=True), True, Budget.of(100))  # type: ignore[arg-type]
    learnt = SimpleNamespace(start_seconds=12.0)
    candidates.models[first.key] = SimpleNamespace(trained=learnt, layers=24)  # type: ignore[assignment]
    candidates._check_start(SmallNetwork(first), Budget.of(100))
    with pytest.raises(training.TrainingTooSlow, match="about 1"):
        candidates._check_start(SmallNetwork(last), Budget.of(100))
