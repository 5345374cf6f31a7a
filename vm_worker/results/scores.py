"""The validation score that rows carry beside their accuracy, and the name of its metric."""

from __future__ import annotations

from typing import Protocol

ACCURACY = "accuracy"  # the metric of classification

Interval = tuple[float, float]  # the lower and the upper bound, both 0..1


class Scored(Protocol):
    """A frozen row with a score and an accuracy."""

    @property
    def validation_score(self) -> float | None:
        """The score by the row's metric; the task's judge tells whether a higher score is better."""
        ...

    @property
    def validation_accuracy(self) -> float | None:
        """The share of photos that were answered rightly, 0..1."""
        ...


def fill_score(row: Scored) -> None:
    """Set the score to the accuracy when no score was given: rows of older versions have the accuracy only.

    Only the `__post_init__` of a frozen dataclass calls this: later such a row cannot change any more.
    """
    if row.validation_score is None:
        object.__setattr__(row, "validation_score", row.validation_accuracy)
