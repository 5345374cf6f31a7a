"""The figures of the test photos, from the model's probabilities and the photos' labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from vm_worker.learn import statistics
from vm_worker.results.evaluated import ClassFigures, ConfusedPair, HeldOutFigures, PhotoAnswer

MISTAKES_LISTED = 2000  # the most probable ones, which a person should look at first
PAIRS_SHOWN = 20


def evaluate(
    probabilities: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    classes: Sequence[str],
    names: Sequence[str] | None = None,
) -> HeldOutFigures:
    """Compare the model's answers for the test photos with their labels.

    `probabilities` (m, k) float, `labels` (m,) in 0..k-1, `classes` k names, `names` m file names of the photos
    (optional; they name the photo of each mistake). Raises ValueError for shapes that do not fit, or without photos.
    """
    shares = np.asarray(probabilities, dtype=np.float64)
    truth = np.asarray(labels, dtype=np.int64)
    _check(shares, truth, classes)
    said = shares.argmax(axis=1)
    correct = int((said == truth).sum())
    matrix = confusion_matrix(truth, said, labels=range(len(classes)))
    per_class = _per_class(truth, said, classes)
    return HeldOutFigures(
        accuracy=correct / len(truth),
        interval=statistics.wilson(correct, len(truth)),
        balanced_accuracy=_balanced_accuracy(per_class),
        images=len(truth),
        correct=correct,
        loss=float(statistics.cross_entropy(shares, truth).mean()),
        most_common_share=float(matrix.sum(axis=1).max() / len(truth)),
        per_class=tuple(per_class),
        confusion=tuple(map(tuple, matrix.tolist())),
        pairs=tuple(confused_pairs(matrix, classes)),
        mistakes=tuple(_mistakes(shares, truth, classes, names)),
    )


def confused_pairs(matrix: NDArray[np.integer[Any]], classes: Sequence[str]) -> list[ConfusedPair]:
    """Return the off-diagonal cells that are not empty, most frequent first, with their share of the true class."""
    totals = np.asarray(matrix).sum(axis=1)
    found = [
        ConfusedPair(classes[row], classes[column], int(count), int(totals[row]), float(count / totals[row]))
        for (row, column), count in np.ndenumerate(matrix)
        if count and row != column
    ]
    return sorted(found, key=lambda pair: (-pair.count, -pair.share))[:PAIRS_SHOWN]


def _check(shares: NDArray[np.float64], truth: NDArray[np.int64], classes: Sequence[str]) -> None:
    if shares.shape != (len(truth), len(classes)):
        raise ValueError(f"{shares.shape} probabilities for {len(truth)} photos of {len(classes)} classes")
    if not len(truth):
        raise ValueError("no photos to test on")
    if not np.isfinite(shares).all():
        raise ValueError("a probability is not a number")


def _per_class(truth: NDArray[np.int64], said: NDArray[np.int64], classes: Sequence[str]) -> list[ClassFigures]:
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, said, labels=range(len(classes)), zero_division=0
    )
    return [
        ClassFigures(float(precision[row]), float(recall[row]), float(f1[row]), int(support[row]), label=name)
        for row, name in enumerate(classes)
    ]


def _balanced_accuracy(per_class: Sequence[ClassFigures]) -> float:
    """Return the mean recall of the classes in the test set.

    The function of scikit-learn is not used, as it warns when a class is missing.
    """
    return float(np.mean([row.recall for row in per_class if row.support]))


def _mistakes(
    shares: NDArray[np.float64], truth: NDArray[np.int64], classes: Sequence[str], names: Sequence[str] | None
) -> list[PhotoAnswer]:
    said = shares.argmax(axis=1)
    wrong = np.flatnonzero(said != truth)
    surest = wrong[np.argsort(-shares[wrong, said[wrong]], kind="stable")][:MISTAKES_LISTED]
    return [
        PhotoAnswer(
            truth=classes[truth[row]],
            said=classes[said[row]],
            probability=float(shares[row, said[row]]),
            name=None if names is None else names[row],
        )
        for row in surest.tolist()
    ]
