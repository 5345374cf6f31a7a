"""Groups of photos: their numbers, when a group is undone again, and what is counted of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.intake.test_near_duplicates import before_a_wall, digests, pictures
from tests.unit.intake.test_recordings import LETTERS, filmed
from vm_worker.intake.groups import Groups, PhotoDigests, group


def test_same_bytes_or_same_pixels_are_one_group() -> None:
    photos = [
        PhotoDigests(0, "a", "1"),
        PhotoDigests(0, "b", "2"),
        PhotoDigests(0, "c", "1"),
        PhotoDigests(0, "c", "2"),
        PhotoDigests(0, "d", "3"),
    ]
    assert group(photos).numbers.tolist() == [0, 0, 0, 0, 1]


def test_groups_count_from_zero_in_order() -> None:
    numbers = group([PhotoDigests(0, content, content) for content in "abcab"]).numbers
    assert numbers.tolist() == [0, 1, 2, 0, 1]
    assert numbers.dtype == np.int64
    assert group([]).numbers.shape == (0,)


def bursts(*sizes: int, label: int = 0) -> list[PhotoDigests]:
    """A class of bursts of so many photos each, by the camera's clock."""
    return [
        PhotoDigests(label, f"{label} {burst} {number}", f"{label} {burst} {number}", b"", "", 1000.0 * burst + number)
        for burst, size in enumerate(sizes)
        for number in range(size)
    ]


def sizes(groups: Groups) -> list[int]:
    return sorted(np.bincount(groups.numbers).tolist())


@pytest.mark.parametrize(
    ("given", "kept", "undone"),
    [
        ((5, 2, 1), [1, 2, 5], 0),  # one to choose by, two to test on, the rest to learn from
        ((5, 1, 1), [1] * 7, 5),  # with one to test on alone the largest is undone
        ((5, 2, 2, 1), [1, 2, 2, 5], 0),
        ((5, 1, 1, 1), [1, 1, 1, 5], 0),
        ((6, 5), [1] * 6 + [5], 6),
        ((9,), [1] * 9, 9),
        ((4, 4), [1] * 4 + [4], 0),  # so few are no recording of which anybody is told
        ((2, 1), [1, 1, 1], 0),
        ((1, 1), [1, 1], 0),
        ((12, 11, 10), [10, 11, 12], 0),
    ],
)
def test_a_class_keeps_as_many_groups_as_a_split_needs(given: tuple[int, ...], kept: list[int], undone: int) -> None:
    found = group(bursts(*given))
    assert sizes(found) == kept
    assert found.undivided == ({0: undone} if undone else {})
    assert found.plain == {}


@pytest.mark.parametrize(("given", "kept"), [((5, 2, 1, 1), [1, 2, 2, 5]), ((5, 1, 1, 1), [1] * 7 + [2])])
def test_a_group_with_a_picture_of_another_class_does_not_count(given: tuple[int, ...], kept: list[int]) -> None:
    """It is learnt from, whatever the split would need."""
    photos = bursts(*given)
    twin = replace(photos[-1], stratum=1, taken=None)
    others = bursts(2, 1, 1, 1, label=1)
    assert sizes(group([*photos, twin, *others])) == sorted([*kept, 1, 1, 1, 2])
    assert group([*photos, twin, *others]).undivided == ({} if given[1] == 2 else {0: 5})


def named(views: np.ndarray) -> list[PhotoDigests]:
    """Photos whose names tell of no order."""
    return [
        replace(one, name=f"{number * 7919 % 997}".translate(LETTERS)) for number, one in enumerate(digests([views]))
    ]


@pytest.mark.parametrize(("frames", "groups"), [(5, [5]), (4, [1] * 4)])
def test_five_frames_are_a_recording_whatever_their_names(frames: int, groups: list[int]) -> None:
    others = np.concatenate([filmed(seed, 1) for seed in range(50, 62)])
    assert sizes(group(named(np.concatenate([filmed(0, frames), others])))) == sorted([*[1] * 12, *groups])


@pytest.mark.slow
def test_a_class_of_thousands_is_not_compared_photo_by_photo() -> None:
    """It would take minutes, so only near copies are found in it, and frames with numbers."""
    others = (
        np.random.default_rng(4).integers(0, 256, (2996, 8, 8)).astype(np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    )
    assert len(sizes(group(named(np.concatenate([filmed(0, 5), others]))))) == 3001


@pytest.mark.parametrize(("alike", "together"), [(10, True), (11, False)])
def test_ten_near_copies_are_believed(alike: int, together: bool) -> None:
    found = group(named(np.concatenate([before_a_wall(alike), pictures(12)])))
    assert max(sizes(found)) == (alike if together else 1)
    assert found.plain == ({} if together else {0: alike})


@pytest.mark.parametrize(("frames", "plain"), [(9, {0: 11}), (10, {0: 11}), (11, {})])
def test_photos_that_look_alike_are_told_unless_they_are_of_one_recording(frames: int, plain: dict[int, int]) -> None:
    """A recording of more than ten pictures, by the camera's clock: what else should they look like?"""
    photos = named(np.concatenate([before_a_wall(11), pictures(12)]))
    filmed = [replace(photo, taken=float(second)) for second, photo in enumerate(photos[:frames])]
    found = group([*filmed, *photos[frames:]])
    assert max(sizes(found)) == frames
    assert found.plain == plain


def counted(numbers: Sequence[int], exact: Sequence[int]) -> tuple[int, int, int, int]:
    groups = Groups(np.array(numbers, np.int64), np.array(exact, np.int64), {}, {})
    found = groups.duplicates(["a"])
    return groups.recordings(), found.photos, found.exact_groups, found.near_groups


def test_copies_are_counted_and_recordings_by_their_pictures() -> None:
    assert counted([], []) == (0, 0, 0, 0)
    assert counted([0, 1], [0, 1]) == (0, 0, 0, 0)
    assert counted([0, 0, 1], [0, 0, 1]) == (0, 1, 1, 0)
    assert counted([0, 0, 1, 1, 1], [0, 0, 1, 2, 2]) == (0, 3, 2, 1)
    assert counted([0] * 10, range(10)) == (0, 9, 0, 1)
    assert counted([0] * 11, range(11)) == (1, 10, 0, 1)
    assert counted([0] * 12, [0, 0, *range(1, 11)]) == (1, 11, 1, 1)
    assert counted([0] * 11, [0, 0, *range(1, 10)]) == (0, 10, 1, 1)


def test_what_was_not_grouped_is_told_by_class() -> None:
    groups = Groups(np.arange(3), np.arange(3), {2: 12, 0: 11}, {1: 30})
    told = groups.duplicates(["a", "b", "c"])
    assert (told.plain, told.undivided) == ((("a", 11), ("c", 12)), (("b", 30),))
