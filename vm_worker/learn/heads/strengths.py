"""Search the best L2 strength of a head: some that are likely, then further ones while the best lies at an end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.heads import courses
from vm_worker.learn.heads.courses import Chosen
from vm_worker.learn.heads.linear import HeadSettings

FURTHER = 2  # strengths that are tried next beyond an end


class StrengthSearch:
    """The strengths that were tried on all folds, and those to try next."""

    def __init__(self, settings: HeadSettings, between: tuple[float, float], labels: Rows) -> None:
        """Begin with the strengths `between` two; `labels` (m,) are those of the judged rows, fold by fold."""
        low, high = between
        likely = tuple(one for one in settings.strengths if low <= one <= high)
        self._settings, self._labels = settings, labels
        self._tried: tuple[float, ...] = ()
        self._courses: list[Floats] = []
        self.wanted = likely or settings.strengths

    def learn(self, found: Sequence[Floats]) -> Chosen:
        """Take the courses (epochs, m, strengths, k) of the wanted strengths, fold by fold, and want others or none.

        Return the strength and epoch with the lowest cross-entropy so far.
        """
        known = zip(self._courses, found, strict=True) if self._tried else ((one,) for one in found)
        self._courses = [np.concatenate(parts, axis=2) for parts in known]
        self._tried += self.wanted
        best = courses.chosen(self._courses, self._labels, replace(self._settings, strengths=self._tried))
        self.wanted = self._beyond(best.strength)
        return best

    def _beyond(self, best: float) -> tuple[float, ...]:
        """Return the strengths next to the best one, where it is the first or the last of those tried."""
        below = sorted(one for one in self._settings.strengths if one < min(self._tried))
        above = sorted(one for one in self._settings.strengths if one > max(self._tried))
        if best == min(self._tried) and below:
            return tuple(below[-FURTHER:])
        return tuple(above[:FURTHER]) if best == max(self._tried) else ()
