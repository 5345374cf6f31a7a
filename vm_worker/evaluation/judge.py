"""The port that measures how good a model's answers are."""

from __future__ import annotations

from typing import Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.truth import Truth

T_contra = TypeVar("T_contra", bound=Truth, contravariant=True)

Answers = NDArray[np.float32]  # (photos, ...): the answers of a model for each photo


class Judge(Protocol[T_contra]):
    """A judge that measures a model's answers for one task."""

    @property
    def metric(self) -> str:
        """The name of the score, as rows and JSON messages have it, such as "accuracy"."""
        ...

    @property
    def better(self) -> Literal["higher", "lower"]:
        """The direction of better scores."""
        ...

    def score(self, answers: Answers, truth: T_contra) -> float:
        """Return the score of a model's answers. Raises ValueError for shapes that do not fit."""
        ...

    def ties(self, one: Answers, other: Answers, truth: T_contra) -> bool:
        """Return whether two models' answers for the same photos differ by no more than chance allows."""
        ...
