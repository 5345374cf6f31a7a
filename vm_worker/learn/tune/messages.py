"""Messages between tuning and an executor's process: tasks and results, as frozen values with a JSON form.

A task's key "do" names its kind. A result's key "state" says whether the task came to its end.
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
class TuningTask(AsJson):
    """The part that all tasks share."""

    do: ClassVar[str]

    inputs: TuningInputs
    seconds: float  # the time that the task may take

    def message(self) -> JsonObject:
        """Return the task as JSON, with its kind."""
        return {"do": self.do, **self.to_json()}


@dataclass(frozen=True)
class SurveyTask(TuningTask):
    """The task to measure how fast the network runs and trains on this machine."""

    do = "survey"

    images_per_second: float  # through the frozen network, as selection measured it


@dataclass(frozen=True)
class PrepareTask(TuningTask):
    """The task to compute the activations at a cut, and to judge heads."""

    do = "prepare"

    cut: str
    views: Views


@dataclass(frozen=True)
class TrialTask(TuningTask):
    """The task to train above a cut on the training rows, judge on the validation rows, and write the weights."""

    do = "trial"

    key: str
    recipe: Recipe
    views: Views
    weights: Path  # the file that they are written to
    search: str  # the search algorithm, whose pruning rule gives up a hopeless trial
    rivals: tuple[tuple[float, ...], ...]  # the errors after each epoch of the trials that it is compared with


@dataclass(frozen=True)
class LastTraining(AsJson):
    """The settings of the last training, which makes the delivered model."""

    recipe: Recipe
    epochs: int
    start: str  # the file of a trial's weights to continue from; empty: start from the pretrained network


@dataclass(frozen=True)
class FinalTask(TuningTask):
    """The task to train on train+validation and write the weights; without `training`, to train the head alone."""

    do = "final"

    cut: str
    views: Views
    weights: Path  # the file that they are written to
    training: LastTraining | None = None


@dataclass(frozen=True)
class Surveyed(AsJson):
    """The result of a survey: speeds and sizes of the network."""

    forward: float  # seconds a picture: forward pass of the whole network by Keras
    step: float  # seconds a picture: step of training of the whole network
    products: str  # the dtype that convolutions multiply in
    frozen: float  # seconds a picture: pass through the frozen network by the fastest engine
    view_seconds: float  # seconds to make a random view of a picture
    share_above: Mapping[str, float]  # by cut: the share of a forward pass above it, 0..1
    activations_at: Mapping[str, int]  # by cut: activations of a picture at it
    activations_above: Mapping[str, int]  # by cut: activations of a picture that a step keeps above it
    deep: bool = False  # whether a view that is made anew passes the whole frozen network, for its other depths
    state: str = ENDED


@dataclass(frozen=True)
class Prepared(AsJson):
    """The result of preparing: scores of two heads that have not seen the validation rows."""

    head: Score  # of the selected head
    views: Score  # of a head trained on views of the photos
    seen: int  # number of views of each photo that this head was trained on
    seconds: float
    state: str = ENDED
    # Whether the head on views is better than what is selected by more than a standard error; None: it need not be, as
    # that is a head on the last features, too.
    surely: bool | None = only_if_known()


@dataclass(frozen=True)
class EpochPoint(AsJson):
    """The figures of an epoch of a trial, a point of its curve."""

    phase: str
    epoch: int
    accuracy: float
    loss: float
    validation_accuracy: float
    validation_loss: float


@dataclass(frozen=True)
class TrialResult(AsJson):
    """The result of a trial. The parent adds the last five fields and commits it, for later attempts to read."""

    state: str
    score: Score  # of the best epoch
    epochs: int  # the best epoch's number, from 1
    errors: tuple[float, ...]  # of every epoch
    points: tuple[EpochPoint, ...]
    pace: float  # seconds an epoch
    seconds: float
    # Whether the mean that would be delivered is better than what is selected by more than a standard error; None: it
    # is no mean.
    surely: bool | None = only_if_known()
    kind: str | None = only_if_known()  # "rule", or the search that suggested it
    suggested: int | None = only_if_known()  # epochs of the suggestion
    recipe: Recipe | None = only_if_known()
    batch: int | None = only_if_known()  # batch and rate that it was reduced to where memory was short
    rate: float | None = only_if_known()

    @property
    def pruned(self) -> bool:
        """True for a trial that was given up early."""
        return self.state == PRUNED


@dataclass(frozen=True)
class Finished(AsJson):
    """The result of the last training."""

    epochs: int
    state: str = ENDED


def late(result: JsonObject) -> bool:
    """Return whether the time ended before the task did."""
    return result["state"] == LATE
