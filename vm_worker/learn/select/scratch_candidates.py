"""Small networks trained from scratch, as candidates beside the pretrained ones.

They suit photos for which ImageNet's features are poor: photos of 32 pixels, spectrograms, microscopy. Each network
trains on the training photos and is judged once, on the validation photos: folds would need several trainings.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from jobs import wording
from jobs.options import Options
from vm_worker.intake.dataset import Part
from vm_worker.learn import imbalance
from vm_worker.learn.arrays import Floats
from vm_worker.learn.budget import Budget
from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.heads.head_validation import HeadResult
from vm_worker.learn.heads.linear import Head, History
from vm_worker.learn.judge.findings import Findings
from vm_worker.learn.judge.out_of_fold import OutOfFold
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import small, small_rows
from vm_worker.learn.networks.catalogue import OUTPUT, Backbone
from vm_worker.learn.scratch import training
from vm_worker.learn.scratch.training import POLICY as TRAINING_POLICY
from vm_worker.learn.scratch.training import (
    EpochFigures,
    Examples,
    TimeAllowed,
    TrainingPolicy,
    TrainingResult,
    TrainingSet,
)
from vm_worker.learn.select.ranking import Candidate
from vm_worker.learn.select.selection_table import CandidateRecord, left_out_row
from vm_worker.results.candidates import CandidateRow, CurvePoint

SHARE = 0.3  # of the time until tuning ends, beside pretrained candidates
SHARE_ALONE = 0.6  # without pretrained candidates: the time left trains the winner once more
NOTE = "trained from scratch at 64 pixels, {}"

START_SHARE = 0.5  # of the time left, for building a network's graphs
_LAYERS = {"alexnet": 24, "alexnet_separable": 24, "mobilenet_v1": 85, "mobilenet_v2": 153}
LAYERS = {name: _LAYERS[network] for name, (network, _) in small_rows.BUILDS.items()}


@dataclass(frozen=True)
class ScratchPolicy:
    """The networks that are trained from scratch, and the lengths of their trainings."""

    networks: tuple[str, ...] = small_rows.NETWORKS
    training: TrainingPolicy = TRAINING_POLICY


POLICY = ScratchPolicy()


@dataclass(frozen=True)
class ScratchRequest:
    """The photos that networks are trained on, the settings, and the deadline."""

    dataset: LabelledPhotos
    mirror: bool  # whether a mirrored photo shows the same class
    seed: int
    budget: Budget
    folder: Path  # where the weights are written
    policy: TrainingPolicy = TRAINING_POLICY

    def training_set(self, *parts: Part) -> TrainingSet:
        """Return the photos of these parts to train on."""
        return TrainingSet(examples(self.dataset, *parts), self.mirror, self.seed, self.policy)


@dataclass(frozen=True)
class ScratchModel:
    """A network trained from scratch."""

    candidate: Candidate
    head: Head  # its last layer
    unseen: OutOfFold  # its probabilities of the validation photos
    trained: TrainingResult
    weights: Path  # of all layers but the last


class ScratchCandidates:
    """The networks that one job trains from scratch, none where it does not ask for them.

    Without pretrained candidates they get a larger share of the time.
    """

    def __init__(
        self, dataset: LabelledPhotos, options: Options, alone: bool, budget: Budget, policy: ScratchPolicy = POLICY
    ) -> None:
        share = (SHARE_ALONE if alone else SHARE) if options.from_scratch else 0.0
        self.seconds = max(0.0, budget.remaining()) * share  # for all their trainings together
        self.expected = len(policy.networks) if options.from_scratch else 0
        self.models: dict[str, ScratchModel] = {}  # by key
        self._dataset, self._options, self._policy = dataset, options, policy

    def train(
        self, folder: Path, announce: Callable[[Backbone], None]
    ) -> tuple[list[CandidateRecord], list[CandidateRow]]:
        """Train each network in its share of the time; `announce` is called before each.

        Returns the trained ones, and the rows of those for which the time does not suffice.
        """
        budget, options, left_out = Budget.of(self.seconds), self._options, []
        policy = self._policy
        request = ScratchRequest(self._dataset, options.mirror, options.seed, budget, folder, policy.training)
        rows = small_rows.fitting(len(self._dataset.rows(Part.TRAIN)), policy.networks)[: self.expected]
        for number, row in enumerate(rows):
            announce(row)
            started = time.monotonic()
            try:
                self._check_start(row, budget)
                allowed = TimeAllowed(budget.share(1 / (len(rows) - number)), budget)
                self.models[row.key] = _train(row, request, allowed)
            except training.TrainingTooSlow as slow:
                left_out.append(left_out_row(row, f"left out: {slow}", time.monotonic() - started))
        return [self._record(model) for model in self.models.values()], left_out

    def _check_start(self, row: Backbone, budget: Budget) -> None:
        """Raise TrainingTooSlow where building the graphs would take too long, which cannot be interrupted.

        The estimate is the longest time a layer that the networks before took.
        """
        starts = [one.trained.start_seconds / LAYERS[key] for key, one in self.models.items()]
        expected = max(starts, default=0.0) * LAYERS[row.key]
        if expected > START_SHARE * budget.remaining():
            raise training.TrainingTooSlow(expected / START_SHARE, budget.remaining())

    def _record(self, model: ScratchModel) -> CandidateRecord:
        """Return the model as a candidate among the others. Its head took no time of its own."""
        candidate, dataset = model.candidate, self._dataset
        rows = np.concatenate([dataset.rows(part) for part in (Part.TRAIN, Part.VALIDATION)])
        curve = tuple(_point(candidate.backbone.key, one) for one in model.trained.curve)
        return CandidateRecord(candidate, rows, candidate.images_per_second, 0.0, curve)


def _point(key: str, one: EpochFigures) -> CurvePoint:
    figures = (one.accuracy, one.loss, one.validation_accuracy, one.validation_loss)
    return CurvePoint("select", key, one.epoch, *(round(value, 5) for value in figures))


def train_again(key: str, request: ScratchRequest, epochs: int, weights: Path) -> bool:
    """Train a network from scratch once more, on the training and validation photos.

    Writes all its weights to the file `weights` and returns True; False where the time does not suffice.
    """
    keras.utils.set_random_seed(request.seed)
    whole, _ = small.built(key, len(request.dataset.truth.classes))
    photos = request.training_set(Part.TRAIN, Part.VALIDATION)
    if not training.repeat(whole, photos, epochs, request.budget):
        return False
    whole.save_weights(str(weights))
    return True


def examples(dataset: LabelledPhotos, *parts: Part) -> Examples:
    """Return the photos of these parts with their labels."""
    rows = np.concatenate([dataset.rows(part) for part in parts])
    return Examples(dataset.pixels(small.SIZE)[rows], dataset.truth.labels[rows])


def _train(row: Backbone, request: ScratchRequest, allowed: TimeAllowed) -> ScratchModel:
    """Train one network and write its weights. Raises TrainingTooSlow."""
    started, dataset = time.monotonic(), request.dataset
    keras.utils.set_random_seed(request.seed)
    whole, trunk = small.built(row.key, len(dataset.truth.classes))
    validation = examples(dataset, Part.VALIDATION)
    trained = training.train(whole, request.training_set(Part.TRAIN), validation, allowed)
    weights = request.folder / f"{row.key}.weights.h5"
    trunk.save_weights(str(weights))
    probabilities = training.probabilities(whole, validation)
    candidate = Candidate(
        backbone=row,
        features=_no_features(dataset),
        result=_result(probabilities, dataset, trained),
        seconds=time.monotonic() - started,
        images_per_second=trained.images_per_second,
        partial=False,
        way=NOTE.format(wording.plural(trained.epochs, "epoch")),
    )
    return ScratchModel(candidate, _head(whole), OutOfFold(probabilities, validation.labels, ()), trained, weights)


def _no_features(dataset: LabelledPhotos) -> FeatureTable:
    """Return a table without features: a network's features of its own training photos would mislead."""
    train, validation = dataset.rows(Part.TRAIN), dataset.rows(Part.VALIDATION)
    rows = np.concatenate([train, validation])
    return FeatureTable(
        np.empty((len(rows), 0), np.float32), dataset.truth.labels[rows], dataset.groups[rows], len(train)
    )


