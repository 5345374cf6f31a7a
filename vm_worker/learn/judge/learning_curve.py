"""Would more photos help? Heads on a quarter, a half and all of them, judged on the same unseen photos."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vm_worker.learn.heads import folds
from vm_worker.learn.heads.head_validation import FeatureTable, HeadResult
from vm_worker.learn.heads.linear import Plan
from vm_worker.learn.judge.unseen import Unseen, answers
from vm_worker.results.candidates import LearningCurve, LearningPoint

SHARES = (0.25, 0.5)  # of each fold's training photos; the whole is known already
DRAWS = 2  # of each share where photos are few: a draw of a few dozen is a matter of luck
SURE = 2.0  # standard errors
WORTH = 0.01  # accuracy; less is not worth the trouble of taking photos
LITTLE = 0.02  # a gain that is surely below this is little

Scores = NDArray[np.float64]


def learning_curve(material: FeatureTable, plan: Plan, verdict: HeadResult, unseen: Unseen) -> LearningCurve:
    """Train the chosen head on fewer photos, and say whether more would help.

    The answer compares half of the photos with all, photo by photo, so that the luck of which photos were judged
    plays no part.
    """
    right = {share: _right(material, plan, verdict, unseen, share) for share in SHARES}
    right[1.0] = unseen.right.astype(np.float64)
    images = float(np.mean([len(train) for train, _ in unseen.splits]))
    points = [
        LearningPoint(share, round(images * share), round(float(scores.mean()), 5), round(_error(scores), 5))
        for share, scores in right.items()
    ]
    gains = right[1.0] - right[0.5]
    gain, error = float(gains.mean()), _error(gains)
    told = _verdict(gain, error)
    return LearningCurve(tuple(points), told, _answer(told, points[-2:], gain, error))


def _right(material: FeatureTable, plan: Plan, verdict: HeadResult, unseen: Unseen, share: float) -> Scores:
    """(n,) how often each photo was right, 0..1."""
    draws = 1 if len(material.labels) >= folds.ENOUGH else DRAWS
    right = np.zeros(len(material.labels))
    for draw in range(draws):
        for train, judged in unseen.splits:
            order = folds.interleaved(material.labels[train], plan.seed + draw)
            part = train[order[: max(2, round(share * len(train)))]]
            said = answers(material, plan, verdict, part, judged)
            right[judged] += (said.argmax(axis=1) == material.labels[judged]) / draws
    return right


def _error(values: Scores) -> float:
    return float(values.std() / np.sqrt(len(values)))


def _verdict(gain: float, error: float) -> str:
    """Would more photos help: "yes", "hardly" or "unknown"; a gain and its standard error."""
    if gain - SURE * error > 0 and gain >= WORTH:
        return "yes"
    return "hardly" if gain + SURE * error < LITTLE else "unknown"


def _answer(verdict: str, points: Sequence[LearningPoint], gain: float, error: float) -> str:
    half, whole = points
    found = (
        f"with {half.images:,} training photos the selected head was right on {half.accuracy:.1%} of photos that "
        f"it had not seen, with {whole.images:,} on {whole.accuracy:.1%} "
        f"({gain * 100:+.1f} points, give or take {SURE * error * 100:.1f})"
    ).replace("%", " %")
    match verdict:
        case "yes":
            return f"More photos would probably help: {found}. Twice as many should help again, if less."
        case "hardly":
            return f"More photos of the same kind would hardly help: {found}."
    return f"Whether more photos would help cannot be told from these: {found}."
