"""The result of the tune stage: rows of the trials, a summary of the search, and figures of the delivered model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vm_worker.as_json import AsJson, only_if_known
from vm_worker.results.candidates import CurvePoint
from vm_worker.results.scores import ACCURACY, fill_score

Parameter = bool | int | float | str | None


@dataclass(frozen=True)
class TrialRow(AsJson):
    """A trial of the tune stage."""

    number: int  # number of the trial, from 1
    kind: str  # rule | views | repeat | the name of a search
    parameters: Mapping[str, Parameter]  # values by their names in the report
    validation_accuracy: float | None = None  # share of right answers, 0..1
    validation_loss: float | None = None  # mean cross-entropy on the validation photos
    seconds: float = 0.0
    state: str = "not_better"  # kept | not_better | skipped
    note: str = ""
    validation_score: float | None = None
    metric: str = ACCURACY  # the metric of the validation score

    def __post_init__(self) -> None:
        fill_score(self)


@dataclass(frozen=True)
class SearchSummary(AsJson):
    """A summary of the search."""

    algorithm: str
    trials: int
    outcome: str  # the reason why the search ended
    products: str | None = only_if_known()  # the dtype in which the trials' convolutions multiplied


@dataclass(frozen=True)
class Tuned(AsJson):
    """The result of the tune stage. Its figures are of the validation part, by models that had not seen it."""

    better: bool  # true: better than the selected network, so that the tuned weights are delivered
    trials: tuple[TrialRow, ...]
    curve: tuple[CurvePoint, ...]  # the epochs of the best trial
    validation_accuracy: float | None  # accuracy of the delivered model, 0..1
    validation_loss: float | None
    search: SearchSummary | None = None
    validation_score: float | None = None
    metric: str = ACCURACY  # the metric of the validation score
    # Of the tuned network's logits in those that are delivered, where they are a mean with what was selected; None:
    # there is no such mean.
    share: float | None = only_if_known()

    def __post_init__(self) -> None:
        fill_score(self)
