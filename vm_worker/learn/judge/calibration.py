"""Is a model as sure as it is right? One temperature that makes it so, and how far off it was and is.

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

from vm_worker.results.evaluated import Bin, CalibrationFigures

BINS = 15  # of equal width, as in the paper
RANGE = (0.25, 4.0)  # temperatures beyond are a sign of something else being wrong
# A few rows that are all right would drive the temperature to 0, the model to certainty. So log(temperature) gets
# a normal prior: heads and tuned networks lie within this of 0 nearly always, and some fifty rows outweigh it.
PRIOR = 0.35
# Heads are chosen by their cross-entropy and so are nearly calibrated already: a temperature that explains the rows
# no better than chance would (likelihood ratio, p = 0.05) makes new ones worse as often as better.
CLEAR = 1.92  # nats: half of the chi-squared distribution's 95 % point for one parameter
LEAST_PROBABILITY = 1e-30  # float32 holds no much smaller ones

Shares = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Reliability:
    """How sure and how right a model is, by how sure it is."""

    error: float  # expected calibration error, 0..1
    bins: tuple[Bin, ...]  # those that are not empty


def temperature(probabilities: Shares, labels: Labels) -> float:
    """What to divide the logits by, from (m, k) probabilities of rows that the model had not seen.

    1 where there are none, or where they do not clearly ask for another.
    """
    if not len(labels):
        return 1.0
    found, gain = likeliest(probabilities, labels)
    return found if gain > CLEAR else 1.0


def likeliest(probabilities: Shares, labels: Labels) -> tuple[float, float]:
    """The temperature that explains the rows best, clearly or not, and by how many nats better than 1 does."""
    logs = _logs(probabilities)
    rows = np.arange(len(labels))

    def cost(log_temperature: float) -> float:
        scaled = logs / np.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        surprise = np.log(np.exp(scaled).sum(axis=1)) - scaled[rows, labels]
        return float(surprise.sum()) + log_temperature**2 / (2 * PRIOR**2)

    found = minimize_scalar(cost, bounds=np.log(RANGE), method="bounded", options={"xatol": 1e-5})
    return float(np.exp(found.x)), cost(0.0) - cost(found.x)


def learnt(path: Path) -> tuple[float, int]:
    """The temperature of an .npz with probabilities (m, k) and labels (m,), and m; 1 and 0 where there is no file."""
    if not path.exists():  # there was no time for it
        return 1.0, 0
    with np.load(path) as saved:
        return temperature(saved["probabilities"], saved["labels"]), len(saved["labels"])


def scaled(probabilities: Shares, temperature: float) -> NDArray[np.float64]:
    """The same probabilities had the logits been divided by the temperature: (m, k)."""
    logs = _logs(probabilities) / temperature
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def reliability(probabilities: Shares, labels: Labels) -> Reliability:
    """Expected calibration error and bins of (m, k) probabilities, by the largest one of each row."""
    sure = np.asarray(probabilities, np.float64).max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    place = np.clip(np.ceil(sure * BINS).astype(int) - 1, 0, BINS - 1)  # (0, 1/15], (1/15, 2/15], ...
    bins = [_bin(sure[place == number], right[place == number]) for number in np.unique(place)]
    gap = sum(one.count * abs(one.accuracy - one.confidence) for one in bins)
    return Reliability(gap / max(1, len(labels)), tuple(bins))


def compared(probabilities: Shares, labels: Labels, temperature: float, images: int = 0) -> CalibrationFigures:
    """Figures before and after calibration, from one pass of the model that has the temperature in it.

    `probabilities` (m, k) and `labels` (m,) are those of the test photos; `images` photos chose the temperature.
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


def _bin(sure: NDArray[np.float64], right: NDArray[np.bool_]) -> Bin:
    return Bin(confidence=float(sure.mean()), accuracy=float(right.mean()), count=len(sure))


def _logs(probabilities: Shares) -> NDArray[np.float64]:
    return np.log(np.maximum(np.asarray(probabilities, np.float64), LEAST_PROBABILITY))
