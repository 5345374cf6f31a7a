"""Numbers in requests."""

from __future__ import annotations

_MOST = 2**63 - 1  # of SQLite, and of the 64-bit numbers of Cloud Storage
_DIGITS = len(str(_MOST))


def whole_number(text: str, most: int = _MOST) -> int | None:
    """Read a number of ASCII digits from 0 to `most`; None for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        return None
    number = int(text)
    return number if number <= most else None
