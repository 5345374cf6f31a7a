"""Find the range of grey pictures of 16 bits, many of which hold fewer."""

from __future__ import annotations

from collections.abc import Iterable

GREY_16_MAX = 65535
FAR_BELOW = 8  # times below the full range


def grey_white(peaks: Iterable[int]) -> int:
    """Return the value that is white in all grey pictures of 16 bits of a set, by the largest value of each.

    It is that of fewer bits where all pictures lie far below the full range, as those of microscopes with 12 bits do.
    """
    most = max(peaks, default=0)
    white = int(2 ** max(8, most.bit_length()) - 1)
    return white if 0 < most and white <= GREY_16_MAX // FAR_BELOW else GREY_16_MAX
