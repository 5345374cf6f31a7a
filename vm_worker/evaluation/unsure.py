"""The threshold below which the model answers "not sure", so that a person should look, and its effect.

It is chosen on photos that the judged model had not seen, never on the test photos (selective classification: Geifman
and El-Yaniv 2017, section 3, with a plain target in place of their bound). Its figures are measured on the test photos.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vm_worker.learn import statistics
from vm_worker.learn.judge import calibration
from vm_worker.results.evaluated import Sureness, UnsureFigures, UnsureRow

WANTED = 0.5  # largest error among the answered photos, as a share of the error when all are answered
ANSWERED_LEAST = 0.5  # least share of photos that are answered; a model that answers fewer is of no use
MISTAKES_LEAST = 5  # least mistakes from which the threshold can be estimated
SHOWN = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)  # thresholds in the report's table

Shares = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]


def learnt(path: Path, temperature: float) -> tuple[float | None, int]:
    """Choose the threshold for a calibrated model; return it and the number of photos that it was chosen on.

    `path` is an .npz with probabilities (m, k) of photos that the model had not seen, before calibration, and labels
    (m,). `temperature` is the divisor of the logits. Returns (None, 0) when there is no file.
    """
    if not path.exists():  # there was no time to write it
        return None, 0
    with np.load(path) as saved:
        probabilities, labels = saved["probabilities"], saved["labels"]
    if not len(labels):
        return None, 0
    return threshold(calibration.scaled(probabilities, temperature), labels), len(labels)


def threshold(probabilities: Shares, labels: Labels) -> float | None:
    """Return the smallest probability, in hundredths, that halves the error of the answered photos.

    `probabilities` (m, k) and `labels` (m,) of photos that the model had not seen. None when there are too few
    mistakes, or when half of the photos would not be answered.
    """
    sure, right = _judged(probabilities, labels)
    error = float((~right).mean())
    if int((~right).sum()) < MISTAKES_LEAST:
        return None
    for least in range(1, 100):
        answered = sure >= least / 100
        if answered.mean() < ANSWERED_LEAST:
            return None
        if (~right[answered]).mean() <= WANTED * error:
            return least / 100
    return None


def measured(least: float | None, photos: int, probabilities: Shares, labels: Labels) -> UnsureFigures:
    """Return the figures of the threshold `least` on the test photos' `probabilities` (m, k) and `labels` (m,).

    `photos` is the number of photos that the threshold was chosen on. `least` is None when no threshold is useful.
    """
    sure, right = _judged(probabilities, labels)
    at = _row(least or 0.0, sure, right)
    grid = sorted({*SHOWN, *([least] if least else [])})
    return UnsureFigures(
        threshold=least,
        photos=photos,
        answered=at.answered,
        accuracy_answered=at.accuracy_answered,
        interval=at.interval,
        wrong=at.wrong,
        open=at.open,
        rows=tuple(_row(one, sure, right) for one in grid),
    )


def by_class(probabilities: Shares, labels: Labels) -> tuple[Sureness, ...]:
    """Count the test photos of each class by the probability of their answers, the right and the wrong ones.

    `probabilities` (m, k), `labels` (m,) in 0..k-1.
    """
    sure, right = _judged(probabilities, labels)
    hundredths = np.floor(sure * 100 + 1e-9).astype(np.int64)  # a threshold in hundredths answers from there on

    def counts(wanted: NDArray[np.bool_]) -> tuple[int, ...]:
        return tuple(np.bincount(hundredths[wanted], minlength=101).tolist())

    return tuple(
        Sureness(counts((labels == one) & right), counts((labels == one) & ~right))
        for one in range(probabilities.shape[1])
    )


def _judged(probabilities: Shares, labels: Labels) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    shares = np.asarray(probabilities, np.float64)
    return shares.max(axis=1), np.asarray(shares.argmax(axis=1) == labels)


def _row(least: float, sure: NDArray[np.float64], right: NDArray[np.bool_]) -> UnsureRow:
    answered = sure >= least
    correct, count = int(right[answered].sum()), int(answered.sum())
    return UnsureRow(
        threshold=least,
        answered=count / len(sure),
        accuracy_answered=correct / count if count else None,
        interval=statistics.wilson(correct, count),
        wrong=count - correct,
        open=len(sure) - count,
    )
