"""Masks of COCO as run lengths: whether one is a single area, and the box around it.

Runs go down the columns, and alternate between outside and inside, beginning outside; the packed text is that of
pycocotools' rleFrString (five bits a character, differences from the third run on).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

RUNS_MAX = 100_000  # of one mask; a brush stroke has some hundreds
PIECES_MAX = 200_000  # a run that spans columns is cut at each of them
WORK_MAX = 20_000_000  # runs and pieces of all masks of a file; some ten seconds of a core
PART_WORK = 60  # of one part of an outline, by the memory that it takes


class TooMuchWork(ValueError):
    """The outlines and masks of a file have more pieces than can be looked at."""


@dataclass
class Work:
    """How many more runs and pieces are looked at."""

    left: int = WORK_MAX

    def spend(self, amount: int) -> None:
        """Take this many. Raises TooMuchWork where none are left."""
        self.left -= amount
        if self.left < 0:
            raise TooMuchWork("has outlines and masks of far too many pieces")


@dataclass(frozen=True)
class Area:
    """The pixels of a mask."""

    xyxy: tuple[float, float, float, float]  # the box around them
    connected: bool  # they are one area, neighbours by sides or corners


def area(size: object, counts: object, work: Work) -> Area | None:
    """Return the area of a mask; None where it is empty, broken or far too long. Raises TooMuchWork."""
    if not isinstance(size, list | tuple) or len(size) != 2 or not all(isinstance(side, int) for side in size):
        return None
    height, width = size
    runs = _unpacked(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or len(runs) > RUNS_MAX or not all(_whole(run) for run in runs):
        return None
    if min(height, width) < 1 or sum(runs) > height * width:
        return None
    most = sum(run // height + 2 for run in runs[1::2])
    if most > 2 * PIECES_MAX:
        return None
    work.spend(len(runs) + most)
    pieces = _pieces(runs, height)
    return _area(pieces) if pieces else None


def _whole(run: object) -> bool:
    return isinstance(run, int) and not isinstance(run, bool) and run >= 0


def _pieces(runs: Sequence[int], height: int) -> list[tuple[int, int, int]]:
    """Return the pieces (column, top, bottom) inside, each in one column; none where there are too many."""
    pieces: list[tuple[int, int, int]] = []
    start = 0
    for number, run in enumerate(runs):
        end = start + run
        while number % 2 and start < end:
            column, top = divmod(start, height)
            length = min(end - start, height - top)
            pieces.append((column, top, top + length))
            if len(pieces) > PIECES_MAX:
                return []
            start += length
        start = end
    return pieces


def _area(pieces: Sequence[tuple[int, int, int]]) -> Area:
    columns = [column for column, _, _ in pieces]
    box = (min(columns), min(top for _, top, _ in pieces), max(columns) + 1, max(bottom for _, _, bottom in pieces))
    left, top, right, bottom = map(float, box)
    return Area((left, top, right, bottom), _areas(pieces) == 1)


def _areas(pieces: Sequence[tuple[int, int, int]]) -> int:
    """Count connected areas by joining the pieces of neighbouring columns that touch. Takes linear time."""
    leaders = list(range(len(pieces)))
    before = range(0)  # the pieces of the column to the left, from the top down
    start = 0  # the first piece of this column
    for number, (column, top, bottom) in enumerate(pieces):
        if pieces[start][0] != column:
            before = range(start, number) if pieces[start][0] == column - 1 else range(0)
            start = number
        while before and pieces[before[0]][2] < top:
            before = before[1:]  # it ends above this piece, and so above all later ones
        for other in before:
            if pieces[other][1] > bottom:
                break
            leaders[_leader(leaders, number)] = _leader(leaders, other)
    return len({_leader(leaders, number) for number in range(len(pieces))})


def _leader(leaders: list[int], number: int) -> int:
    while leaders[number] != number:
        leaders[number] = leaders[leaders[number]]
        number = leaders[number]
    return number


def _unpacked(text: str) -> list[int] | None:
    """Return the runs of packed text; None where it is broken."""
    runs: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64 or shift > 40 or len(runs) > RUNS_MAX:
            return None
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            value -= (1 << shift) if code & 16 else 0
            runs.append(value + runs[-2] if len(runs) > 2 else value)
            value = shift = 0
    return runs if shift == 0 else None
