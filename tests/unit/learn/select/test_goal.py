"""A goal ends selection: no network is tried after one that has reached it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.options import Options
from tests.unit.learn.select.known_networks import SPEED, KnownNetworks, dataset
from vm_worker.learn.budget import Budget
from vm_worker.learn.networks.weights import KERAS_H5, WeightFile
from vm_worker.learn.select.selection import SelectionRequest, select


@pytest.mark.parametrize(("goal", "reached"), [(0.5, True), pytest.param(1.0, False, marks=pytest.mark.slow)])
def test_no_candidate_is_tried_after_one_that_reached_the_goal(
    goal: float, reached: bool, networks: KnownNetworks, tmp_path: Path
) -> None:
    weights = {key: WeightFile(key, Path(), KERAS_H5) for key in SPEED}
    options, budget = Options(epochs=6, trials=0, goal=goal), Budget.of(20_000)
    outcome = select(SelectionRequest(dataset(networks, tmp_path), weights, options, budget, tmp_path), lambda _: None)
    left = [row.name for row in outcome.candidates if row.note == "left out: the goal was reached before"]
    assert bool(left) == reached and not any(networks.sent[name] for name in left)
    best = outcome.candidates[0].validation_score
    assert best is not None and (best >= goal) == reached
