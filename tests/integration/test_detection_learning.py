"""The training stages of a detection, with a small network in place of a pretrained one."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import pytest
import tensorflow

from jobs.job import Stage
from jobs.limits import Limits
from jobs.options import Options
from tests.contract.test_task import Parent
from tests.integration import tiny_network
from tests.unit.detection import label_zips
from vm_worker.events import Answer, StageOffer, TrialOffer
from vm_worker.exports import files
from vm_worker.learn.budget import Budget
from vm_worker.learn.networks import build
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.results.candidates import CandidateRow, Selected
from vm_worker.results.trials import Tuned
from vm_worker.spec import Spec
from vm_worker.stages.context import StageContext
from vm_worker.tasks.detection import learning, tuning
from vm_worker.tasks.detection.delivered import DeliveredSettings
from vm_worker.tasks.detection.engine.effort import Effort
from vm_worker.tasks.detection.engine.plan import EnginePlan, planned
from vm_worker.tasks.detection.engine.training.course import Recipe
from vm_worker.tasks.detection.engine.training.study import TrialFacts
from vm_worker.tasks.detection.learnt import LEARNT, Learnt

ROW = replace(tiny_network.ROW, application=f"{__name__}:strided", size=64)
SECONDS = 40.0  # all but some ten of them are kept for the stages after the training


def strided(include_top: bool, weights: None, input_tensor: Any) -> Any:
    """Five convolutions down to cells of 32 pixels."""
    x = input_tensor
    for number, channels in enumerate((4, 8, 8, 8, 8)):
        x = keras.layers.Conv2D(channels, 3, strides=2, padding="same", activation="relu", name=f"c{number}")(x)
    return keras.Model(keras.utils.get_source_inputs(input_tensor), x)


class Keeper(Parent):
    """A parent that keeps trials, too."""

    def __init__(self) -> None:
        super().__init__()
        self.trials: list[str] = []

    def commit(self, offer: StageOffer | TrialOffer) -> Answer:
        """Take a trial, or a stage."""
        if isinstance(offer, StageOffer):
            return super().commit(offer)
        self.trials.append(offer.key)
        return Answer()


@pytest.fixture
def eager() -> Iterator[None]:
    """No graphs: to trace them takes longer than the few steps."""
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eager: None) -> StageContext:
    monkeypatch.setitem(CATALOGUE, tiny_network.KEY, ROW)
    weights = tmp_path / "weights"
    weights.mkdir()
    build.extractor(tiny_network.KEY, None, (64, 64)).save_weights(weights / f"{tiny_network.KEY}.weights.h5")
    upload = label_zips.write(tmp_path / "photos.zip", label_zips.roboflow_coco(label_zips.photos(20)))
    options = Options(minutes=2, candidates=(tiny_network.KEY,), exports=("h5",), from_scratch=True)
    began = "2026-01-01T00:00:00+00:00"
    spec = Spec("abcdefgh", upload, tmp_path / "out", options, Limits(), SECONDS, began, began, weights=str(weights))
    spec.folder.mkdir()
    return StageContext.of(spec, Parent())


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_detector_is_trained_in_its_time_and_told_with_its_genes(context: StageContext) -> None:
    taken_in = learning.intake(context).result
    assert taken_in.to_json()["counts"]["cat"]["train"] > 0
    output = learning.select(context)
    assert isinstance(output.result, Selected)
    assert output.result.winner == tiny_network.KEY and output.result.best.metric == "count_error"
    assert "The option from_scratch is for class folders" in output.result.note
    assert {file.name for file in output.files} == {learning.DETECTOR, learning.SETTINGS, LEARNT}
    model = files.load(context.folder / learning.DETECTOR)
    known = DeliveredSettings.read(context.folder / learning.SETTINGS)
    assert model.output_shape[-1] == len(known.classes) + 4
    assert model.input_shape[1:3] == (known.settings.height, known.settings.width)
    assert EnginePlan.from_json(json.loads((context.inputs.scratch / learning.PLAN).read_text())).backbone == ROW.key
    context.results.add(Stage.SELECT, output.result.to_json(), 1.0)
    short = tuning.tune(context).result
    assert isinstance(short, Tuned) and short.search and short.search.outcome == tuning.LATE  # there is no time left
    (trial,) = short.trials
    assert {"epochs", "steps_an_epoch", "learning_rate", "threshold"} <= set(trial.parameters)
    context.results.add(Stage.TUNE, short.to_json(), 1.0)
    assert tuning.delivered_files(context) == (learning.DETECTOR, learning.SETTINGS)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_time_that_is_left_is_searched_and_no_trial_is_run_twice(context: StageContext) -> None:
    labels = context.inputs.dataset().truth.photos
    plan = planned(tiny_network.KEY, labels, Effort(steps=6, rows=12, inputs=(96,)))
    (context.inputs.scratch / learning.PLAN).write_text(json.dumps(plan.to_json()))
    selected = learning.select(context).result
    learnt = Learnt.read(context.folder)
    replace(learnt, epochs=learnt.facts.epochs).write(context.folder)
    # The same job on a machine with more time, as a worker that takes it over may have.
    parent = Keeper()
    options = replace(context.spec.options, search="genetic", trials=2)
    later = StageContext.of(replace(context.spec, seconds=600.0, options=options), parent)
    later.results.add(Stage.SELECT, selected.to_json(), 1.0)
    output = tuning.tune(later)
    tuned = output.result
    assert isinstance(tuned, Tuned) and tuned.search and (tuned.search.algorithm, tuned.search.trials) == ("genetic", 2)
    assert sorted((row.number, row.kind) for row in tuned.trials) == [(1, "rule"), (2, "genetic")]
    best, other = tuned.trials
    assert (best.state, other.state) == ("kept", "not_better") and best.metric == "count_rmse"
    assert best.validation_score is not None and other.validation_score is not None
    assert best.validation_score <= other.validation_score
    assert len(parent.trials) == 1  # the first training is committed with its stage
    later.results.add(Stage.TUNE, tuned.to_json(), 1.0)
    names = {file.name for file in output.files}
    assert names == (set(tuning.delivered_files(later)) if tuned.better else set())
    assert all((later.folder / name).is_file() for name in tuning.delivered_files(later))
    assert not (later.inputs.scratch / learning.ENGINE).exists()


def test_another_training_is_begun_only_where_it_fits(context: StageContext, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    learnt = Learnt("a" * 40, TrialFacts(1, "rule", Recipe(4, 1.0, 1e-3), 4, 10, 1e-3, None, 100.0), 4, 10.0)
    context.clock.start_seconds, context.clock.crowd = 4.0, lambda: 1.0
    budget = Budget.of(75.0)  # 20 s to build the network, 10 s for the maps, 40 s for the shortest training
    assert tuning.fits(context, learnt, budget)
    assert not tuning.fits(context, learnt, Budget.of(65.0))
    assert "another training was not started: it takes 70 s, and 65 s are left" in caplog.text
    context.clock.crowd = lambda: 2.0
    assert not tuning.fits(context, learnt, budget)
    context.clock.crowd = lambda: 1.0
    assert not tuning.fits(context, replace(learnt, epochs=5), budget)  # not even the first training fitted
    assert "the first came to 4 of 5 epochs" in caplog.text
    assert not tuning.fits(context, replace(learnt, prepared=100.0), budget)  # another machine had the maps
    (context.inputs.scratch / learning.ENGINE / "training").mkdir(parents=True)
    assert tuning.fits(context, replace(learnt, prepared=100.0), budget)  # this one has them


def test_a_search_on_a_busy_machine_keeps_more_time_for_the_files(context: StageContext) -> None:
    chosen = CandidateRow("efficientnet_lite0", "Lite0", None, None, None, 1000, 1.0, "chosen", "")
    row = Selected("efficientnet_lite0", (chosen,), (), "", plain_images_per_second=10.0, start_seconds=4.0)
    left = {}
    for crowd in (1.0, 2.0):
        job = StageContext.of(replace(context.spec, seconds=400.0), Keeper())
        job.results.add(Stage.SELECT, row.to_json(), 1.0)
        job.clock.crowd = partial(float, crowd)
        left[crowd] = learning.search_budget(job).remaining()
    assert 0 < left[2.0] < left[1.0] - 3 * 3.0 < 400  # at least three starts of the libraries, of 3 s or more
