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

from jobs.options import Options
from vm_worker.intake.dataset import Part
from vm_worker.learn import imbalance
from vm_worker.learn.arrays import Floats
from vm_worker.learn.budget import Budget
from vm_worker.learn.design.designing import DesignRequest, Rooms, Wish, design
from vm_worker.learn.design.policy import POLICY as DESIGN_POLICY
from vm_worker.learn.design.policy import DesignPolicy
from vm_worker.learn.design.sides import side_for
from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.heads.head_result import HeadResult
from vm_worker.learn.heads.linear import Head, History
from vm_worker.learn.judge.findings import Findings
from vm_worker.learn.judge.out_of_fold import OutOfFold
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import designed, small_rows
from vm_worker.learn.networks.catalogue import OUTPUT
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
from vm_worker.learn.select.small_network import SmallNetwork
from vm_worker.results.candidates import CandidateRow, CurvePoint
from vm_worker.results.designs import RANDOM, Designed, NetworkPlan

SHARE = 0.3  # of the time until tuning ends, beside pretrained candidates
SHARE_ALONE = 0.6  # without pretrained candidates: the time left trains the winner once more
SHARE_DESIGN, SHARE_DESIGN_ALONE = 0.5, 0.75  # where a network is designed

START_SHARE = 0.5  # of the time left, for building a network's graphs
# Parts of the time of all: the fixed networks together, the user's own, and the search for one with its last training.
FIXED_PART, OWN_PART, DESIGN_PART = 1.0, 0.5, 3.0


@dataclass(frozen=True)
class ScratchPolicy:
    """The networks that are trained from scratch, and the lengths of their trainings."""

    networks: tuple[str, ...] = small_rows.NETWORKS
    training: TrainingPolicy = TRAINING_POLICY
    design: DesignPolicy = DESIGN_POLICY


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

    def training_set(self, side: int, *parts: Part) -> TrainingSet:
        """Return the photos of these parts to train on."""
        return TrainingSet(examples(self.dataset, side, *parts), self.mirror, self.seed, self.policy)


@dataclass(frozen=True)
class ScratchModel:
    """A network trained from scratch."""

    candidate: Candidate
    head: Head  # its last layer
    unseen: OutOfFold  # its probabilities of the validation photos
    trained: TrainingResult
    weights: Path  # of all layers but the last
    layers: int
    plan: NetworkPlan | None = None  # of a network that came as text


