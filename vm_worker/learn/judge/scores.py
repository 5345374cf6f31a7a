"""How good probabilities are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from vm_worker.learn.judge import calibration


@dataclass(frozen=True)
class Score:
    """On the judged rows."""

    accuracy: float
    loss: float  # mean cross-entropy
    # Mean squared error of all probabilities against the one-hot truth, Brier's score over k, once a temperature has
    # calibrated them: what is delivered is calibrated, so being too sure is no fault of a trial, and timidity no merit.
    error: float = 1.0

    def better_than(self, other: Score) -> bool:
        """Higher accuracy, or the same and a lower cross-entropy."""
        return (self.accuracy, -self.loss) > (other.accuracy, -other.loss)

    def to_json(self) -> dict[str, float]:
        """Plain values."""
        return {name: round(value, 6) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, plain: Mapping[str, float]) -> Score:
        """What `to_json` wrote."""
        return cls(**plain)


def score(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> Score:
    """Of (m, k) probabilities of rows that the model had not seen."""
    chances = np.maximum(probabilities[np.arange(len(labels)), labels], 1e-7)
    return Score(
        accuracy=float((probabilities.argmax(1) == labels).mean()),
        loss=float(-np.log(chances, dtype=np.float64).mean()),
        error=float(squared_errors(probabilities, labels).mean()),
    )


def squared_errors(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean squared error of each row's k probabilities against the one-hot truth, once calibrated: (m,)."""
    truth = np.eye(probabilities.shape[1])[labels]
    calibrated = calibration.scaled(probabilities, calibration.likeliest(probabilities, labels)[0])
    return np.asarray(np.square(calibrated - truth).mean(axis=1))
