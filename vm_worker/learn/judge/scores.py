"""How good probabilities are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vm_worker.as_json import AsJson
from vm_worker.learn import statistics
from vm_worker.learn.judge import calibration


@dataclass(frozen=True)
class Score(AsJson):
    """How good the probabilities of the judged rows are."""

    accuracy: float
    loss: float  # mean cross-entropy
    # Mean squared error of all probabilities against the one-hot truth, Brier's score over k, once a temperature has
    # calibrated them: what is delivered is calibrated, so being too sure is no fault of a trial, and timidity no merit.
    error: float = 1.0

    def better_than(self, other: Score) -> bool:
        """Higher accuracy, or the same and a lower cross-entropy."""
        return (self.accuracy, -self.loss) > (other.accuracy, -other.loss)

    def rounded(self) -> Score:
        """The score with six decimals, as it is kept and compared: an attempt that reads it finds the same."""
        return Score(round(self.accuracy, 6), round(self.loss, 6), round(self.error, 6))


def score(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> Score:
    """Judge (m, k) probabilities of rows that the model had not seen, by their (m,) labels."""
    return Score(
        accuracy=float((probabilities.argmax(1) == labels).mean()),
        loss=float(statistics.cross_entropy(probabilities, labels).mean()),
        error=float(squared_errors(probabilities, labels).mean()),
    )


def squared_errors(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean squared error of each row's k probabilities against the one-hot truth, once calibrated: (m,)."""
    truth = np.eye(probabilities.shape[1])[labels]
    calibrated = calibration.scaled(probabilities, calibration.likeliest(probabilities, labels)[0])
    return np.asarray(np.square(calibrated - truth).mean(axis=1))
