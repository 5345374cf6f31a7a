"""Learn from the validation photos how many objects to expect behind scores, and whether to count by that."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression

from vm_worker.tasks.detection.boxes import Boxes, Detections
from vm_worker.tasks.detection.engine.detect import Settings, counted, merged
from vm_worker.tasks.detection.engine.expected_counts import ExpectedCounts, logits
from vm_worker.tasks.detection.engine.precision import matches

PHOTOS = 10  # validation photos that are needed to see whether counts become better
BOXES = 30  # right and wrong ones that are needed of each kind: two numbers are learnt from them
WEAK = 1e3  # inverse strength of the regularisation, as scikit-learn means it


def expected_counts(raw: Sequence[Detections], truth: Sequence[Boxes], settings: Settings) -> ExpectedCounts | None:
    """Return how to count by expectation; None where that does not make the validation photos' counts better.

    `raw` are candidates with their doubles, one entry a photo; `settings` count by their threshold alone.
    """
    found = [merged(one, settings) for one in raw]
    right = np.concatenate([matches(one, boxes) >= 0 for one, boxes in zip(found, truth, strict=True)])
    if len(found) < PHOTOS or min(right.sum(), (~right).sum()) < BOXES:
        return None
    scores = np.concatenate([one.scores for one in found])
    learnt = LogisticRegression(C=WEAK).fit(logits(scores)[:, None], right)
    known = ExpectedCounts(float(learnt.coef_[0, 0]), float(learnt.intercept_[0]), settings.decoding.threshold)
    better = _error(raw, truth, settings.with_expected(known)) < _error(raw, truth, settings)
    return known if better else None


def _error(raw: Sequence[Detections], truth: Sequence[Boxes], settings: Settings) -> float:
    """Return the mean error of the counts, in objects a photo."""
    pairs = zip(raw, truth, strict=True)
    return float(np.mean([abs(len(counted(one, settings)) - len(boxes)) for one, boxes in pairs]))
