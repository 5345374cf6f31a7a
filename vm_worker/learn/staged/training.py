"""One training of a staged transfer, from its description in plain values to its accuracy on the test photos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import keras

from vm_worker.intake.dataset import Part
from vm_worker.learn.networks.weights import WeightFile
from vm_worker.learn.staged import fitting
from vm_worker.learn.staged.checkpoint import CheckpointRule
from vm_worker.learn.staged.fitting import EpochHeard, Fit, Fitted, Photos, Rule
from vm_worker.learn.staged.network import StagedNetwork, built


@dataclass(frozen=True)
class Start:
    """The network that a training begins with."""

    key: str
    size: int  # pixels a side
    pretrained: WeightFile | None = None  # None: random weights
    before: Path | None = None  # weights that the stage before wrote
    new_head: bool = True
    frozen: tuple[str | int, ...] = ()
    frozen_to: str | int | None = None


@dataclass(frozen=True, eq=False)
class Work:
    """One training."""

    start: Start
    classes: int
    photos: Mapping[Part, Photos]
    rule: Rule
    seed: int
    cached: bool = False  # whether the outputs of the frozen beginning are computed once


@dataclass(frozen=True)
class Trained:
    """What a training came to."""

    fitted: Fitted
    right: int  # test photos
    tested: int


@dataclass(frozen=True)
class Outline:
    """What of a network learns in a stage, without any training."""

    layers: tuple[tuple[str, int], ...]  # name and parameters of each layer that a plan can name, without the head
    frozen: tuple[str, ...]  # names of layers
    features: int  # inputs of the head
    cacheable: bool  # whether the network begins with frozen layers behind which it can be cut

    def parameters(self, classes: int) -> int:
        """Return the number of all parameters."""
        return sum(count for _, count in self.layers) + (self.features + 1) * classes

    def trained(self, classes: int) -> int:
        """Return the number of parameters that are not frozen."""
        return self.parameters(classes) - sum(count for name, count in self.layers if name in self.frozen)


def train(work: Work, scratch: Path, weights: Path | None, heard: EpochHeard) -> Trained:
    """Train, write the weights to `weights`, and test. Equal works give equal results but for the times.

    The folder `scratch` holds the cache, and what a training that is killed goes on from; no other training may use
    it. Raises UnknownLayer.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    keras.backend.clear_session()  # else every graph of earlier trainings stays in memory
    keras.utils.set_random_seed(work.seed)
    network = _begun(work.start, work.classes)
    cut = network.cut() if work.cached else None
    kept = CheckpointRule(scratch / "checkpoint.npz")
    fit = Fit(network.model, work.photos[Part.TRAIN], work.photos[Part.VALIDATION], work.rule, work.seed, kept)
    fitted = fitting.fit(fit, heard) if cut is None else fitting.fit_cached(fit, cut, scratch, heard)
    if weights is not None:
        network.save(weights)
    test = work.photos[Part.TEST]
    answers = fitting.probabilities(network.model, test.images)
    return Trained(fitted, int((answers.argmax(1) == test.labels).sum()), len(test.labels))


def outline(start: Start) -> Outline:
    """Say what would learn; weights are not read. Raises UnknownLayer."""
    keras.backend.clear_session()
    network = built(start.key, start.size, 2)
    frozen = network.frozen(start.frozen, start.frozen_to)
    network.freeze(frozen)
    return Outline(
        layers=tuple((one.name, one.parameters) for one in network.layers),
        frozen=tuple(one.name for one in frozen),
        features=int(network.below.output.shape[-1]),
        cacheable=network.cut() is not None,
    )


def _begun(start: Start, classes: int) -> StagedNetwork:
    network = built(start.key, start.size, classes, start.pretrained)
    if start.before is not None:
        network.load(start.before, start.new_head)
    network.freeze(network.frozen(start.frozen, start.frozen_to))
    return network