def _result(probabilities: Floats, dataset: LabelledPhotos, trained: TrainingResult) -> HeadResult:
    """Return the validation figures; `probabilities` (m, k) are those of the validation photos."""
    train, validation = dataset.rows(Part.TRAIN), dataset.rows(Part.VALIDATION)
    judged = np.arange(len(train) + len(validation)) >= len(train)
    right = np.zeros(len(judged), bool)
    right[judged] = probabilities.argmax(1) == dataset.truth.labels[validation]
    names = ("accuracy", "loss", "validation_accuracy", "validation_loss")
    history = History(*(np.array([getattr(one, name) for one in trained.curve]) for name in names))
    balanced = imbalance.unequal(np.bincount(dataset.truth.labels))
    labels = _no_features(dataset).labels
    return HeadResult(right, judged, labels, trained.loss, 0.0, trained.epochs, history, balanced)


def _head(whole: keras.Model) -> Head:
    """Return the last layer as a head that does not standardise."""
    kernel, bias = whole.get_layer(OUTPUT).get_weights()
    features = len(kernel)
    return Head(np.zeros(features, np.float32), np.ones(features, np.float32), kernel, bias)


def findings(model: ScratchModel) -> Findings:
    """Return the probabilities of the validation photos, without suspects and without a learning curve."""
    return Findings(model.unseen, None, None)
