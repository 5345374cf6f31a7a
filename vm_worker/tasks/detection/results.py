"""What the stages of a detection commit."""

from __future__ import annotations

from dataclasses import dataclass

from vm_worker.as_json import AsJson
from vm_worker.results.evaluated import ModelFigures
from vm_worker.tasks.detection.engine.bounds import Interval
from vm_worker.tasks.detection.engine.scores import DetectionScores


@dataclass(frozen=True)
class CountedPhoto(AsJson):
    """The count of one test photo."""

    name: str  # path in the upload
    labelled: int
    counted: int
    found: int  # labelled objects that were found
    edge: int = 0  # boxes without a label at the photo's edge

    @property
    def error(self) -> int:
        """The number of objects by which the count is off; positive: too many."""
        return self.counted - self.labelled


@dataclass(frozen=True)
class Spread(AsJson):
    """How far the count of a new photo may be off, from the test photos."""

    low: float  # nine in ten photos lie between low and high
    high: float


@dataclass(frozen=True)
class Covered(AsJson):
    """How many test photos have as many objects as the interval around their count says."""

    photos: int
    inside: int
    share: float  # that is to lie inside
    labelled: int = 0  # in all test photos
    together: Interval | None = None  # around the sum of their counts; None: too few photos tell of it


@dataclass(frozen=True)
class SureCount(AsJson):
    """How sure counts of one class are, by the errors on validation and test photos."""

    label: str  # the class; empty: all objects
    usual: int  # the middle one of the counts of test photos where something is counted
    photo: Interval | None  # of a photo with this count; None: too few photos tell of it
    total: int  # counted in all test photos
    together: Interval | None  # of as many new photos with these counts


@dataclass(frozen=True)
class SizeBucket(AsJson):
    """The objects of one range of sizes."""

    low: float  # square root of the area, in pixels
    high: float
    labelled: int
    found: int


@dataclass(frozen=True)
class CurvePlace(AsJson):
    """Precision and recall at one threshold."""

    threshold: float
    precision: float | None  # None: nothing reaches the threshold
    recall: float


@dataclass(frozen=True)
class Step(AsJson):
    """What a threshold would find in the test photos."""

    threshold: float
    found: int
    unlabelled: int  # boxes without a label


@dataclass(frozen=True)
class Mark(AsJson):
    """A box on the sheet of thresholds, in its pixels."""

    left: int
    top: int
    width: int
    height: int
    kind: str  # found | unlabelled | missed
    step: int  # number of a step: found and unlabelled ones are shown up to it, missed ones from it on


@dataclass(frozen=True)
class ThresholdSheet(AsJson):
    """Some test photos, with the boxes that each threshold would give."""

    width: int  # pixels
    height: int
    steps: tuple[Step, ...]
    chosen: int  # number of the step that was chosen
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class DetectionFigures(AsJson):
    """The result of the evaluate stage: figures of the test photos."""

    model: ModelFigures
    classes: tuple[str, ...]
    images: int
    scores: DetectionScores
    photos: tuple[CountedPhoto, ...]  # the largest errors first
    sizes: tuple[SizeBucket, ...]
    curve: tuple[CurvePlace, ...]
    threshold: float
    overlap: float
    height: int  # of the model's input, in pixels
    width: int
    tile: int  # pixels of a photo's tiles a side; 0: photos are not divided
    spread: Spread | None  # None: too few photos to tell
    pictures: tuple[str, ...]
    sheet: ThresholdSheet | None = None  # None: of an older version
    covered: Covered | None = None  # by the validation photos' errors alone; None: too few photos to tell
    second_stage: bool = False  # the network is a Mask R-CNN
    expected: bool = False  # as many boxes of a photo count as are expected there, not those at one threshold
    outlines: float | None = None  # mean IoU of found outlines with labelled ones; None: there are none
    sure: tuple[SureCount, ...] = ()  # all objects first, then each class where there are several
    finds: str = ""  # file with the boxes without a label, for annotation tools; empty: there are none
