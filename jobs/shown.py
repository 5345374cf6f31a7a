"""The figures of a running job that people see: the rows of the candidates, and the points of the learning curve.

A worker writes them into the record, the service passes them on, and pages and terminals show them. Rows of the version
before have no `validation_score` and `metric`; these are added when such a row is read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from jobs.flat import Flat

ACCURACY = "accuracy"  # the metric of rows that name none


class Scored(Flat):
    """The base class of a row with a score, which older versions called its accuracy."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read a row of this version or of the one before."""
        row = dict(data)
        return super().from_json({"validation_score": row.get("validation_accuracy"), "metric": ACCURACY} | row)

    def finite(self) -> Self:
        """Return the row with None in place of figures that are not finite, such as a NaN loss: JSON has no NaN."""
        return type(self)(**{name: value if is_finite(value) else None for name, value in self.to_json().items()})


@dataclass(frozen=True)
class CandidateShown(Scored):
    """A network that was tried, or that could not be tried. A figure that was not measured is None."""

    name: str = ""  # the network's key
    title: str = ""
    validation_accuracy: float | None = None  # share of right answers, 0..1
    validation_interval: tuple[float, float] | None = None  # 95 % confidence interval: low and high
    validation_loss: float | None = None
    parameters: int | None = None
    seconds: float | None = None
    state: str = ""  # chosen, tied, evaluated, no_weights, ...
    note: str = ""
    validation_score: float | None = None  # score by the metric; higher is better
    metric: str = ACCURACY


@dataclass(frozen=True)
class PointShown(Scored):
    """An epoch of a training, as a point of the curve. A figure that was not measured is None."""

    phase: str = ""  # select or tune
    name: str = ""  # the network's key
    epoch: int | None = None  # number of the epoch, from 1
    accuracy: float | None = None  # accuracy on the training photos, 0..1
    validation_accuracy: float | None = None  # 0..1
    loss: float | None = None
    validation_loss: float | None = None
    validation_score: float | None = None  # score by the metric; higher is better
    metric: str = ACCURACY


def is_finite(value: object) -> bool:
    """Return whether the value, or each value of a list, is finite or no number at all."""
    parts = value if isinstance(value, list | tuple) else (value,)
    return all(math.isfinite(part) for part in parts if isinstance(part, float))
