"""What the tune stage commits: a row for each trial, how the search went, and the figures of what is delivered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vm_worker.as_json import AsJson, only_if_known
from vm_worker.results.candidates import CurvePoint
from vm_worker.results.scores import ACCURACY, fill_score

Parameter = bool | int | float | str | None


@dataclass(frozen=True)
class TrialRow(AsJson):
    """One trial of the tune stage."""

    number: int  # from 1
    kind: str  # rule | views | repeat | the name of a search
    parameters: Mapping[str, Parameter]  # by their names in the report
    validation_accuracy: float | None = None  # 0..1
    validation_loss: float | None = None  # mean cross-entropy
    seconds: float = 0.0
    state: str = "not_better"  # kept | not_better | skipped
    note: str = ""
    validation_score: float | None = None
    metric: str = ACCURACY  # what the score is

    def __post_init__(self) -> None:
        fill_score(self)


@dataclass(frozen=True)
class SearchSummary(AsJson):
    """How the search went."""

    algorithm: str
    trials: int
    outcome: str  # why it ended
    products: str | None = only_if_known()  # the dtype that the trials' convolutions multiplied in


@dataclass(frozen=True)
class Tuned(AsJson):
    """The result of the tune stage. The figures are of the validation part, by models that had not seen it."""

    better: bool  # than the selected network: the tuned weights are delivered
    trials: tuple[TrialRow, ...]
    curve: tuple[CurvePoint, ...]  # of the best trial
    validation_accuracy: float | None  # of what is delivered, 0..1
    validation_loss: float | None
    search: SearchSummary | None = None
    validation_score: float | None = None
    metric: str = ACCURACY  # what the score is

    def __post_init__(self) -> None:
        fill_score(self)
