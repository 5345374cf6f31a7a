"""Counts as lines for a terminal, and as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from infra.cli.counted import CountedPhoto, Sums
from jobs import wording
from vm_worker.evaluation.tables import harmless
from vm_worker.tasks.detection.engine.bounds import Interval
from vm_worker.tasks.detection.engine.certainty import Bounds

TOGETHER = "together"  # the last column, which only the last row fills


def line(row: CountedPhoto, classes: Sequence[str]) -> str:
    """Return the count of a photo: of all objects, and of each class that is there."""
    by_class = row.bounds.classes if row.bounds else (None,) * len(classes)
    sure = _between(row.bounds.every if row.bounds else None)
    if len(classes) == 1:
        return f"{row.count}{sure}  {wording.name(classes[0])}"
    cells = zip(classes, row.counts, by_class, strict=True)
    parts = ", ".join(f"{wording.name(name)} {count}{_between(one)}" for name, count, one in cells if count)
    return f"{row.count}{sure}  ({parts})" if parts else f"0{sure}"


def summary(rows: Sequence[CountedPhoto], sums: Sums | None, classes: Sequence[str]) -> list[str]:
    """Return how many objects all photos show, and how sure that is."""
    readable = [row for row in rows if row.error is None]
    if not rows:
        return ["No photos were found there."]
    if not readable:
        return []
    many = [f"{together(sums, classes)}."] if sums else []
    bounds = [row.bounds for row in readable if row.bounds] + ([sums.bounds] if sums else [])
    intervals = [one for some in bounds for one in (some.every, *some.classes) if one]
    if not intervals:
        why = "too few photos were counted to test the model, or its threshold was changed since"
        return [*many, f"How sure a count is cannot be told: {why}."]
    share = f"{100 * min(one.share for one in intervals):.0f} times in 100"
    return [
        *many,
        f"In brackets: the numbers between which the true one should lie, {share}, in photos like those that the model "
        "was tested on. Where there are none, too few photos or objects were counted to say.",
        *(_aside(sums) if sums else []),
    ]


def together(sums: Sums, classes: Sequence[str]) -> str:
    """Return the counts of several photos as one, without a full stop."""
    photos = wording.plural(sums.photos, "photo")
    every = f"{wording.plural(sums.count, 'object')}{_between(sums.bounds.every)} in {photos}"
    if len(classes) == 1:
        return every
    cells = zip(classes, sums.counts, sums.bounds.classes, strict=True)
    return f"{every}: {', '.join(f'{wording.name(name)} {count:,}{_between(one)}' for name, count, one in cells)}"


def _aside(sums: Sums) -> list[str]:
    """Return why the sum of all counts lies outside its own bounds, where it does."""
    every = sums.bounds.every
    if every is None or every.low <= sums.count <= every.high:
        return []
    kind = "high" if sums.count > every.high else "low"
    return [f"In its test the model counted too {kind}: the bounds of the sum are put right for that, the counts not."]


def _between(interval: Interval | None) -> str:
    return f" [{interval.low:,} to {interval.high:,}]" if interval else ""


def table(rows: Sequence[CountedPhoto], sums: Sums | None, classes: Sequence[str]) -> str:
    """Return a table with a line a photo, and a last one that says in words what all photos show.

    That line has no numbers in the columns of counts, so that their sum stays right.
    """
    out = io.StringIO()
    written = csv.writer(out, lineterminator="\n")
    # A spreadsheet could read a name as a formula.
    names = list(map(harmless, classes))
    bounds = [f"{name} {side}" for name in names for side in ("low", "high")] if len(names) > 1 else []
    written.writerow(["image", "count", "low", "high", *names, "error", *bounds, TOGETHER])
    for row in rows:
        numbers = [row.count, *_ends(row.bounds, 0), *row.counts] if row.error is None else [""] * (3 + len(names))
        by_class = [end for kind in range(len(names)) for end in _ends(row.bounds, kind + 1)] if bounds else []
        written.writerow([harmless(row.image), *numbers, row.error or "", *by_class, ""])
    if sums:
        blank = [""] * (4 + len(names) + len(bounds))
        written.writerow([f"all {sums.photos} photos", *blank, harmless(together(sums, classes))])
    return out.getvalue()


def _ends(bounds: Bounds | None, place: int) -> list[int | str]:
    """Return the bounds of all objects (0), or of a class (1, 2, ...); empty cells where there are none."""
    interval = (bounds.every, *bounds.classes)[place] if bounds else None
    return [interval.low, interval.high] if interval else ["", ""]
