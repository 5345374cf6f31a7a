"""What the evaluate stage commits: every figure of the delivered model on the test photos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vm_worker.as_json import AsJson, named, only_if_known
from vm_worker.results.scores import Interval


@dataclass(frozen=True)
class ClassFigures(AsJson):
    """How well one class is found."""

    precision: float
    recall: float
    f1: float
    support: int  # test photos of the class
    label: str = named("class")


@dataclass(frozen=True)
class ConfusedPair(AsJson):
    """A mistake that happens: photos of one class that the model takes for another."""

    truth: str  # the class of the photos
    said: str  # the model's answer
    count: int  # of such photos
    of: int  # test photos of the class
    share: float  # count / of


@dataclass(frozen=True)
class Answer(AsJson):
    """The model's first answer for one photo, such as a mistake that the report shows."""

    truth: str  # the photo's class
    said: str
    probability: float  # of what was said
    name: str | None = only_if_known()  # the photo's file


PictureRow = Answer | ConfusedPair  # what a picture of the report shows


@dataclass(frozen=True)
class HeldOutFigures(AsJson):
    """The figures of the test photos, which no training has seen."""

    accuracy: float
    interval: Interval  # of the accuracy, 95 %
    balanced_accuracy: float  # the mean recall of the classes
    images: int
    correct: int
    loss: float  # mean cross-entropy
    most_common_share: float  # of the most frequent class: what naming it always would reach
    per_class: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]  # a row for each true class, a column for each answer
    pairs: tuple[ConfusedPair, ...]  # the most frequent first
    mistakes: tuple[Answer, ...]  # the surest first


@dataclass(frozen=True)
class Bin(AsJson):
    """Photos of which the model was about as sure."""

    confidence: float  # the mean of their largest probabilities
    accuracy: float
    count: int


@dataclass(frozen=True)
class CalibrationFigures(AsJson):
    """Whether the model is as sure as it is right, before and after its temperature."""

    temperature: float  # that the logits are divided by
    ece_before: float  # expected calibration error, 0..1
    ece_after: float
    bins_before: tuple[Bin, ...]
    bins_after: tuple[Bin, ...]
    images: int  # that chose the temperature


@dataclass(frozen=True)
class UnsureRow(AsJson):
    """What happens on the test photos when the model says "not sure" below a threshold."""

    threshold: float  # of the largest probability
    answered: float  # share of the photos
    accuracy_answered: float | None  # None: nothing is answered
    interval: Interval  # of that accuracy, 95 %
    wrong: int  # answered wrongly
    open: int  # left to a person


@dataclass(frozen=True)
class UnsureFigures(AsJson):
    """The chosen threshold, and a table of others."""

    threshold: float | None  # None: none is worth it
    photos: int  # that chose it
    answered: float
    accuracy_answered: float | None
    interval: Interval
    wrong: int
    open: int
    rows: tuple[UnsureRow, ...]


@dataclass(frozen=True)
class LayerRow(AsJson):
    """One layer of the model."""

    name: str
    type: str
    output_shape: str
    parameters: int


@dataclass(frozen=True)
class ModelFigures(AsJson):
    """The delivered model itself."""

    layers: tuple[LayerRow, ...]
    total: int  # parameters
    trainable: int
    non_trainable: int
    input: str
    bytes: int  # of model.h5


@dataclass(frozen=True)
class Evaluated(AsJson):
    """The result of the evaluate stage."""

    test: HeldOutFigures
    model: ModelFigures
    calibration: CalibrationFigures | None = None
    unsure: UnsureFigures | None = None
    pictures: Mapping[str, tuple[PictureRow, ...]] = field(default_factory=dict)  # file name -> what it shows
