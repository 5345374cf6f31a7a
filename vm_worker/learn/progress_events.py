"""What selection and tuning tell while they work, for the status page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vm_worker.results.candidates import CandidateRow, CurvePoint


@dataclass(frozen=True)
class LearningProgress:
    """How far the stage is."""

    fraction: float  # of the stage, 0..1
    message: str
    candidates: tuple[CandidateRow, ...] | None = None  # None: as told before
    curve: tuple[CurvePoint, ...] | None = None  # None: as told before


@dataclass(frozen=True)
class LearningQuote:
    """How long selection and tuning will take, known once the first network has been measured."""

    seconds: float
    plain_images_per_second: float  # through that network by Keras


ProgressSink = Callable[[LearningProgress | LearningQuote], None]
