"""The port that decides whether an exported file gives the same answers as model.h5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from vm_worker.exports.formats import Format
from vm_worker.intake.truth import Truth

T_contra = TypeVar("T_contra", bound=Truth, contravariant=True)

Answers = NDArray[np.float32]  # (photos, ...): the answers of a model for each photo


@dataclass(frozen=True)
class Compared:
    """The result of a comparison between an exported file and model.h5."""

    fault: str = ""  # the reason why the file is not delivered; empty: it is delivered
    score: float | None = None  # score by the judge of the task
    agreement: float | None = None  # share of photos with the same answer, 0..1
    max_difference: float | None = None  # largest difference of a number in the answers
    warning: str = ""  # a sentence for a file that is delivered although it is less accurate


class Agreement(Protocol[T_contra]):
    """A comparison of a file's answers with the expected ones, for one task."""

    def compare(self, row: Format, answers: Answers, expected: Answers, truth: T_contra) -> Compared:
        """Compare the answers of the file with those of model.h5; `truth` holds the true answers for these photos."""
        ...
