"""What the test set says of the model: plain JSON values from probabilities and labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

CONFIDENCE = 0.95
MISTAKES_SHOWN = 50  # the surest ones: what a person should look at first
PAIRS_SHOWN = 20
LEAST_PROBABILITY = 1e-7  # as Keras clips before the logarithm


def evaluate(
    probabilities: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    classes: Sequence[str],
    names: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The test figures as plain JSON values.

    `probabilities` (m, k), `labels` (m,) in 0..k-1, `classes` k names, `names` m file names of the photos
    (then each mistake has its name). Raises ValueError for shapes that do not fit, or without photos.
    """
    shares = np.asarray(probabilities, dtype=np.float64)
    truth = np.asarray(labels, dtype=np.int64)
    _check(shares, truth, classes)
    said = shares.argmax(axis=1)
    correct = int((said == truth).sum())
    matrix = confusion_matrix(truth, said, labels=range(len(classes)))
    per_class = _per_class(truth, said, classes)
    return {
        "accuracy": correct / len(truth),
        "interval": list(wilson(correct, len(truth))),
        "balanced_accuracy": _balanced_accuracy(per_class),
        "images": len(truth),
        "correct": correct,
        "loss": _cross_entropy(shares, truth),
        "most_common_share": float(matrix.sum(axis=1).max() / len(truth)),
        "per_class": per_class,
        "confusion": matrix.tolist(),
        "pairs": confused_pairs(matrix, classes),
        "mistakes": _mistakes(shares, truth, classes, names),
    }


def wilson(correct: int, total: int) -> tuple[float, float]:
    """The 95 % score interval of Wilson (1927) for `correct` of `total`; (0, 1) when nothing was counted.

    Unlike the textbook's p +- 1.96 s it stays inside 0..1 and says something at 0 and at 100 %.
    """
    if total == 0:
        return 0.0, 1.0
    bounds = binomtest(correct, total).proportion_ci(CONFIDENCE, method="wilson")
    return float(bounds.low), float(bounds.high)


def confused_pairs(matrix: NDArray[np.integer[Any]], classes: Sequence[str]) -> list[dict[str, Any]]:
    """The off-diagonal cells that are not empty, most frequent first, with their share of the true class."""
    counts = np.asarray(matrix)
    rows, columns = np.nonzero(counts * (1 - np.eye(len(classes), dtype=counts.dtype)))
    totals = counts.sum(axis=1)
    table = pd.DataFrame(
        {
            "truth": [classes[row] for row in rows.tolist()],
            "said": [classes[column] for column in columns.tolist()],
            "count": counts[rows, columns],
            "of": totals[rows],
            "share": counts[rows, columns] / totals[rows],
        }
    )
    table = table.sort_values(["count", "share"], ascending=False, kind="stable").head(PAIRS_SHOWN)
    return _plain(table)


def _check(shares: NDArray[np.float64], truth: NDArray[np.int64], classes: Sequence[str]) -> None:
    if shares.shape != (len(truth), len(classes)):
        raise ValueError(f"{shares.shape} probabilities for {len(truth)} photos of {len(classes)} classes")
    if not len(truth):
        raise ValueError("no photos to test on")
    if not np.isfinite(shares).all():
        raise ValueError("a probability is not a number")


def _per_class(truth: NDArray[np.int64], said: NDArray[np.int64], classes: Sequence[str]) -> list[dict[str, Any]]:
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, said, labels=range(len(classes)), zero_division=0
    )
    table = pd.DataFrame(
        {"class": list(classes), "precision": precision, "recall": recall, "f1": f1, "support": support}
    )
    return _plain(table)


def _balanced_accuracy(per_class: Sequence[dict[str, Any]]) -> float:
    """The mean recall of the classes that the test set has; scikit-learn's own warns when one is missing."""
    return float(np.mean([row["recall"] for row in per_class if row["support"]]))


def _cross_entropy(shares: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    of_truth = shares[np.arange(len(truth)), truth]
    return float(-np.log(of_truth.clip(LEAST_PROBABILITY, 1)).mean())


def _mistakes(
    shares: NDArray[np.float64], truth: NDArray[np.int64], classes: Sequence[str], names: Sequence[str] | None
) -> list[dict[str, Any]]:
    said = shares.argmax(axis=1)
    wrong = np.flatnonzero(said != truth)
    surest = wrong[np.argsort(-shares[wrong, said[wrong]], kind="stable")][:MISTAKES_SHOWN]
    table = pd.DataFrame(
        {
            "truth": [classes[index] for index in truth[surest].tolist()],
            "said": [classes[index] for index in said[surest].tolist()],
            "probability": shares[surest, said[surest]],
        }
    )
    if names is not None:
        table.insert(0, "name", [names[row] for row in surest.tolist()])
    return _plain(table)


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The table's rows with Python's own numbers, as json.dumps wants them."""
    rows = table.to_dict("records")
    return [{str(key): _number(value) for key, value in row.items()} for row in rows]


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
