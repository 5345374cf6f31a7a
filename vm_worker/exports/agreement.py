"""The port that says whether the answers of an exported file are those of model.h5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from vm_worker.exports.formats import Format
from vm_worker.intake.truth import Truth

T_contra = TypeVar("T_contra", bound=Truth, contravariant=True)

Answers = NDArray[np.float32]  # (photos, ...): what a model says of each photo


@dataclass(frozen=True)
class Compared:
    """How far an exported file agrees."""

    fault: str = ""  # why the file is not delivered; empty: it is
    score: float | None = None  # by the judge of the task
    agreement: float | None = None  # share of photos with the same answer, 0..1
    max_difference: float | None = None  # of a number in the answers
    warning: str = ""  # a sentence for a file that is delivered although it is worse


class Agreement(Protocol[T_contra]):
    """Compares the answers of a file with those that are expected."""

    def compare(self, row: Format, answers: Answers, expected: Answers, truth: T_contra) -> Compared:
        """Compare what the file and model.h5 say of the same photos; `truth` is what is known of them."""
        ...
