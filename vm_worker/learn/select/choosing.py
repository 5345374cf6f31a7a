"""Which of several earlier models a job continues from: the one whose photos are most like the new ones.

No label of a new photo counts, and nothing that an earlier model says of one: so no photo chooses that tests later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vm_worker.learn.select.mean_features import MeanFeatures
from vm_worker.results.earlier import COMPARED, NOT_COMPARED, NOTHING_TO_GIVE, OfferedRow


@dataclass(frozen=True)
class Offered:
    """An earlier model that a job may continue from."""

    job: str  # the first 8 characters of its id
    day: str = ""  # when its job was started, ISO 8601; empty: not known
    mean: MeanFeatures | None = None  # of the photos that it learnt from; None: not known
    gives: bool = True  # whether its network or its head can be of use for the new classes
    lost: str = ""  # why it cannot be used: "deleted" or "damaged"


def compare(offered: Sequence[Offered], new: MeanFeatures | None) -> tuple[OfferedRow, ...]:
    """Return a row for each model, in their order; the first of the ranking is chosen, unless all are lost.

    `new` are the mean features of the new photos; None: not known. Models that cannot be compared come after those that
    can, in their order, then those that have nothing to give, then those that are lost.
    """
    scores = [_score(one, new) for one in offered]

    def place(number: int) -> tuple[bool, bool, float, int]:
        one, score = offered[number], scores[number]
        return bool(one.lost), not one.gives, 0.0 if score is None else -score[1], number

    order = sorted(range(len(offered)), key=place)
    return tuple(
        _row(one, score, order.index(number) + 1)
        for number, (one, score) in enumerate(zip(offered, scores, strict=True))
    )


def _score(one: Offered, new: MeanFeatures | None) -> tuple[float, float] | None:
    if one.lost or one.mean is None or new is None or not one.mean.comparable(new):
        return None
    return one.mean.score(new)


def _row(one: Offered, score: tuple[float, float] | None, rank: int) -> OfferedRow:
    state = COMPARED if score else NOT_COMPARED
    return OfferedRow(
        job=one.job,
        rank=rank,
        chosen=rank == 1 and not one.lost,
        state=one.lost or (state if one.gives else NOTHING_TO_GIVE),
        day=one.day,
        photos=one.mean.photos if one.mean and not one.lost else None,
        similarity=round(score[0], 5) if score else None,
        score=round(score[1], 5) if score else None,
    )
