"""Progress reports that selection and tuning send to the status page while they work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vm_worker.results.candidates import CandidateRow, CurvePoint


@dataclass(frozen=True)
class LearningProgress:
    """The progress of a stage, with news for the status page."""

    fraction: float  # of the stage, 0..1
    message: str
    candidates: tuple[CandidateRow, ...] | None = None  # None: unchanged since the last report
    curve: tuple[CurvePoint, ...] | None = None  # None: unchanged since the last report


@dataclass(frozen=True)
class LearningQuote:
    """The estimated time of selection and tuning, known once the first network has been measured."""

    seconds: float
    plain_images_per_second: float  # through that network by Keras


ProgressSink = Callable[[LearningProgress | LearningQuote], None]
