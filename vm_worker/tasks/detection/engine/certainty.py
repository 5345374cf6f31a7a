"""How sure a photo's count is: an interval from the errors of counts of photos that were not learnt from.

Errors are shares of the square root of the count, as far as errors grow with counts. The interval is that of split
conformal prediction (Lei et al., JASA 2018): nine in ten new photos like these lie in it, whatever errors look like.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vm_worker.as_json import AsJson

SHARE = 0.9  # of photos whose number of objects is to lie in the interval
FEW = 10  # photos, below which no interval is given
MOST = 400  # errors that are kept
EXACT = 1e-3  # of an object: errors are kept rounded


@dataclass(frozen=True)
class Interval(AsJson):
    """The bounds of the number of objects in one photo, both included."""

    low: int
    high: int
    share: float  # of new photos whose number lies in their interval: 0.9, or less where few photos were counted


@dataclass(frozen=True)
class Certainty(AsJson):
    """The errors of some counts, sorted: (labelled - counted) / sqrt(counted + 1)."""

    errors: tuple[float, ...] = ()

    @classmethod
    def of(cls, labelled: Sequence[int], counted: Sequence[int]) -> Certainty:
        """Return the errors of these photos' counts."""
        return cls(tuple(sorted(_error(*pair) for pair in zip(labelled, counted, strict=True)))).thinned()

    def joined(self, other: Certainty) -> Certainty:
        """Return the errors of both."""
        return Certainty(tuple(sorted((*self.errors, *other.errors)))).thinned()

    def thinned(self) -> Certainty:
        """Return at most MOST of the errors, which are as far apart as all."""
        if len(self.errors) <= MOST:
            return self
        places = np.linspace(0, len(self.errors) - 1, MOST).round().astype(int)
        return Certainty(tuple(self.errors[place] for place in places))

    def interval(self, counted: int) -> Interval | None:
        """Return the interval of a photo with this count; None where too few photos tell of it."""
        photos = len(self.errors)
        if photos < FEW:
            return None
        beyond = math.floor((photos + 1) * (1 - SHARE) / 2 + EXACT)  # errors of each side, that lie outside
        place = max(1, beyond)
        scale = math.sqrt(counted + 1)
        low = math.ceil(counted + self.errors[place - 1] * scale - EXACT)
        high = math.floor(counted + self.errors[-place] * scale + EXACT)
        share = 1 - 2 * place / (photos + 1)
        return Interval(max(0, min(low, counted)), max(high, counted), round(min(SHARE, share), 2))


def _error(labelled: int, counted: int) -> float:
    return round((labelled - counted) / math.sqrt(counted + 1), 6)
