"""The validation score that rows carry beside their accuracy, and the name of its metric."""

from __future__ import annotations

from typing import Protocol

ACCURACY = "accuracy"  # the metric of classification

Interval = tuple[float, float]  # the lower and the upper bound, both 0..1


class Scored(Protocol):
    """A frozen row with a score and an accuracy."""

    @property
    def validation_score(self) -> float | None:
        """The score by the row's metric; the task's judge says whether higher is better."""
        ...

    @property
    def validation_accuracy(self) -> float | None:
        """The share of photos that were right, 0..1."""
        ...


def fill_score(row: Scored) -> None:
    """Let the accuracy be the score where no score was given: rows of older versions have the accuracy alone.

    For the `__post_init__` of a frozen dataclass, the one place where such a row may still change.
    """
    if row.validation_score is None:
        object.__setattr__(row, "validation_score", row.validation_accuracy)
