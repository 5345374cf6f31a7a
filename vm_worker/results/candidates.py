"""What the select stage commits: a row for each candidate network, and what the winner tells of the photos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vm_worker.as_json import AsJson, named, only_if_known
from vm_worker.results.scores import ACCURACY, Interval, fill_score


class Network(Protocol):
    """A network, as far as a row tells of it."""

    @property
    def key(self) -> str:
        """The network's name in options, files and reports."""
        ...

    @property
    def title(self) -> str:
        """The network's name for people."""
        ...

    @property
    def parameters(self) -> int:
        """The number of its parameters, without a head."""
        ...


@dataclass(frozen=True)
class CandidateRow(AsJson):
    """One candidate of the select stage."""

    name: str  # the network's key
    title: str
    validation_accuracy: float | None  # 0..1; None: not measured
    validation_interval: Interval | None  # 95 %
    validation_loss: float | None  # mean cross-entropy
    parameters: int | None
    seconds: float | None  # that it took
    state: str  # chosen | tied | evaluated | dropped | no_weights
    note: str
    validation_score: float | None = None
    metric: str = ACCURACY  # what the score is

    def __post_init__(self) -> None:
        fill_score(self)

    @classmethod
    def without_figures(cls, network: Network, state: str, note: str, seconds: float | None = None) -> CandidateRow:
        """The row of a candidate that was not measured; the note says why."""
        return cls(network.key, network.title, None, None, None, network.parameters, seconds, state, note)


@dataclass(frozen=True)
class CurvePoint(AsJson):
    """One epoch of a training; a figure that was not measured is None."""

    phase: str  # select | tune
    name: str  # the network's key
    epoch: int  # from 1
    accuracy: float | None = None  # on the training photos
    loss: float | None = None
    validation_accuracy: float | None = None
    validation_loss: float | None = None


@dataclass(frozen=True)
class PruningRow(AsJson):
    """What a probe on a few photos said of one candidate."""

    name: str
    title: str
    images: int  # that it was probed on
    logme: float
    p2l: float | None  # None where the network does not tell what it was pretrained on
    probe_accuracy: float
    dropped: bool  # it was shown no more photos


@dataclass(frozen=True)
class SuspectRow(AsJson):
    """A photo that may lie in the wrong folder."""

    name: str  # its file
    says: str  # the class that it looks like
    probability: float  # of that class
    label: str = named("class")  # its folder


@dataclass(frozen=True)
class LearningPoint(AsJson):
    """How often the selected head was right when it learned from a share of the photos."""

    share: float  # of the training photos
    images: int
    accuracy: float  # on photos that it had not seen
    error: float  # the accuracy's standard error


@dataclass(frozen=True)
class LearningCurve(AsJson):
    """Whether more photos would help."""

    points: tuple[LearningPoint, ...]  # the smallest share first
    verdict: str  # yes | hardly | unknown
    answer: str  # a sentence for the report


@dataclass(frozen=True)
class FromScratch(AsJson):
    """How a network that was trained from nothing became the winner."""

    epochs: int  # after which it was best


@dataclass(frozen=True)
class Selected(AsJson):
    """The result of the select stage."""

    winner: str  # the network's key
    candidates: tuple[CandidateRow, ...]  # the best first
    curve: tuple[CurvePoint, ...]  # of all candidates
    note: str  # why the winner won
    images_per_second: float = 0.0  # through the frozen winner, as features were extracted
    plain_images_per_second: float | None = None  # by Keras
    quoted_seconds: float | None = None  # told before the training, from claim to outcome
    start_seconds: float | None = None  # that the learning's libraries took to load
    pruning: tuple[PruningRow, ...] = ()  # empty where all candidates saw all photos
    learning_curve: LearningCurve | None = None  # None: there was no time for it
    suspects: tuple[SuspectRow, ...] = ()  # the clearest alone
    suspects_count: int | None = None  # of all; None: there was no time to look
    from_scratch: FromScratch | None = only_if_known()

    @property
    def best(self) -> CandidateRow:
        """The winner's row."""
        return next(row for row in self.candidates if row.name == self.winner)
