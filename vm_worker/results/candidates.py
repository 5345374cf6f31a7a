"""The result of the select stage: a row for each candidate network, and facts about the photos from the winner."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from vm_worker.as_json import AsJson, named, only_if_known
from vm_worker.results.designs import ContenderRow, Designed, NetworkPlan
from vm_worker.results.scores import ACCURACY, Interval, fill_score


class Network(Protocol):
    """A network, as far as a row describes it."""

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
        """The number of the network's parameters, without a head."""
        ...


@dataclass(frozen=True)
class CandidateRow(AsJson):
    """A candidate of the select stage."""

    name: str  # the network's key
    title: str
    validation_accuracy: float | None  # share of right answers, 0..1; None: not measured
    validation_interval: Interval | None  # 95 % confidence interval of the validation score
    validation_loss: float | None  # mean cross-entropy on the validation photos
    parameters: int | None
    seconds: float | None  # the time that the candidate took; None: not measured
    state: str  # chosen | single (the best one alone, beside a pair) | tied | evaluated | dropped | no_weights
    note: str
    validation_score: float | None = None
    metric: str = ACCURACY  # the metric of the validation score

    def __post_init__(self) -> None:
        fill_score(self)

    @classmethod
    def without_figures(cls, network: Network, state: str, note: str, seconds: float | None = None) -> CandidateRow:
        """Return the row of a candidate that was not measured; the note gives the reason."""
        return cls(network.key, network.title, None, None, None, network.parameters, seconds, state, note)


@dataclass(frozen=True)
class CurvePoint(AsJson):
    """An epoch of a training; a figure that was not measured is None."""

    phase: str  # select | tune
    name: str  # the network's key
    epoch: int  # number of the epoch, from 1
    accuracy: float | None = None  # accuracy on the training photos
    loss: float | None = None
    validation_accuracy: float | None = None
    validation_loss: float | None = None


@dataclass(frozen=True)
class PruningRow(AsJson):
    """The figures of one candidate from a probe on a few photos."""

    name: str
    title: str
    images: int  # number of photos of the probe
    logme: float
    p2l: float | None  # the P2L score; None when the network's pretraining classes are not known
    probe_accuracy: float  # the balanced accuracy where classes are unequal
    dropped: bool  # true: the candidate is not tried on all photos


@dataclass(frozen=True)
class SuspectRow(AsJson):
    """A photo that may lie in the wrong folder."""

    name: str  # the photo's file name
    says: str  # the class that the model names
    probability: float  # the model's probability of that class
    label: str = named("class")  # the photo's folder


@dataclass(frozen=True)
class LearningPoint(AsJson):
    """The accuracy of the selected head after it learned from a share of the photos."""

    share: float  # share of the training photos, 0..1
    images: int
    accuracy: float  # share of right answers on photos that the head had not seen
    error: float  # standard error of the accuracy


@dataclass(frozen=True)
class LearningCurve(AsJson):
    """An estimate whether more photos would help, with the points that it is made from."""

    points: tuple[LearningPoint, ...]  # the smallest share first
    verdict: str  # yes | hardly | unknown
    answer: str  # a sentence for the report


@dataclass(frozen=True)
class FromScratch(AsJson):
    """The way in which a network that was trained from scratch became the winner."""

    epochs: int  # the number of epochs after which the network was best
    plan: NetworkPlan | None = only_if_known()  # of a network that came as text: a designed one, or the user's own


@dataclass(frozen=True)
class PairRow(AsJson):
    """Two networks whose answers are averaged, and their validation figures."""

    partner: str  # the key of the network beside the winner
    title: str  # of both
    validation_accuracy: float
    validation_score: float
    validation_loss: float
    validation_interval: Interval | None = only_if_known()  # 95 % confidence interval of the validation score


@dataclass(frozen=True)
class ContinuedRow(AsJson):
    """One way to a model, judged on photos that the earlier model had not learnt from."""

    way: str  # earlier | untouched (the earlier model as it was) | imagenet | scratch
    title: str  # of the network
    score: float  # by the metric of `Continued`, 0..1
    interval: Interval  # 95 %
    seconds: float | None  # that features and heads took; None: they are those of the first row


@dataclass(frozen=True)
class Continued(AsJson):
    """A comparison of an earlier model of the user with other starts."""

    photos: int  # that all ways were judged on
    metric: str
    rows: tuple[ContinuedRow, ...]  # the earlier model first
    p: float | None  # how often chance makes a difference like that between the ways "earlier" and "imagenet"
    helped: bool  # whether its network was chosen


@dataclass(frozen=True)
class Selected(AsJson):
    """The result of the select stage."""

    winner: str  # the network's key
    candidates: tuple[CandidateRow, ...]  # best first
    curve: tuple[CurvePoint, ...]  # the epochs of all candidates
    note: str  # the reason for the choice
    images_per_second: float = 0.0  # speed of the frozen winner while features were extracted
    plain_images_per_second: float | None = None  # speed of the winner in Keras; None: not measured
    quoted_seconds: float | None = None  # the time that was quoted before the training, from claim to outcome
    start_seconds: float | None = None  # the time that loading the machine learning libraries took, alone
    pruning: tuple[PruningRow, ...] = ()  # empty when all candidates saw all photos
    learning_curve: LearningCurve | None = None  # None: there was no time for it
    suspects: tuple[SuspectRow, ...] = ()  # only the clearest suspects
    suspects_count: int | None = None  # number of all suspects; None: there was no time to look
    crowding: float | None = only_if_known()  # times as long as alone that work took, beside other programs
    from_scratch: FromScratch | None = only_if_known()
    pair: PairRow | None = only_if_known()  # delivered unless tuning makes the winner better than this
    design: Designed | None = only_if_known()  # the search for a network; None: there was none
    continued: Continued | None = only_if_known()  # None: no network of an earlier model was judged
    # The best designed network and the best pretrained one; None: there are not both.
    contenders: tuple[ContenderRow, ...] | None = only_if_known()
    learnt: int | None = only_if_known()  # photos that the winner has learnt from; None: all, as the time sufficed

    @property
    def best(self) -> CandidateRow:
        """Return the winner's row."""
        return next(row for row in self.candidates if row.name == self.winner)

    def rows_with(self, pair: PairRow | None) -> tuple[CandidateRow, ...]:
        """Return the rows of the candidates; where a pair is delivered it stands first, as the chosen one."""
        if pair is None:
            return self.candidates
        first = CandidateRow(
            name=f"{self.winner}+{pair.partner}",
            title=pair.title,
            validation_accuracy=pair.validation_accuracy,
            validation_interval=pair.validation_interval,
            validation_loss=pair.validation_loss,
            parameters=None,  # those of the file, which may hold what both share once
            seconds=None,
            state="chosen",
            note="the mean of both answers",
            validation_score=pair.validation_score,
            metric=self.best.metric,
        )
        single = replace(self.best, state="single")
        return (first, *(single if row.name == self.winner else row for row in self.candidates))
