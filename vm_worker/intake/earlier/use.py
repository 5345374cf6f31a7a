"""How the photos of a job that continues are split: nothing that the earlier model learnt from is judged or tested on.

Its old test photos stay test photos, so that both models can be compared on the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.arrays import Flags, Rows
from vm_worker.intake.dataset import Part
from vm_worker.intake.earlier.seen import Side
from vm_worker.results.intake import EarlierCounts

UNSEEN_LEAST = 30  # photos that the earlier model and the others are compared on; fewer tell nothing
TRAIN_SHARE = 0.4  # of a class, at least, where its old test photos are kept without need


class Use(StrEnum):
    """What a split makes of an earlier model's photos."""

    CONTINUES = "continues"  # what it learnt from is on the training side, so that the job may continue from it
    SAME_TEST = "same_test"  # only its old test photos are kept: too few others are new to it
    NOTHING = "nothing"


@dataclass(frozen=True, eq=False)
class EarlierPhotos:
    """What an earlier model knows of the photos (n,) of a job that continues from it."""

    sides: NDArray[np.uint8]  # (n,) values of Side, of each photo by itself
    places: Rows  # (n,) its row among the photos that the earlier model has seen; -1: none
    unseen: Flags  # (n,) whether the earlier model may be judged on it: nothing of its group was learnt from
    use: Use

    @classmethod
    def of(cls, groups: Rows, sides: NDArray[np.uint8], places: Rows, use: Use) -> EarlierPhotos:
        """Return what is known of photos in these groups (n,)."""
        return cls(sides, places, judgeable(sides_of_groups(groups, sides)), use)

    def counted(self) -> EarlierCounts:
        """Count them, for the report."""
        new, tested, learnt = (int(np.sum(self.sides == side)) for side in Side)
        return EarlierCounts(new, tested, learnt, str(self.use))


def sides_of_groups(groups: Rows, seen: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (n,) for each photo the largest Side in its group: a near copy of a learnt photo counts as learnt."""
    _, places = np.unique(groups, return_inverse=True)
    largest = np.zeros(len(places), np.uint8)
    np.maximum.at(largest, places, seen)
    return largest[places]


def fixed(groups: Rows, sides: NDArray[np.uint8], use: Use) -> dict[int, Part]:
    """Return the parts of the groups that the earlier model knows; the other groups are free."""
    parts = {Side.TESTED: Part.TEST} | ({Side.LEARNT: Part.TRAIN} if use is Use.CONTINUES else {})
    return {
        int(number): parts[Side(side)]
        for number, side in zip(groups.tolist(), sides.tolist(), strict=True)
        if side in parts
    }


def suffices(parts: NDArray[np.uint8], sides: NDArray[np.uint8], labels: Rows, use: Use) -> bool:
    """Return whether a split (n,) with fixed groups leaves each class enough in each part.

    To continue, each class needs test and validation photos that the earlier model did not learn from, and all together
    enough to compare it with other networks on.
    """
    for label in np.unique(labels):
        own = parts[labels == label]
        train, validation, test = (int(np.sum(own == part)) for part in Part)
        least = 1 if use is Use.CONTINUES else TRAIN_SHARE * len(own)
        if train < least or validation < 1 or test < 2:
            return False
    return use is not Use.CONTINUES or int(np.sum(judgeable(sides) & (parts != Part.TEST))) >= UNSEEN_LEAST


def judgeable(sides: NDArray[np.uint8]) -> Flags:
    """Return (n,) whether the earlier model may be judged on each photo: neither it nor an ancestor learnt from it."""
    flags: Flags = sides != Side.LEARNT
    return flags
