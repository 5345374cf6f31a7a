"""The learning curve of a head of one or more parts: accuracy and loss after each epoch, the mean of all folds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.heads import folds, linear
from vm_worker.learn.heads.courses import PreparedFold
from vm_worker.learn.heads.forms import Part, Parts
from vm_worker.learn.heads.linear import Bank, HeadSettings, History, softmax


def history(
    parts: Parts, numbers: Iterable[int], rows: Callable[[int], Sequence[PreparedFold]], settings: HeadSettings
) -> History:
    """Train the parts once more at their strengths on each fold, and judge the mean of their logits: (epochs,) each.

    `rows` returns for the number of a fold the rows of each part. Folds count by the number of rows that they judge.
    """

    def followed(number: int) -> tuple[NDArray[np.float64], int]:
        own = rows(number)
        running = [_Course(fold, settings, part) for fold, part in zip(own, parts, strict=True)]
        judged = own[0].judged
        labels = own[0].learnt.labels, judged.labels
        trained = max(part.epochs for part in parts)
        means = (_means([course.epoch() for course in running]) for _ in range(max(trained, 1)))
        figures = np.array([_figures(pair, labels, settings.balanced) for pair in means])
        # After its own number of epochs a part stays as it is.
        return np.pad(figures, ((0, settings.epochs - len(figures)), (0, 0)), "edge"), len(judged.labels)

    found, sizes = zip(*folds.at_once(followed, numbers), strict=True)
    return History(*np.average(found, axis=0, weights=sizes).T)


class _Course:
    """The training of one part on a fold; after the part's own number of epochs its logits stay as they are."""

    def __init__(self, fold: PreparedFold, settings: HeadSettings, part: Part) -> None:
        self._bank = Bank(fold.learnt, replace(settings, strengths=(part.strength,)))
        self._judged, self._left = fold.judged, part.epochs
        self._logits: tuple[Floats, Floats] | None = None

    def epoch(self) -> tuple[Floats, Floats]:
        """Train for an epoch; return the logits (n, k) of the rows learnt from, and (m, k) of those judged."""
        if self._left or self._logits is None:
            if self._left:
                self._bank.epoch()
                self._left -= 1
            self._logits = self._bank.logits()[:, 0], self._bank.logits(self._judged)[:, 0]
        return self._logits


def _means(pairs: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Return the means of the first and of the second logits."""
    seen, unseen = (np.asarray(np.mean(logits, axis=0), np.float32) for logits in zip(*pairs, strict=True))
    return seen, unseen


def _figures(logits: tuple[Floats, Floats], labels: tuple[Rows, Rows], balanced: bool) -> tuple[float, ...]:
    """Return accuracy and loss of the rows learnt from, then of those judged."""
    scores = (linear.score(softmax(one)[:, None], own, balanced) for one, own in zip(logits, labels, strict=True))
    return tuple(float(value[0]) for one in scores for value in (one.accuracy, one.loss))
