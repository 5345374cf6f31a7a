"""Check that an exported file names the same classes as model.h5, with nearly the same probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vm_worker.exports.agreement import Answers, Compared
from vm_worker.exports.formats import Format
from vm_worker.tasks.classification.truth import ClassTruth

FORGIVEN = 1  # photos with another answer; of a few dozen photos one is more than 1 %
LOSS_WARNED = 0.01  # loss of accuracy from which the report warns


class SameClass:
    """The comparison of an exported file's probabilities (photos, classes) with those of model.h5."""

    def compare(self, row: Format, answers: Answers, expected: Answers, truth: ClassTruth) -> Compared:
        """Compare the most probable classes, and the probabilities, by what the format allows."""
        if answers.shape != expected.shape or not np.isfinite(answers).all():
            return Compared(f"gives {answers.shape} in place of {expected.shape} probabilities")
        same = answers.argmax(1) == expected.argmax(1)
        accuracy, difference = _accuracy(answers, truth), float(np.abs(answers - expected).max())
        others = int(np.sum(~(same | _close(row, expected))))
        return Compared(
            fault=_fault(row, difference, others, len(same)),
            score=accuracy,
            agreement=float(same.mean()),
            max_difference=difference,
            warning=_warning(accuracy, _accuracy(expected, truth)),
        )


def _accuracy(answers: Answers, truth: ClassTruth) -> float:
    return float((answers.argmax(1) == truth.labels).mean())


def _close(row: Format, expected: Answers) -> NDArray[np.bool_]:
    """Return where the two best classes are closer to each other than the format may differ: (photos,) bool."""
    best = np.sort(expected, axis=1)[:, -2:]
    return np.asarray(best[:, 1] - best[:, 0] <= 2 * (row.difference or 0.0))


def _fault(row: Format, difference: float, others: int, photos: int) -> str:
    if row.difference is not None and difference > row.difference:
        return f"differs by more than {row.difference:g}"
    allowed = 0 if row.agreement == 1 else max(FORGIVEN, round((1 - row.agreement) * photos))
    return f"another answer than model.h5 for {others} of {photos} photos" if others > allowed else ""


def _warning(accuracy: float, expected: float) -> str:
    """Return a sentence about a file that is less accurate than model.h5; empty where it is not."""
    lost = expected - accuracy
    if lost <= LOSS_WARNED + 1e-9:  # shares of photos are not exact numbers
        return ""
    return f"Less accurate than model.h5 by {100 * lost:.1f} points on the test photos: use another format if you can."
