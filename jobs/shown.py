"""The figures that people see of a running job: the rows of the candidates, and the points of the learning curve.

A worker writes them into the record, the service passes them on, and pages and terminals show them. Programs of the
version before wrote rows without `validation_score` and `metric`; these are filled in where such a row is read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from jobs.flat import Flat

ACCURACY = "accuracy"  # the metric of rows that name none


class Scored(Flat):
    """Base of a row with a score, which a version before this one called its accuracy."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read a row of this version or of the one before."""
        row = dict(data)
        return super().from_json({"validation_score": row.get("validation_accuracy"), "metric": ACCURACY} | row)

    def finite(self) -> Self:
        """Clear every figure that is not finite, such as a diverged loss: JSON has no NaN."""
        return type(self)(**{name: value if is_finite(value) else None for name, value in self.to_json().items()})


@dataclass(frozen=True)
class CandidateShown(Scored):
    """One network that was tried, or that could not be. Figures are None where there are none."""

    name: str = ""  # its key
    title: str = ""
    validation_accuracy: float | None = None  # 0..1
    validation_interval: tuple[float, float] | None = None  # 95 %: low and high
    validation_loss: float | None = None
    parameters: int | None = None
    seconds: float | None = None
    state: str = ""  # chosen, tied, evaluated, no_weights, ...
    note: str = ""
    validation_score: float | None = None  # by the metric; the higher the better
    metric: str = ACCURACY


@dataclass(frozen=True)
class PointShown(Scored):
    """One epoch of a training. Figures are None where there are none."""

    phase: str = ""  # select or tune
    name: str = ""  # the network's key
    epoch: int | None = None  # from 1 on
    accuracy: float | None = None  # 0..1, of the training photos
    validation_accuracy: float | None = None  # 0..1
    loss: float | None = None
    validation_loss: float | None = None
    validation_score: float | None = None  # by the metric; the higher the better
    metric: str = ACCURACY


def is_finite(value: object) -> bool:
    """Tell whether the value, or each value of a list, is finite or no number at all."""
    parts = value if isinstance(value, list | tuple) else (value,)
    return all(math.isfinite(part) for part in parts if isinstance(part, float))
