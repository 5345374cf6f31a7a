"""How much a job that continues needs of each part, and what it may judge the earlier model on."""

from __future__ import annotations

import numpy as np
import pytest

from vm_worker.intake.dataset import Part
from vm_worker.intake.earlier.seen import Side
from vm_worker.intake.earlier.use import EarlierPhotos, Use, fixed, judgeable, sides_of_groups, suffices

NEW, TESTED, LEARNT = Side


def split(*counts: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Parts and labels of classes with so many photos to learn from, to choose by and to test on."""
    parts = [part for count in counts for part, number in zip(Part, count, strict=True) for _ in range(number)]
    labels = [label for label, count in enumerate(counts) for _ in range(sum(count))]
    return np.array(parts, np.uint8), np.array(labels)


@pytest.mark.parametrize(
    ("counts", "use", "enough"),
    [
        ((1, 40, 2), Use.CONTINUES, True),
        ((0, 40, 2), Use.CONTINUES, False),
        ((40, 1, 2), Use.CONTINUES, True),
        ((40, 0, 2), Use.CONTINUES, False),
        ((40, 40, 1), Use.CONTINUES, False),
        ((4, 4, 2), Use.SAME_TEST, True),  # two fifths to learn from
        ((4, 4, 3), Use.SAME_TEST, False),
        ((40, 0, 2), Use.SAME_TEST, False),
        ((40, 1, 2), Use.SAME_TEST, True),
        ((40, 1, 1), Use.SAME_TEST, False),
    ],
)
def test_each_class_needs_enough_in_each_part(counts: tuple[int, int, int], use: Use, enough: bool) -> None:
    for classes in ((counts, (50, 20, 20)), ((50, 20, 20), counts)):
        parts, labels = split(*classes)
        assert suffices(parts, np.zeros(len(parts), np.uint8), labels, use) is enough


@pytest.mark.parametrize(("new", "enough"), [(30, True), (29, False)])
def test_thirty_photos_to_compare_models_on(new: int, enough: bool) -> None:
    """Those that were not learnt from, outside the test part."""
    parts, labels = split((50, 10, 20))
    sides = np.full(80, LEARNT, np.uint8)
    sides[60 - new : 60] = NEW
    sides[60 - new] = TESTED
    sides[60:] = NEW
    assert suffices(parts, sides, labels, Use.CONTINUES) is enough
    assert suffices(parts, sides, labels, Use.SAME_TEST)


def test_a_group_is_known_by_the_photo_of_it_that_is_known_best() -> None:
    groups, seen = np.array([0, 1, 0, 2, 1, 3]), np.array([NEW, TESTED, LEARNT, NEW, NEW, TESTED], np.uint8)
    sides = sides_of_groups(groups, seen)
    assert sides.tolist() == [2, 1, 2, 0, 1, 1]
    assert fixed(groups, sides, Use.CONTINUES) == {0: Part.TRAIN, 1: Part.TEST, 3: Part.TEST}
    assert fixed(groups, sides, Use.SAME_TEST) == {1: Part.TEST, 3: Part.TEST}
    assert judgeable(sides).tolist() == [False, True, False, True, True, True]
    known = EarlierPhotos.of(groups, seen, np.arange(6), Use.CONTINUES)
    assert known.unseen.tolist() == [False, True, False, True, True, True]
    assert known.sides.tolist() == seen.tolist() and known.places.tolist() == list(range(6))
    assert vars(known.counted()) == {"new": 3, "tested": 2, "learnt": 1, "use": "continues"}
    assert sides_of_groups(np.zeros(0, np.int64), np.zeros(0, np.uint8)).shape == (0,)
