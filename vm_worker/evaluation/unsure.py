""" "Not sure": below which probability a person should look, what that costs and what it saves.

The threshold is chosen on photos that the judged model had not seen, never on the test photos (selective
classification: Geifman and El-Yaniv 2017, section 3, with a plain target in place of their bound); its figures
are those of the test.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vm_worker.learn import statistics
from vm_worker.learn.judge import calibration
from vm_worker.results.evaluated import UnsureFigures, UnsureRow

WANTED = 0.5  # of the mistakes among the answered photos, at most, against answering them all
ANSWERED_LEAST = 0.5  # a model that says "not sure" more often than it answers is of no use
MISTAKES_LEAST = 5  # fewer say nothing about where mistakes begin
SHOWN = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)  # thresholds of the report's table

Shares = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]


def learnt(path: Path, temperature: float) -> tuple[float | None, int]:
    """Choose the threshold for a calibrated model; returns it, and from how many photos it was chosen.

    `path` is an .npz with probabilities (m, k) of photos that the model had not seen, before calibration, and
    labels (m,); None and 0 where there is no file.
    """
    if not path.exists():  # there was no time for it
        return None, 0
    with np.load(path) as saved:
        probabilities, labels = saved["probabilities"], saved["labels"]
    if not len(labels):
        return None, 0
    return threshold(calibration.scaled(probabilities, temperature), labels), len(labels)


def threshold(probabilities: Shares, labels: Labels) -> float | None:
    """The smallest probability, in hundredths, that halves the error of the answered photos.

    `probabilities` (m, k) and `labels` (m,) of photos that the model had not seen. None where there are too
    few mistakes to tell, or where half of the photos would have to go unanswered.
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
    """The figures of the threshold `least` on the test photos' `probabilities` (m, k) and `labels` (m,).

    None for a threshold that is not worth it; it was chosen on so many other photos.
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
