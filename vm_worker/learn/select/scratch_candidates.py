"""Small networks that learn the photos from nothing, as candidates beside the pretrained ones.

For photos that ImageNet does not help: of 32 pixels, spectrograms, microscopy. Each learns from the training photos
and is judged on the validation photos, once: folds would cost as many trainings.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from jobs import wording
from jobs.options import Options
from vm_worker.intake.dataset import Part
from vm_worker.learn.budget import Budget
from vm_worker.learn.heads.head_validation import FeatureTable, HeadResult
from vm_worker.learn.heads.linear import Head, History
from vm_worker.learn.judge.findings import Findings
from vm_worker.learn.judge.unseen import Unseen
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import small, small_rows
from vm_worker.learn.networks.catalogue import OUTPUT, Backbone
from vm_worker.learn.scratch import training
from vm_worker.learn.scratch.training import EpochFigures, Examples, TimeAllowed, Trained, TrainingSet
from vm_worker.learn.select.ranking import Candidate
from vm_worker.learn.select.selection_table import Judged, left_out
from vm_worker.results.candidates import CandidateRow, CurvePoint

SHARE = 0.3  # of the time until tuning ends, beside pretrained candidates
SHARE_ALONE = 0.6  # without any: what is left trains the winner once more
NOTE = "trained from scratch at 64 pixels, {}"

START_SHARE = 0.5  # of the time that is left, for building a network's graphs
_LAYERS = {"alexnet": 24, "alexnet_separable": 24, "mobilenet_v1": 85, "mobilenet_v2": 153}
LAYERS = {name: _LAYERS[network] for name, (network, _) in small_rows.BUILDS.items()}


@dataclass(frozen=True)
class ScratchRequest:
    """What the networks learn, and until when."""

    dataset: LabelledPhotos
    mirror: bool
    seed: int
    budget: Budget
    folder: Path  # for the weights


@dataclass(frozen=True)
class ScratchModel:
    """A network that has trained."""

    candidate: Candidate
    head: Head  # its last layer
    said: Unseen  # what it says of the validation photos
    trained: Trained
    weights: Path  # of all layers but the last


class ScratchCandidates:
    """The four networks of one job, where it asks for them; without pretrained ones they get more of the time."""

    def __init__(self, dataset: LabelledPhotos, options: Options, alone: bool, budget: Budget) -> None:
        share = (SHARE_ALONE if alone else SHARE) if options.from_scratch else 0.0
        self.seconds = max(0.0, budget.remaining()) * share  # that they may learn for
        self.expected = len(small_rows.NETWORKS) if options.from_scratch else 0
        self.models: dict[str, ScratchModel] = {}  # by key
        self._dataset, self._options = dataset, options

    def train(self, folder: Path, begins: Callable[[Backbone], None]) -> tuple[list[Judged], list[CandidateRow]]:
        """Train each in its share of the time; rows of those for which it does not suffice."""
        budget, options, dropped = Budget.of(self.seconds), self._options, []
        request = ScratchRequest(self._dataset, options.mirror, options.seed, budget, folder)
        rows = small_rows.fitting(len(self._dataset.rows(Part.TRAIN)))[: self.expected]
        for number, row in enumerate(rows):
            begins(row)
            started = time.monotonic()
            try:
                self._check_start(row, budget)
                allowed = TimeAllowed(budget.share(1 / (len(rows) - number)), budget)
                self.models[row.key] = _trained(row, request, allowed)
            except training.TrainingTooSlow as slow:
                dropped.append(left_out(row, f"left out: {slow}", time.monotonic() - started))
        return [self._judged(model) for model in self.models.values()], dropped

    def _check_start(self, row: Backbone, budget: Budget) -> None:
        """Building graphs cannot be broken off. Raises TrainingTooSlow where it would take too long, by the others'."""
        starts = [one.trained.start_seconds / LAYERS[key] for key, one in self.models.items()]
        expected = max(starts, default=0.0) * LAYERS[row.key]
        if expected > START_SHARE * budget.remaining():
            raise training.TrainingTooSlow(expected / START_SHARE, budget.remaining())

    def _judged(self, model: ScratchModel) -> Judged:
        """The model among the other candidates. Its head cost no time of its own."""
        candidate, dataset = model.candidate, self._dataset
        rows = np.concatenate([dataset.rows(part) for part in (Part.TRAIN, Part.VALIDATION)])
        curve = tuple(_point(candidate.backbone.key, one) for one in model.trained.curve)
        return Judged(candidate, rows, candidate.images_per_second, 0.0, curve)


