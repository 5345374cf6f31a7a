"""What tuning asks an executor's process to do, and what comes back, as frozen values with a JSON form.

A task names what to do under "do". A result tells under "state" whether it came to its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from jobs.json_values import JsonObject
from vm_worker.as_json import AsJson, only_if_known
from vm_worker.learn.judge.scores import Score
from vm_worker.learn.tune.recipe import Recipe, Views
from vm_worker.learn.tune.tuning_inputs import TuningInputs

ENDED, PRUNED, LATE = "ended", "pruned", "out_of_time"  # states of a result


@dataclass(frozen=True)
class Task(AsJson):
    """What every task has."""

    do: ClassVar[str]

    inputs: TuningInputs
    seconds: float  # that it may take

    def message(self) -> JsonObject:
        """The task as an executor takes it."""
        return {"do": self.do, **self.to_json()}


@dataclass(frozen=True)
class SurveyTask(Task):
    """Measure how fast the network runs and trains here."""

    do = "survey"

    images_per_second: float  # through the frozen network, as selection measured it


@dataclass(frozen=True)
class PrepareTask(Task):
    """Compute the activations at a cut, and judge heads."""

    do = "prepare"

    cut: str
    views: Views


@dataclass(frozen=True)
class TrialTask(Task):
    """Train above a cut on the training rows, judge on the validation rows, write the weights."""

    do = "trial"

    key: str
    recipe: Recipe
    views: Views
    weights: Path  # where they go
    search: str  # the algorithm, whose rule gives up a hopeless trial
    rivals: tuple[tuple[float, ...], ...]  # errors after each epoch, of the trials that it is compared with


@dataclass(frozen=True)
class LastTraining(AsJson):
    """How the delivered model is trained."""

    recipe: Recipe
    epochs: int
    start: str  # a trial's weights to go on from; empty: the pretrained network


@dataclass(frozen=True)
class FinalTask(Task):
    """Train on train+validation and write the weights; without a training the head alone."""

    do = "final"

    cut: str
    views: Views
    weights: Path  # where they go
    training: LastTraining | None = None


@dataclass(frozen=True)
class Surveyed(AsJson):
    """What a survey measured."""

    forward: float  # seconds a picture, whole network, as training judges it
    step: float  # seconds a picture of a step of training, whole network
    products: str  # the dtype that convolutions multiply in
    frozen: float  # seconds a picture through the frozen network, as activations are computed
    viewing: float  # seconds in which a random view of a picture is made
    shares: Mapping[str, float]  # the part of a forward pass above each cut
    numbers: Mapping[str, int]  # activations of a picture at each cut
    above: Mapping[str, int]  # activations of a picture that a step of training keeps above each cut
    state: str = ENDED


@dataclass(frozen=True)
class Prepared(AsJson):
    """The scores of two heads that have not seen the validation rows."""

    head: Score  # of the selected one
    views: Score  # of one that has seen the views
    seen: int  # views that it has seen
    seconds: float
    state: str = ENDED


@dataclass(frozen=True)
class EpochPoint(AsJson):
    """One epoch of a trial, as the curve shows it."""

    phase: str
    epoch: int
    accuracy: float
    loss: float
    validation_accuracy: float
    validation_loss: float


@dataclass(frozen=True)
class TrialResult(AsJson):
    """What a trial found. With what the parent adds it is committed, for later attempts to read."""

    state: str
    score: Score  # of the best epoch
    epochs: int  # its number
    errors: tuple[float, ...]  # of every epoch
    points: tuple[EpochPoint, ...]
    pace: float  # seconds an epoch
    seconds: float
    kind: str | None = only_if_known()  # the search that suggested it
    suggested: int | None = only_if_known()  # epochs of the suggestion
    recipe: Recipe | None = only_if_known()
    batch: int | None = only_if_known()  # what it was reduced to for want of memory
    rate: float | None = only_if_known()

    @property
    def pruned(self) -> bool:
        """Whether it was given up early."""
        return self.state == PRUNED


@dataclass(frozen=True)
class Finished(AsJson):
    """What the last training did."""

    epochs: int
    state: str = ENDED


def late(result: JsonObject) -> bool:
    """Whether the time ended before the task did."""
    return result["state"] == LATE
