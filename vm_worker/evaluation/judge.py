"""The port that says how good a model's answers are."""

from __future__ import annotations

from typing import Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.truth import Truth

T_contra = TypeVar("T_contra", bound=Truth, contravariant=True)

Answers = NDArray[np.float32]  # (photos, ...): what a model says of each photo


class Judge(Protocol[T_contra]):
    """How one task counts right and wrong."""

    @property
    def metric(self) -> str:
        """The name of the score, as rows and the wire have it: accuracy."""
        ...

    @property
    def better(self) -> Literal["higher", "lower"]:
        """Which scores are better."""
        ...

    def score(self, answers: Answers, truth: T_contra) -> float:
        """The score of a model's answers. Raises ValueError for shapes that do not fit."""
        ...

    def ties(self, one: Answers, other: Answers, truth: T_contra) -> bool:
        """Whether two models' answers for the same photos differ by no more than chance would make them."""
        ...