def _point(key: str, one: EpochFigures) -> CurvePoint:
    figures = (one.accuracy, one.loss, one.validation_accuracy, one.validation_loss)
    return CurvePoint("select", key, one.epoch, *(round(value, 5) for value in figures))


def again(key: str, request: ScratchRequest, epochs: int, weights: Path) -> bool:
    """Train it from nothing once more, validation photos included, and write all its weights; False: no time."""
    keras.utils.set_random_seed(request.seed)
    whole, _ = small.built(key, len(request.dataset.truth.classes))
    material = TrainingSet(examples(request.dataset, Part.TRAIN, Part.VALIDATION), request.mirror, request.seed)
    if not training.repeat(whole, material, epochs, request.budget):
        return False
    whole.save_weights(str(weights))
    return True


def examples(dataset: LabelledPhotos, *parts: Part) -> Examples:
    """The photos of these parts."""
    rows = np.concatenate([dataset.rows(part) for part in parts])
    return Examples(dataset.pixels(small.SIZE)[rows], dataset.truth.labels[rows])


def _trained(row: Backbone, request: ScratchRequest, allowed: TimeAllowed) -> ScratchModel:
    started, dataset = time.monotonic(), request.dataset
    keras.utils.set_random_seed(request.seed)
    whole, trunk = small.built(row.key, len(dataset.truth.classes))
    judged = examples(dataset, Part.VALIDATION)
    trained = training.train(
        whole, TrainingSet(examples(dataset, Part.TRAIN), request.mirror, request.seed), judged, allowed
    )
    weights = request.folder / f"{row.key}.weights.h5"
    trunk.save_weights(str(weights))
    said = training.probabilities(whole, judged)
    candidate = Candidate(
        backbone=row,
        features=_nothing(dataset),
        result=_result(said, dataset, trained),
        seconds=time.monotonic() - started,
        images_per_second=trained.images_per_second,
        partial=False,
        way=NOTE.format(wording.plural(trained.epochs, "epoch")),
    )
    return ScratchModel(candidate, _head(whole), Unseen(said, judged.labels, ()), trained, weights)


def _nothing(dataset: LabelledPhotos) -> FeatureTable:
    """No features: those of photos that a network has learnt by heart tell nothing."""
    train, validation = dataset.rows(Part.TRAIN), dataset.rows(Part.VALIDATION)
    rows = np.concatenate([train, validation])
    return FeatureTable(
        np.empty((len(rows), 0), np.float32), dataset.truth.labels[rows], dataset.groups[rows], len(train)
    )


def _result(said: Any, dataset: LabelledPhotos, trained: Trained) -> HeadResult:
    train, validation = dataset.rows(Part.TRAIN), dataset.rows(Part.VALIDATION)
    judged = np.arange(len(train) + len(validation)) >= len(train)
    right = np.zeros(len(judged), bool)
    right[judged] = said.argmax(1) == dataset.truth.labels[validation]
    names = ("accuracy", "loss", "validation_accuracy", "validation_loss")
    history = History(*(np.array([getattr(one, name) for one in trained.curve]) for name in names))
    return HeadResult(right, judged, trained.loss, 0.0, trained.epochs, history)


def _head(whole: keras.Model) -> Head:
    kernel, bias = whole.get_layer(OUTPUT).get_weights()
    features = len(kernel)
    return Head(np.zeros(features, np.float32), np.ones(features, np.float32), kernel, bias)


def findings(model: ScratchModel) -> Findings:
    """What it says of photos that it had not seen; nothing of those that it trained."""
    return Findings(model.said, None, None)
