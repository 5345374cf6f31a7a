"""The score of probabilities: accuracy, cross-entropy and squared error. Classes count alike where they are unequal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vm_worker.as_json import AsJson, only_if_known
from vm_worker.learn import imbalance, statistics
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
    balanced: float | None = only_if_known()  # balanced accuracy; known where it is what counts

    @property
    def value(self) -> float:
        """The figure that counts: the balanced accuracy where it is known, else the accuracy."""
        return self.accuracy if self.balanced is None else self.balanced

    @property
    def metric(self) -> str:
        """The name of the figure that counts."""
        return imbalance.metric(self.balanced is not None)

    def better_than(self, other: Score) -> bool:
        """Return whether the figure that counts is higher, or equal with a lower cross-entropy."""
        return (self.value, -self.loss) > (other.value, -other.loss)

    def rounded(self) -> Score:
        """Return the score with six decimals, as it is stored: scores in memory and scores read back compare alike."""
        balanced = None if self.balanced is None else round(self.balanced, 6)
        return Score(round(self.accuracy, 6), round(self.loss, 6), round(self.error, 6), balanced)


def score(probabilities: NDArray[np.float32], labels: NDArray[np.int64], balanced: bool = False) -> Score:
    """Score the probabilities (m, k) of rows that the model was not trained on, by their labels (m,).

    If `balanced`, every class counts alike in cross-entropy and squared error, and the balanced accuracy counts.
    """
    right = probabilities.argmax(1) == labels
    losses, errors = statistics.cross_entropy(probabilities, labels), squared_errors(probabilities, labels)
    if not balanced:
        return Score(accuracy=float(right.mean()), loss=float(losses.mean()), error=float(errors.mean()))
    weights = imbalance.weights(labels)
    loss, error = (float(np.average(values, weights=weights)) for values in (losses, errors))
    return Score(float(right.mean()), loss, error, imbalance.score(right, labels, balanced))


def squared_errors(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (m,) the mean squared error of each row's k probabilities against the one-hot truth, after calibration."""
    truth = np.eye(probabilities.shape[1])[labels]
    calibrated = calibration.scaled(probabilities, calibration.likeliest_temperature(probabilities, labels)[0])
    return np.asarray(np.square(calibrated - truth).mean(axis=1))
