"""Groups of photos: their numbers, and what is counted of them."""

from __future__ import annotations

import numpy as np

from vm_worker.intake.groups import PhotoDigests, group


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
