"""The value that is white in pictures of 16 bits, of which many hold fewer."""

from __future__ import annotations

import pytest

from vm_worker.intake.files.grey import grey_white


@pytest.mark.parametrize(
    ("peaks", "white"),
    [
        ([], 65535),
        ([0, 0], 65535),
        ([1, 0], 255),
        ([255], 255),
        ([256], 511),
        ([4095, 7], 4095),
        ([4096], 8191),
        ([8191], 8191),  # an eighth of the full range
        ([8192], 65535),
        ([65535], 65535),
    ],
)
def test_white_is_that_of_the_bits_that_are_used(peaks: list[int], white: int) -> None:
    assert grey_white(peaks) == white
