"""The result of the evaluate stage: every figure of the delivered model on the test photos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vm_worker.as_json import AsJson, named, only_if_known
from vm_worker.results.designs import ContendersTested
from vm_worker.results.earlier import EarlierModel
from vm_worker.results.exported import ExportRow
from vm_worker.results.scores import Interval


@dataclass(frozen=True)
class ClassFigures(AsJson):
    """The precision and the recall of one class, and its number of test photos."""

    precision: float
    recall: float
    f1: float
    support: int  # number of test photos of the class
    label: str = named("class")


@dataclass(frozen=True)
class ConfusedPair(AsJson):
    """A pair of classes that the model confuses: photos of one class that it takes for the other."""

    truth: str  # the true class of the photos
    said: str  # the model's answer
    count: int  # number of such photos
    of: int  # number of test photos of the true class
    share: float  # count / of, 0..1


@dataclass(frozen=True)
class PhotoAnswer(AsJson):
    """The model's first answer for a photo, such as a mistake that the report shows."""

    truth: str  # the photo's class
    said: str
    probability: float  # the model's probability of its answer
    name: str | None = only_if_known()  # the photo's file name


PictureRow = PhotoAnswer | ConfusedPair  # a row of the report for a picture, which shows the photo or the pair


@dataclass(frozen=True)
class HeldOutFigures(AsJson):
    """The figures of the test photos, which no training has seen."""

    accuracy: float
    interval: Interval  # 95 % confidence interval of the accuracy
    balanced_accuracy: float  # mean recall of the classes
    images: int
    correct: int
    loss: float  # mean cross-entropy
    most_common_share: float  # share of the most frequent class: the accuracy of a model that always names it
    per_class: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]  # a row for each true class, a column for each answer
    pairs: tuple[ConfusedPair, ...]  # most frequent first
    mistakes: tuple[PhotoAnswer, ...]  # most probable answer first


@dataclass(frozen=True)
class Bin(AsJson):
    """A group of photos for which the model's largest probability is about equal."""

    confidence: float  # mean of their largest probabilities
    accuracy: float
    count: int


@dataclass(frozen=True)
class CalibrationFigures(AsJson):
    """A comparison of the model's probabilities with its accuracy, before and after temperature scaling."""

    temperature: float  # divisor of the logits
    ece_before: float  # expected calibration error, 0..1
    ece_after: float
    bins_before: tuple[Bin, ...]
    bins_after: tuple[Bin, ...]
    images: int  # number of photos that the temperature was chosen on


@dataclass(frozen=True)
class UnsureRow(AsJson):
    """The figures of the test photos when the model answers "not sure" below a threshold."""

    threshold: float  # threshold of the largest probability
    answered: float  # share of the photos that are answered, 0..1
    accuracy_answered: float | None  # accuracy among the answered photos; None: no photo is answered
    interval: Interval  # 95 % confidence interval of that accuracy
    wrong: int  # number of photos answered wrongly
    open: int  # number of photos that a person must look at


@dataclass(frozen=True)
class UnsureFigures(AsJson):
    """The chosen threshold, and a table of others."""

    threshold: float | None  # None: no threshold is useful
    photos: int  # number of photos that the threshold was chosen on
    answered: float
    accuracy_answered: float | None
    interval: Interval
    wrong: int
    open: int
    rows: tuple[UnsureRow, ...]


@dataclass(frozen=True)
class DoubtRow(AsJson):
    """A photo that a person should look at, with its place on the sheet of small pictures."""

    name: str  # path of the photo in the upload
    says: str  # the class that the model names
    probability: float  # the model's probability of that class
    kinds: tuple[str, ...]  # why it is shown: some of `doubts.KINDS`
    label: str = named("class")  # its folder


@dataclass(frozen=True)
class Doubts(AsJson):
    """The photos on the sheet, in rows from the upper left."""

    side: int  # pixels of a small picture, which is square
    columns: int
    rows: tuple[DoubtRow, ...]


@dataclass(frozen=True)
class Sureness(AsJson):
    """The numbers of test photos of one class by the model's probability of its answer, in hundredths from 0."""

    right: tuple[int, ...]  # 101 counts
    wrong: tuple[int, ...]  # 101 counts


@dataclass(frozen=True)
class LayerRow(AsJson):
    """A layer of the model."""

    name: str
    type: str
    output_shape: str
    parameters: int


@dataclass(frozen=True)
class ModelFigures(AsJson):
    """The size and the layers of the delivered model."""

    layers: tuple[LayerRow, ...]
    total: int  # number of parameters
    trainable: int
    non_trainable: int
    input: str
    bytes: int  # size of model.h5


@dataclass(frozen=True)
class SameTests(AsJson):
    """The test photos that the earlier model was tested on, too, and had not learnt from."""

    photos: int
    before: int  # number that the earlier model got right
    now: int
    p: float  # how often chance makes two equally good models differ so much (McNemar)


@dataclass(frozen=True)
class Evaluated(AsJson):
    """The result of the evaluate stage."""

    test: HeldOutFigures
    model: ModelFigures
    calibration: CalibrationFigures | None = None
    unsure: UnsureFigures | None = None
    # File name of a picture -> the photos or pairs that it shows.
    pictures: Mapping[str, tuple[PictureRow, ...]] = field(default_factory=dict)
    doubts: Doubts | None = only_if_known()  # None: the sheet could not be drawn, or there is nothing to doubt
    sureness: tuple[Sureness, ...] | None = only_if_known()  # one for each class; None: an older version found none
    continuing: EarlierModel | None = only_if_known()  # None: no later job can continue from the model
    same_tests: SameTests | None = only_if_known()  # None: no photo was a test photo of the earlier model, too
    beside: ContendersTested | None = only_if_known()  # None: no network was designed, or there was no time for it
    # model.h5 and perhaps model.keras, which were loaded in a clean process; None: an older version proves them later.
    proved: tuple[ExportRow, ...] | None = only_if_known()
