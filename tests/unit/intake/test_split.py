"""The split: stratified, repeatable, duplicates in one part, ready-made parts respected."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import UserError
from jobs.limits import Limits
from vm_worker.intake.dataset import Part
from vm_worker.intake.earlier.seen import Side
from vm_worker.intake.earlier.use import Use
from vm_worker.intake.groups import DISTINCT_LEAST, PhotoDigests, group
from vm_worker.intake.split import LEAST, Split, SplitRows, divide

LIMITS = Limits()


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _rows(copies: Sequence[Sequence[int]], given: Sequence[Part | None] | None = None) -> SplitRows:
    """Make rows from the sizes of the groups of equal photos in each class."""
    photos = [
        PhotoDigests(label, _digest(label, number), _digest("pixels", label, number))
        for label, sizes in enumerate(copies)
        for number, size in enumerate(sizes)
        for _ in range(size)
    ]
    return _named(photos, given)


def _named(photos: Sequence[PhotoDigests], given: Sequence[Part | None] | None = None) -> SplitRows:
    classes = tuple(f"class {n}" for n in range(1 + max(photo.stratum for photo in photos)))
    groups = group(photos)
    return SplitRows(classes, photos, groups.numbers, groups.exact, given or [None] * len(photos))


def _counts(rows: SplitRows, split: Split, label: int) -> dict[Part, int]:
    counter = Counter(
        Part(part) for part, photo in zip(split.parts.tolist(), rows.photos, strict=True) if photo.stratum == label
    )
    return {part: counter[part] for part in Part}


def _sides(rows: SplitRows, split: Split) -> dict[int, set[int]]:
    sides: dict[int, set[int]] = {}
    for number, part in zip(rows.groups.tolist(), split.parts.tolist(), strict=True):
        sides.setdefault(number, set()).add(part)
    return sides


@pytest.mark.parametrize(
    ("count", "train", "validation", "test"),
    [(5, 2, 1, 2), (7, 4, 1, 2), (8, 4, 2, 2), (10, 6, 2, 2), (13, 7, 3, 3), (64, 38, 13, 13), (300, 180, 60, 60)],
)
def test_sixty_twenty_twenty_of_every_class(count: int, train: int, validation: int, test: int) -> None:
    rows = _rows([[1] * count, [1] * 50])
    split = divide(rows, 0, LIMITS)
    assert _counts(rows, split, 0) == {Part.TRAIN: train, Part.VALIDATION: validation, Part.TEST: test}
    assert _counts(rows, split, 1) == {Part.TRAIN: 30, Part.VALIDATION: 10, Part.TEST: 10}
    assert split.warnings == ()


def test_the_split_follows_photos_and_seed_alone() -> None:
    rows = _rows([[1] * 40, [1] * 40])
    one, again, other = divide(rows, 7, LIMITS), divide(rows, 7, LIMITS), divide(rows, 8, LIMITS)
    assert (one.parts == again.parts).all()
    assert (one.parts != other.parts).any()
    back = _named(list(reversed(rows.photos)))
    assert (divide(back, 7, LIMITS).parts == one.parts[::-1]).all()


SIZES = st.lists(st.one_of(st.just(1), st.integers(1, 40)), min_size=DISTINCT_LEAST, max_size=30)


@settings(deadline=None, max_examples=30)
@given(st.lists(SIZES, min_size=2, max_size=4), st.integers(0, 5))
def test_groups_stay_whole_and_no_part_is_empty(copies: list[list[int]], seed: int) -> None:
    rows = _rows(copies)
    split = divide(rows, seed, LIMITS)
    assert all(len(parts) == 1 for parts in _sides(rows, split).values())
    for label in range(len(copies)):
        counts = _counts(rows, split, label)
        assert counts[Part.TRAIN] >= 1
        assert all(counts[part] >= least for part, least in LEAST.items())


def test_a_large_group_of_copies_does_not_fill_the_test_set() -> None:
    rows = _rows([[30] + [1] * 20, [1] * 50])
    counts = _counts(rows, divide(rows, 0, LIMITS), 0)
    assert counts == {Part.TRAIN: 30, Part.VALIDATION: 10, Part.TEST: 10}


@pytest.mark.parametrize(("sizes", "left"), [([10], "1 photo"), ([3, 3, 3, 3], "4 photos"), ([9, 1], "2 photos")])
def test_copies_alone_are_not_enough_photos(sizes: list[int], left: str) -> None:
    with pytest.raises(UserError, match=f'"class 1" has {left}; at least 5') as caught:
        divide(_rows([[1] * 12, sizes]), 0, LIMITS)
    assert caught.value.code == "class_too_small"


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([100, 100, 100], (100, 100, 100)),
        ([1, 2, 40], (40, 1, 2)),
        ([30, 30, 30, 30, 30], (90, 30, 30)),
        ([50, 50, 50, 1], (50, 50, 51)),
    ],
)
def test_few_recordings_are_split_whole(sizes: list[int], expected: tuple[int, int, int]) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    photos = [PhotoDigests(0, _digest(row), _digest("pixels", row)) for row in range(len(groups))]
    exact = np.arange(len(groups))
    for seed in range(5):
        split = divide(SplitRows(("a",), photos, groups, exact, [None] * len(groups)), seed, LIMITS)
        assert tuple(np.bincount(split.parts)) == expected
        assert all(len(np.unique(split.parts[groups == number])) == 1 for number in range(len(sizes)))


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), min_size=3, max_size=5), st.integers(0, 5))
def test_however_few_groups_a_class_has_no_part_is_empty(sizes: list[int], seed: int) -> None:
    if sum(sizes) < DISTINCT_LEAST or (len(sizes) == 3 and sorted(sizes)[1] < 2):
        return  # `group` makes no such groups
    groups = np.repeat(np.arange(len(sizes)), sizes)
    photos = [PhotoDigests(0, _digest(row), _digest("pixels", row)) for row in range(len(groups))]
    rows = SplitRows(("a",), photos, groups, np.arange(len(groups)), [None] * len(groups))
    counts = _counts(rows, divide(rows, seed, LIMITS), 0)
    assert counts[Part.TRAIN] >= 1
    assert all(counts[part] >= least for part, least in LEAST.items())


def test_a_picture_in_two_classes_is_only_learnt_from() -> None:
    rows = _rows([[1] * 20, [1] * 20])
    photos = list(rows.photos)
    photos[25] = PhotoDigests(1, photos[3].content, photos[3].pixels)
    mixed = _named(photos)
    assert mixed.groups[3] == mixed.groups[25]
    for seed in range(20):
        assert divide(mixed, seed, LIMITS).parts[[3, 25]].tolist() == [Part.TRAIN, Part.TRAIN]


def _grouped(sizes: Sequence[int], known: Mapping[int, Side] | None = None) -> SplitRows:
    """One class of groups of so many different photos, of which an earlier model may know some."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    photos = [PhotoDigests(0, _digest(row), _digest("pixels", row)) for row in range(len(groups))]
    seen = None if known is None else np.array([known.get(int(number), Side.NEW) for number in groups], np.uint8)
    return SplitRows(("a",), photos, groups, np.arange(len(groups)), [None] * len(groups), seen)


