"""The learning curve: heads trained on a quarter, a half and all of the photos, judged on the same other photos."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from vm_worker.learn import imbalance
from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.budget import Budget
from vm_worker.learn.heads import folds
from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.heads.head_result import HeadResult
from vm_worker.learn.heads.linear import HeadSettings
from vm_worker.learn.judge.out_of_fold import OutOfFold, by_others
from vm_worker.results.candidates import LearningCurve, LearningPoint

SHARES = (0.25, 0.5)  # of each fold's training photos; the figure for all of them is known already
DRAWS = 2  # of each share where photos are few: the accuracy after one draw of a few dozen depends on chance
STANDARD_ERRORS = 2.0  # half the width of the interval around a gain
WORTHWHILE_GAIN = 0.01  # of accuracy; less is not worth the work of taking photos
LITTLE_GAIN = 0.02  # of accuracy; more photos hardly help where the whole interval is below this

Scores = NDArray[np.float64]
Learnt = Callable[[Rows, Rows], Floats]  # rows to learn from, rows to judge -> probabilities (m, k) of the latter


class _Late(Exception):
    """The time ended before the curve was computed."""


def learning_curve(
    table: FeatureTable, settings: HeadSettings, result: HeadResult, unseen: OutOfFold, budget: Budget
) -> LearningCurve | None:
    """Train the chosen head on fewer photos, and conclude whether more would help; None where the time ends first.

    Where the balanced accuracy counts, every class counts alike here too.
    Half of the photos is compared with all, judged photo by judged photo, so that the choice of the judged photos
    does not add to the standard error.
    """
    kept = table.judgeable(table.everything)
    counts = imbalance.weights(table.labels[kept], settings.balanced).astype(np.float64)

    def learnt(part: Rows, judged: Rows) -> Floats:
        if budget.over():
            raise _Late
        return by_others(table, settings, result, part, judged)

    try:
        right = {share: counts * _right(table, settings.seed, unseen, share, learnt)[kept] for share in SHARES}
    except _Late:
        return None
    right[1.0] = counts * unseen.right[kept]
    images = float(np.mean([len(train) for train, _ in unseen.splits]))
    points = [
        LearningPoint(share, round(images * share), round(float(scores.mean()), 5), round(_standard_error(scores), 5))
        for share, scores in right.items()
    ]
    gains = right[1.0] - right[0.5]
    # That no photo differs does not show that none of many would: at least the error of one that does.
    gain, error = float(gains.mean()), max(_standard_error(gains), 1 / len(gains))
    verdict = _verdict(gain, error)
    return LearningCurve(tuple(points), verdict, _answer(verdict, points[-2:], (gain, error), settings.balanced))


def _right(table: FeatureTable, seed: int, unseen: OutOfFold, share: float, learnt: Learnt) -> Scores:
    """Return (n,) the share of the draws in which each photo was right, 0..1."""
    draws = 1 if len(table.labels) >= folds.ENOUGH else DRAWS
    right = np.zeros(len(table.labels))
    for draw in range(draws):
        for train, judged in unseen.splits:
            order = folds.interleaved(table.labels[train], seed + draw)
            part = train[order[: max(2, round(share * len(train)))]]
            probabilities = learnt(part, judged)
            right[judged] += (probabilities.argmax(axis=1) == table.labels[judged]) / draws
    return right


def _standard_error(values: Scores) -> float:
    return float(values.std() / np.sqrt(len(values)))


def _verdict(gain: float, error: float) -> str:
    """Return "yes", "hardly" or "unknown": whether more photos would help, by a gain and its standard error."""
    if gain - STANDARD_ERRORS * error > 0 and gain >= WORTHWHILE_GAIN:
        return "yes"
    return "hardly" if gain + STANDARD_ERRORS * error < LITTLE_GAIN else "unknown"


def _answer(verdict: str, points: Sequence[LearningPoint], measured: tuple[float, float], balanced: bool) -> str:
    """Return the sentence for the report; `measured` are the gain and its standard error."""
    (half, whole), (gain, error) = points, measured
    photos = "photos of each class, on average," if balanced else "photos"
    found = (
        f"with {half.images:,} training photos the selected head was right on {half.accuracy:.1%} of {photos} that "
        f"it had not seen, with {whole.images:,} on {whole.accuracy:.1%} "
        f"({gain * 100:+.1f} points, give or take {STANDARD_ERRORS * error * 100:.1f})"
    ).replace("%", " %")
    match verdict:
        case "yes":
            return f"More photos would probably help: {found}. Twice as many should help again, if less."
        case "hardly":
            return f"More photos of the same kind would hardly help: {found}."
    return f"Whether more photos would help cannot be told from these: {found}."
