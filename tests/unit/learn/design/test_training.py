"""One training of a network: it learns, goes on from weights, and gives up what guesses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from jobs.json_values import JsonObject
from jobs.limits import Limits
from tests.unit.learn.patterns import SIDE, archive
from vm_worker.intake.take_in import IntakeRequest
from vm_worker.learn.design import tasks
from vm_worker.learn.design.messages import DesignInputs, NetworkResult, NetworkTask, Training, write_inputs
from vm_worker.tasks.uploads import take_in

pytestmark = pytest.mark.usefixtures("eager")

GOOD = '["CONV:3X3:1X1:SAME:8:BN", "MAX_POOLING:3X3:2X2:SAME", "CONV:3X3:1X1:SAME:16:BN", "SOFTMAX"]'
BLIND = '["AVERAGE_POOLING:32X32:1X1:VALID", "CONV:1X1:1X1:SAME:1", "SOFTMAX"]'  # sees the mean of a picture alone


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> DesignInputs:
    """Return the inputs of 3 x 40 gratings of 32 pixels."""
    folder = tmp_path_factory.mktemp("gratings")
    request = IntakeRequest(archive(folder / "x.zip", each=40), folder / "cache", (SIDE,), 0, Limits(), 1)
    dataset = take_in(request, lambda part, text: None)
    assert dataset.side == SIDE
    inputs = DesignInputs(dataset.images[SIDE], folder / "networks", SIDE, 3, False, 0, epoch_steps=16, epoch_most=60)
    write_inputs(dataset, inputs)
    return inputs


def done(inputs: DesignInputs, training: Training, weights: Path | None = None, **more: object) -> JsonObject:
    task = NetworkTask(inputs, training, 600.0, "ab" * 20, weights)
    return tasks.work(replace(task, **more).message(), lambda told: None)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_network_learns_goes_on_and_is_judged_again(inputs: DesignInputs, tmp_path: Path) -> None:
    weights = tmp_path / "one.weights.h5"
    one = NetworkResult.from_json(done(inputs, Training(GOOD, 1), weights))
    assert (one.state, len(one.curve), one.right) == ("ended", 1, "") and one.score > one.chance
    assert one.epoch_seconds > 0
    two = NetworkResult.from_json(done(inputs, Training(GOOD, 2), start=weights, begun=1))
    assert len(two.curve) == 1 and two.score >= one.score - 0.1
    other = NetworkResult.from_json(done(inputs, Training(GOOD, 1, halves=1)))
    assert other.right


def test_what_guesses_is_given_up_and_what_is_late_is_none(inputs: DesignInputs, tmp_path: Path) -> None:
    weights = tmp_path / "none.weights.h5"
    given_up = NetworkResult.from_json(done(inputs, Training(BLIND, 5), weights))
    assert (given_up.state, len(given_up.curve)) == ("given_up", 1) and not weights.exists()
    assert done(inputs, Training(GOOD, 5), seconds=0.0) == {"state": "out_of_time"}
