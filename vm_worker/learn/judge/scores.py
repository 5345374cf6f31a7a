"""The score of probabilities: accuracy, cross-entropy and squared error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vm_worker.as_json import AsJson
from vm_worker.learn import statistics
from vm_worker.learn.judge import calibration


@dataclass(frozen=True)
class Score(AsJson):
    """The score of the probabilities of the judged rows."""

    accuracy: float
    loss: float  # mean cross-entropy, nats
    # Mean squared error of all k probabilities against the one-hot truth (Brier's score divided by k), after a
    # temperature has calibrated them. The delivered model is calibrated, so a trial whose probabilities are too large
    # or too small in the mean is no worse for that.
    error: float = 1.0

    def better_than(self, other: Score) -> bool:
        """Return whether this accuracy is higher, or equal with a lower cross-entropy."""
        return (self.accuracy, -self.loss) > (other.accuracy, -other.loss)

    def rounded(self) -> Score:
        """Return the score with six decimals, as it is stored: scores in memory and scores read back compare alike."""
        return Score(round(self.accuracy, 6), round(self.loss, 6), round(self.error, 6))


def score(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> Score:
    """Score the probabilities (m, k) of rows that the model was not trained on, by their labels (m,)."""
    return Score(
        accuracy=float((probabilities.argmax(1) == labels).mean()),
        loss=float(statistics.cross_entropy(probabilities, labels).mean()),
        error=float(squared_errors(probabilities, labels).mean()),
    )


def squared_errors(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (m,) the mean squared error of each row's k probabilities against the one-hot truth, after calibration."""
    truth = np.eye(probabilities.shape[1])[labels]
    calibrated = calibration.scaled(probabilities, calibration.likeliest_temperature(probabilities, labels)[0])
    return np.asarray(np.square(calibrated - truth).mean(axis=1))
