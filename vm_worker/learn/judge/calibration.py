"""Calibration of a model's probabilities by one temperature, and the calibration error before and after.

Guo, Pleiss, Sun and Weinberger (2017), "On Calibration of Modern Neural Networks": sections 4.2 (temperature
scaling) and 2 (expected calibration error).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from vm_worker.learn.arrays import Flags, Rows
from vm_worker.results.evaluated import Bin, CalibrationFigures

BINS = 15  # of equal width, as in the paper
TEMPERATURES = (0.25, 4.0)  # the range searched; a temperature outside is a sign of another error
# Standard deviation of the normal prior of log(temperature). Without a prior, a few rows that are all right would
# drive the temperature to 0 and all probabilities to 0 or 1. Heads and tuned networks are nearly always within one
# deviation of 0, and about fifty rows outweigh the prior.
PRIOR_DEVIATION = 0.35
# Least gain in log posterior for which a temperature is used. Heads are chosen by their cross-entropy and so are
# nearly calibrated already. A temperature whose gain is not significant (likelihood ratio, p = 0.05) makes new rows
# worse as often as better.
LEAST_GAIN = 1.92  # nats: half of the chi-squared distribution's 95 % point for one parameter
LEAST_PROBABILITY = 1e-30  # about the smallest that float32 holds

Probabilities = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Reliability:
    """The confidence and the accuracy of a model, in bins of its confidence."""

    error: float  # expected calibration error, 0..1
    bins: tuple[Bin, ...]  # without the empty ones


def chosen_temperature(probabilities: Probabilities, labels: Rows) -> float:
    """Return the temperature that the logits are to be divided by.

    `probabilities` (m, k) and `labels` (m,) are those of rows that the model was not trained on. Returns 1 where
    there are none, or where no other temperature is significantly better.
    """
    if not len(labels):
        return 1.0
    found, gain = likeliest_temperature(probabilities, labels)
    return found if gain > LEAST_GAIN else 1.0


def likeliest_temperature(probabilities: Probabilities, labels: Rows) -> tuple[float, float]:
    """Return the temperature with the highest posterior, and its gain over temperature 1 in nats, sum of the rows."""
    logs = _logs(probabilities)
    rows = np.arange(len(labels))

    def cost(log_temperature: float) -> float:
        scaled = logs / np.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        losses = np.log(np.exp(scaled).sum(axis=1)) - scaled[rows, labels]
        return float(losses.sum()) + log_temperature**2 / (2 * PRIOR_DEVIATION**2)

    found = minimize_scalar(cost, bounds=np.log(TEMPERATURES), method="bounded", options={"xatol": 1e-5})
    return float(np.exp(found.x)), cost(0.0) - cost(found.x)


def read_temperature(path: Path) -> tuple[float, int]:
    """Return the temperature for the rows of an .npz file, and the number of its rows; 1 and 0 where there is no file.

    The file has `probabilities` (m, k) and `labels` (m,).
    """
    if not path.exists():  # the time did not suffice for it
        return 1.0, 0
    with np.load(path) as saved:
        return chosen_temperature(saved["probabilities"], saved["labels"]), len(saved["labels"])


def scaled(probabilities: Probabilities, temperature: float) -> NDArray[np.float64]:
    """Return the probabilities (m, k) that the model gives when its logits are divided by the temperature."""
    logs = _logs(probabilities) / temperature
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def reliability(probabilities: Probabilities, labels: Rows) -> Reliability:
    """Return the expected calibration error and the bins of probabilities (m, k), by the largest one of each row."""
    confidence = np.asarray(probabilities, np.float64).max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)  # (0, 1/15], (1/15, 2/15], ...
    bins = [_bin(confidence[place == number], right[place == number]) for number in np.unique(place)]
    gap = sum(one.count * abs(one.accuracy - one.confidence) for one in bins)
    return Reliability(gap / max(1, len(labels)), tuple(bins))


def before_and_after(
    probabilities: Probabilities, labels: Rows, temperature: float, images: int = 0
) -> CalibrationFigures:
    """Return the figures before and after calibration, from the probabilities of the calibrated model.

    `probabilities` (m, k) and `labels` (m,) are those of the test photos. The temperature was fitted on `images`
    other photos.
    """
    before, after = reliability(scaled(probabilities, 1 / temperature), labels), reliability(probabilities, labels)
    return CalibrationFigures(
        temperature=round(temperature, 4),
        ece_before=round(before.error, 5),
        ece_after=round(after.error, 5),
        bins_before=before.bins,
        bins_after=after.bins,
        images=images,
    )


def _bin(confidence: NDArray[np.float64], right: Flags) -> Bin:
    return Bin(confidence=float(confidence.mean()), accuracy=float(right.mean()), count=len(confidence))


def _logs(probabilities: Probabilities) -> NDArray[np.float64]:
    return np.log(np.maximum(np.asarray(probabilities, np.float64), LEAST_PROBABILITY))