class ScratchCandidates:
    """The networks that one job trains from scratch, none where it does not ask for them.

    Without pretrained candidates they get a larger share of the time.
    """

    def __init__(
        self, dataset: LabelledPhotos, options: Options, alone: bool, budget: Budget, policy: ScratchPolicy = POLICY
    ) -> None:
        self._dataset, self._options, self._policy = dataset, options, policy
        wide = (SHARE_DESIGN_ALONE if alone else SHARE_DESIGN) if options.design else SHARE_ALONE if alone else SHARE
        self._fixed, self._own, self._designed = (
            options.small_networks,
            bool(options.architecture),
            bool(options.design),
        )
        self.expected = len(policy.networks) * self._fixed + self._own + self._designed
        self.seconds = max(0.0, budget.remaining()) * (wide if self.expected else 0.0)  # for all trainings together
        self.models: dict[str, ScratchModel] = {}  # by key
        self.design: Designed | None = None  # the search for a network, once it is over

    def train(
        self, folder: Path, show: Callable[[float, str], None], rooms: Rooms, unneeded: str = ""
    ) -> tuple[list[CandidateRecord], list[CandidateRow]]:
        """Train each network in its share of the time; `show` hears which share of one is done, and a sentence.

        `rooms` is where the trainings of a search run. Returns the trained ones, and the rows of those for which the
        time does not suffice. The fixed networks are left out where `unneeded` says why; what the user's own network
        or a designed one comes to is always found out.
        """
        budget, options, left_out = Budget.of(self.seconds), self._options, []
        parts = FIXED_PART * self._fixed + OWN_PART * self._own + DESIGN_PART * self._designed
        whole, policy = self.seconds / max(parts, 1.0), self._policy

        def request(seconds: float) -> ScratchRequest:
            given = Budget.of(min(seconds, budget.remaining()))
            return ScratchRequest(self._dataset, options.mirror, options.seed, given, folder, policy.training)

        # What was asked for by name comes first: a network that turns out too slow has taken its time by then.
        if self._own:
            left_out += self._trained([self._own_network()], request(whole * OWN_PART), show)
        if self._designed:
            left_out += self._design(request(whole * DESIGN_PART), show, rooms)
        if self._fixed:
            rows = small_rows.fitting(len(self._dataset.rows(Part.TRAIN)), policy.networks)
            left_out += [left_out_row(row, unneeded, 0.0) for row in rows if unneeded]
            networks = [] if unneeded else [SmallNetwork(row) for row in rows]
            left_out += self._trained(networks, request(budget.remaining()), show) if networks else []
        return [self._record(model) for model in self.models.values()], left_out

    def _own_network(self) -> SmallNetwork:
        plan = NetworkPlan(self._options.architecture or "", side_for(self._dataset))
        return SmallNetwork.named(designed.OWN, plan, len(self._dataset.truth.classes))

    def _design(self, request: ScratchRequest, show: Callable[[float, str], None], rooms: Rooms) -> list[CandidateRow]:
        """Search for a network and train the best one; return its row where the time did not suffice."""
        options, classes = self._options, len(self._dataset.truth.classes)
        wish = Wish(options.design or RANDOM, options.designs, options.minutes, options.mirror, options.seed)
        room, policy, budget = request.folder, self._policy.design, request.budget
        self.design = design(DesignRequest(self._dataset, wish, budget, room, rooms, policy, show))
        best = next((row for row in self.design.networks if row.number == self.design.best), None)
        if best is None:
            return [_nothing_found(self.design.seconds)]
        network = SmallNetwork.named(designed.DESIGNED, NetworkPlan(best.architecture, self.design.side), classes)
        return self._trained([network], request, show)

    def _trained(
        self, networks: list[SmallNetwork], request: ScratchRequest, show: Callable[[float, str], None]
    ) -> list[CandidateRow]:
        """Train networks in equal shares of the time; return the rows of those for which it does not suffice."""
        left_out, budget = [], request.budget
        for number, network in enumerate(networks):
            show(0.0, f"{network.row.title}: learning")
            started = time.monotonic()
            try:
                self._check_start(network, budget)
                allowed = TimeAllowed(budget.share(1 / (len(networks) - number)), budget)
                self.models[network.row.key] = _train(network, request, allowed)
            except training.TrainingTooSlow as slow:
                left_out.append(left_out_row(network.row, f"left out: {slow}", time.monotonic() - started))
        return left_out

    def _check_start(self, network: SmallNetwork, budget: Budget) -> None:
        """Raise TrainingTooSlow where building the graphs would take too long, which cannot be interrupted.

        The estimate is the longest time a layer that the networks before took.
        """
        pace = max((one.trained.start_seconds / one.layers for one in self.models.values()), default=0.0)
        expected = pace * network.layers
        if expected > START_SHARE * budget.remaining():
            raise training.TrainingTooSlow(expected / START_SHARE, budget.remaining())

    def _record(self, model: ScratchModel) -> CandidateRecord:
        """Return the model as a candidate among the others. Its head took no time of its own."""
        candidate, dataset = model.candidate, self._dataset
        rows = np.concatenate([dataset.rows(part) for part in (Part.TRAIN, Part.VALIDATION)])
        curve = tuple(_point(candidate.backbone.key, one) for one in model.trained.curve)
        return CandidateRecord(candidate, rows, candidate.images_per_second, 0.0, curve)


def _nothing_found(seconds: float) -> CandidateRow:
    title, note = designed.TITLES[designed.DESIGNED], "left out: no network was found in the time"
    return CandidateRow(designed.DESIGNED, title, None, None, None, None, seconds, "dropped", note)


def _point(key: str, one: EpochFigures) -> CurvePoint:
    figures = (one.accuracy, one.loss, one.validation_accuracy, one.validation_loss)
    return CurvePoint("select", key, one.epoch, *(round(value, 5) for value in figures))


def train_again(network: SmallNetwork, request: ScratchRequest, epochs: int, weights: Path) -> bool:
    """Train a network from scratch once more, on the training and validation photos.

    Writes all its weights to the file `weights` and returns True; False where the time does not suffice.
    """
    keras.utils.set_random_seed(request.seed)
    whole, _ = network.built(len(request.dataset.truth.classes))
    photos = request.training_set(network.row.size, Part.TRAIN, Part.VALIDATION)
    if not training.repeat(whole, photos, epochs, request.budget):
        return False
    whole.save_weights(str(weights))
    return True


def examples(dataset: LabelledPhotos, side: int, *parts: Part) -> Examples:
    """Return the photos of these parts, of so many pixels a side, with their labels."""
    rows = np.concatenate([dataset.rows(part) for part in parts])
    return Examples(dataset.pixels(side)[rows], dataset.truth.labels[rows])


def _train(network: SmallNetwork, request: ScratchRequest, allowed: TimeAllowed) -> ScratchModel:
    """Train one network and write its weights. Raises TrainingTooSlow."""
    started, dataset, row = time.monotonic(), request.dataset, network.row
    keras.utils.set_random_seed(request.seed)
    whole, trunk = network.built(len(dataset.truth.classes))
    validation = examples(dataset, row.size, Part.VALIDATION)
    trained = training.train(whole, request.training_set(row.size, Part.TRAIN), validation, allowed)
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
        way=network.way(trained.epochs),
    )
    unseen = OutOfFold(probabilities, validation.labels, ())
    return ScratchModel(candidate, _head(whole), unseen, trained, weights, len(whole.layers), network.plan)


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