@pytest.mark.parametrize("seed", range(9))
def test_groups_that_fit_nowhere_are_learnt_from_but_for_the_smallest(seed: int) -> None:
    """Where each is larger than what a part needs, test has the smallest, and validation the next."""
    rows = _grouped([26, 25, 24, 27])
    parts = divide(rows, seed, LIMITS).parts
    assert np.bincount(parts).tolist() == [53, 25, 24]
    assert set(parts[rows.groups == 2].tolist()) == {Part.TEST}
    assert np.bincount(divide(_grouped([5, 5]), seed, LIMITS).parts).tolist() == [5, 0, 5]  # one is learnt from
    rows = _grouped([30, 9, 8, 7])  # three of these fit
    parts = divide(rows, seed, LIMITS).parts
    assert set(parts[rows.groups == 0].tolist()) == {Part.TRAIN}
    assert sorted(int(parts[rows.groups == number][0]) for number in range(4)) == [0, 0, 1, 2]


@pytest.mark.parametrize("seed", range(3))
def test_each_part_has_its_share_of_groups(seed: int) -> None:
    assert np.bincount(divide(_grouped([1] * 6), seed, LIMITS).parts).tolist() == [3, 1, 2]
    assert np.bincount(divide(_grouped([5] * 20), seed, LIMITS).parts).tolist() == [60, 20, 20]


def test_what_an_earlier_model_knows_fills_its_parts_first() -> None:
    known = {number: Side.LEARNT for number in range(60)} | {number: Side.TESTED for number in range(60, 75)}
    split = divide(_grouped([1] * 150, known), 0, LIMITS)
    assert split.use is Use.CONTINUES
    assert set(split.parts[:60].tolist()) == {Part.TRAIN} and set(split.parts[60:75].tolist()) == {Part.TEST}
    assert np.bincount(split.parts).tolist() == [90, 30, 30]
    tested = divide(_grouped([1] * 100, dict.fromkeys(range(30), Side.TESTED)), 0, LIMITS)
    assert np.bincount(tested.parts).tolist() == [50, 20, 30] and tested.use is Use.CONTINUES
