"""A ready-made split is kept; what a class lacks is cut from its photos to learn from, and told."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from jobs.errors import UserError
from tests.unit.intake.test_split import LIMITS, _counts, _digest, _named, _rows, _sides
from vm_worker.intake.dataset import Part
from vm_worker.intake.earlier.seen import Side
from vm_worker.intake.earlier.use import Use
from vm_worker.intake.groups import PhotoDigests
from vm_worker.intake.split import SplitRows, divide


def _given(counts: Mapping[Part, int], classes: int = 2) -> tuple[list[list[int]], list[Part | None]]:
    parts: list[Part | None] = [part for part, count in counts.items() for _ in range(count)]
    return [[1] * len(parts)] * classes, parts * classes


def test_a_complete_split_is_left_alone() -> None:
    copies, given_parts = _given({Part.TRAIN: 20, Part.VALIDATION: 3, Part.TEST: 7})
    split = divide(_rows(copies, given_parts), 0, LIMITS)
    assert split.parts.tolist() == given_parts
    assert split.warnings == ()


@pytest.mark.parametrize("missing", [Part.VALIDATION, Part.TEST])
def test_a_missing_part_is_cut_from_train_and_said(missing: Part) -> None:
    have = {part: 20 for part in Part if part != missing}
    copies, given_parts = _given(have)
    rows = _rows(copies, given_parts)
    split = divide(rows, 0, LIMITS)
    for label in (0, 1):
        assert _counts(rows, split, label) == have | {Part.TRAIN: 16, missing: 4}
    for part, before in zip(split.parts.tolist(), given_parts, strict=True):
        assert part == before or (before == Part.TRAIN and part == missing)
    assert split.warnings == (
        f"Photos for {missing.name.lower()} were cut from train, as too few were given for all classes.",
    )


def test_one_test_photo_gets_a_second_one() -> None:
    copies, given_parts = _given({Part.TRAIN: 20, Part.VALIDATION: 5, Part.TEST: 1}, classes=1)
    full, full_parts = _given({Part.TRAIN: 20, Part.VALIDATION: 5, Part.TEST: 5}, classes=1)
    rows = _rows(copies + full, given_parts + full_parts)
    split = divide(rows, 0, LIMITS)
    assert _counts(rows, split, 0) == {Part.TRAIN: 19, Part.VALIDATION: 5, Part.TEST: 2}
    assert 'for "class 0"' in split.warnings[0]


@pytest.mark.parametrize("counts", [{Part.TRAIN: 3, Part.TEST: 20}, {Part.VALIDATION: 10, Part.TEST: 10}])
def test_too_little_to_learn_from(counts: dict[Part, int]) -> None:
    copies, given_parts = _given(counts, classes=1)
    full, full_parts = _given({Part.TRAIN: 20}, classes=1)
    with pytest.raises(UserError, match='"class 0" keeps') as caught:
        divide(_rows(copies + full, given_parts + full_parts), 0, LIMITS)
    assert caught.value.code == "class_too_small"


def test_copies_over_several_given_parts_count_as_train() -> None:
    copies, given_parts = _given({Part.TRAIN: 20, Part.VALIDATION: 5, Part.TEST: 5})
    photos = list(_rows(copies).photos)
    photos[27] = photos[2]  # a test photo that is also in train
    rows = _named(photos, given_parts)
    split = divide(rows, 0, LIMITS)
    assert split.parts[[2, 27]].tolist() == [Part.TRAIN, Part.TRAIN]
    assert "In validation or test, 1 photo had a copy" in split.warnings[0]
    assert all(len(parts) == 1 for parts in _sides(rows, split).values())


def test_a_picture_in_two_classes_is_not_tested_on_again() -> None:
    """Though an earlier model was, and the split is ready-made."""
    copies, given_parts = _given({Part.TRAIN: 40, Part.VALIDATION: 10, Part.TEST: 5})
    photos = list(_rows(copies).photos)
    photos[60] = replace(photos[2], stratum=1)
    seen = np.zeros(len(photos), np.uint8)
    seen[[2, 3, 60]] = Side.TESTED
    split = divide(replace(_named(photos, given_parts), seen=seen), 0, LIMITS)
    assert split.use is Use.CONTINUES
    assert split.parts[[2, 3, 60]].tolist() == [Part.TRAIN, Part.TEST, Part.TRAIN]


@pytest.mark.parametrize("seed", range(6))
def test_a_small_group_goes_where_no_large_one_fits(seed: int) -> None:
    """Validation needs six photos, and test one more: what is left of both is compared by its share."""
    sizes = [1, 6, 12, 11]
    groups = np.array([*np.repeat(np.arange(4), sizes), 4])
    photos = [PhotoDigests(0, _digest(row), _digest("pixels", row)) for row in range(31)]
    rows = SplitRows(("a",), photos, groups, np.arange(31), [*[Part.TRAIN] * 30, Part.TEST])
    parts = divide(rows, seed, LIMITS).parts
    assert parts.tolist() == [*[Part.TEST], *[Part.VALIDATION] * 6, *[Part.TRAIN] * 23, Part.TEST]


def test_many_classes_that_lack_a_part_are_not_all_listed() -> None:
    whole = _given({Part.TRAIN: 20, Part.VALIDATION: 5, Part.TEST: 5}, classes=1)
    lacking = [_given({Part.TRAIN: 20, Part.TEST: 5}, classes=1) for _ in range(7)]
    copies = list(itertools.chain(whole[0], *(one[0] for one in lacking)))
    parts = list(itertools.chain(whole[1], *(one[1] for one in lacking)))
    warning = divide(_rows(copies, parts), 0, LIMITS).warnings[0]
    assert warning.endswith('"class 5" and 2 more.')


@pytest.mark.parametrize(("train", "enough"), [(6, True), (5, False)])
def test_six_photos_to_learn_from_are_left(train: int, enough: bool) -> None:
    """Three fifths of the fewest photos of a class."""
    copies, given_parts = _given({Part.TRAIN: train, Part.VALIDATION: 1, Part.TEST: 2})
    if enough:
        assert divide(_rows(copies, given_parts), 0, LIMITS).parts.tolist() == given_parts
        return
    with pytest.raises(UserError) as caught:
        divide(_rows(copies, given_parts), 0, LIMITS)
    assert caught.value.message == (
        '"class 0" keeps 5 photos to learn from, 1 for validation and 2 for test; at least 6, 1 and 2 are needed.'
    )


def test_parts_that_are_short_are_filled_from_photos_to_learn_from() -> None:
    """A fifth where there is none, else as many as are needed."""
    given_parts = [*[Part.TRAIN] * 30, Part.TEST, *[Part.TRAIN] * 29, *[Part.VALIDATION] * 3]
    rows = _rows([[1] * 31, [1] * 32], given_parts)
    split = divide(rows, 0, LIMITS)
    assert _counts(rows, split, 0) == {Part.TRAIN: 23, Part.VALIDATION: 6, Part.TEST: 2}
    assert _counts(rows, split, 1) == {Part.TRAIN: 23, Part.VALIDATION: 3, Part.TEST: 6}
    assert split.warnings == (
        'Photos for validation were cut from train, as too few were given for "class 0".',
        "Photos for test were cut from train, as too few were given for all classes.",
    )


def test_copies_in_several_given_parts_are_counted() -> None:
    copies, given_parts = _given({Part.TRAIN: 20, Part.VALIDATION: 5, Part.TEST: 5})
    photos = list(_rows(copies).photos)
    photos[27], photos[28], photos[22], photos[23] = photos[2], photos[2], photos[3], photos[26]
    split = divide(_named(photos, given_parts), 0, LIMITS)
    assert split.warnings == (
        "In validation or test, 5 photos had a copy, or nearly one, in another part; these were put into train.",
    )
    assert set(split.parts[[2, 3, 22, 23, 26, 27, 28]].tolist()) == {Part.TRAIN}
    assert _counts(_named(photos, given_parts), split, 0) == {Part.TRAIN: 25, Part.VALIDATION: 3, Part.TEST: 2}


def _recording(given: Mapping[Part, int], joined: int, copies: Sequence[tuple[int, int]] = ()) -> SplitRows:
    """Return one class with these parts, of whose photos the first `joined` are of one recording."""
    parts = [part for part, count in given.items() for _ in range(count)]
    rows, exact = np.arange(len(parts)), np.arange(len(parts))
    for one, other in copies:
        exact[other] = exact[one]
    photos = [PhotoDigests(0, _digest(row), _digest("pixels", row)) for row in rows.tolist()]
    return SplitRows(("a",), photos, np.where(rows < joined, 0, rows), exact, parts)


APART = (
    'Of "a", photos to learn from have near copies in validation or test, as else too few would be left there: '
    "what is said of the model may be too good."
)


def test_a_class_that_near_copies_would_leave_without_validation_stays_as_it_was_given() -> None:
    rows = _recording({Part.TRAIN: 20, Part.VALIDATION: 6, Part.TEST: 8}, joined=27)
    split = divide(rows, 0, LIMITS)
    assert split.parts.tolist() == list(rows.given) and split.warnings == (APART,)


def test_a_part_that_such_a_class_lacks_is_cut_from_a_recording_all_the_same() -> None:
    rows = _recording({Part.TRAIN: 20, Part.TEST: 8}, joined=20)
    split = divide(rows, 0, LIMITS)
    assert np.bincount(split.parts).tolist() == [16, 4, 8]
    assert split.warnings[0] == APART and "for validation were cut from train" in split.warnings[1]


def test_exact_copies_are_learnt_from_even_there() -> None:
    rows = _recording({Part.TRAIN: 20, Part.VALIDATION: 6, Part.TEST: 8}, joined=34, copies=[(2, 30), (3, 31)])
    split = divide(rows, 0, LIMITS)
    expected = list(rows.given)
    expected[30] = expected[31] = Part.TRAIN
    assert split.parts.tolist() == expected
    assert split.warnings == (
        "In validation or test, 2 photos had a copy, or nearly one, in another part; these were put into train.",
        APART,
    )


def test_near_copies_of_a_class_that_has_others_do_not_lie_on_both_sides() -> None:
    rows = _recording({Part.TRAIN: 20, Part.VALIDATION: 6, Part.TEST: 8}, joined=22)
    split = divide(rows, 0, LIMITS)
    assert np.bincount(split.parts).tolist() == [22, 4, 8] and APART not in split.warnings
