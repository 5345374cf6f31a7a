"""Count as many boxes of a photo as are expected there: the sum of their probabilities to be objects.

One threshold for all photos counts no box that is nearly certain enough, however many of them there are: of ten boxes
that are right in four cases of ten it counts none, where four objects are expected. So the scores of a photo are moved
a little, all alike, until as many reach the threshold as are expected. Probabilities are scores calibrated by logistic
regression on the validation photos (Platt, "Probabilistic outputs for support vector machines", 1999).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vm_worker.as_json import AsJson
from vm_worker.tasks.detection.boxes import Detections, Floats

MOST = 0.3  # logits that a photo's scores move by at most: where nothing is certain, nothing is counted
APART = 0.01  # logits between the threshold and the nearest score, where there is room
TINY = 1e-6  # scores are kept so far from 0 and 1


@dataclass(frozen=True)
class ExpectedCounts(AsJson):
    """How the scores of a photo's boxes, without doubles, become probabilities: of slope * logit(score) + offset."""

    slope: float
    offset: float
    threshold: float  # for which that was learnt, 0..1
    most: float = MOST

    def expected(self, scores: Floats) -> float:
        """Return the number of objects that is expected behind boxes with these scores (n,), by all boxes there are."""
        return float(np.sum(1 / (1 + np.exp(-(self.slope * logits(scores) + self.offset)))))

    def moved(self, found: Detections) -> Detections:
        """Return the boxes of a photo with moved scores: the expected number reaches the threshold, as far as allowed.

        Their order stays. Where that number reaches it already, the scores stay, too.
        """
        by = self._shift(np.sort(logits(found.scores))[::-1], self.expected(found.scores))
        if not by:
            return found
        scores = 1 / (1 + np.exp(-(logits(found.scores) + by)))
        return replace(found, scores=scores.astype(np.float32))

    def _shift(self, ordered: NDArray[np.float64], expected: float) -> float:
        """Return the summand of the logits, of which `ordered` (n,) are sorted, the highest first."""
        wanted = min(len(ordered), round(expected))
        chosen = float(logits(np.float64(self.threshold)))
        last = float(ordered[wanted - 1]) if wanted else math.inf  # that counts
        first = float(ordered[wanted]) if wanted < len(ordered) else -math.inf  # that does not
        room = min(APART, (last - first) / 2)
        place = min(max(chosen, first + room), last - room)
        return min(self.most, max(-self.most, chosen - place))


def logits(scores: NDArray[np.float32] | np.float64) -> NDArray[np.float64]:
    """Return log(p / (1 - p)) of scores 0..1, of any shape."""
    clipped = np.clip(np.asarray(scores, np.float64), TINY, 1 - TINY)
    return np.asarray(np.log(clipped / (1 - clipped)))
