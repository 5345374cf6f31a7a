"""Say how sure counts are: of one photo and of many together, of all objects and of each class."""

from __future__ import annotations

from jobs import wording
from vm_worker.tasks.detection import sentences
from vm_worker.tasks.detection.engine.bounds import FEW, FEW_BOXES, FEW_PHOTOGRAPHS, Interval
from vm_worker.tasks.detection.results import Covered, DetectionFigures

TOO_FEW = "too few to say"


def known(figures: DetectionFigures) -> bool:
    """Return whether anything can be said."""
    return any(row.photo or row.together for row in figures.sure)


def paragraphs(figures: DetectionFigures) -> list[str]:
    """Return how the numbers of the table were found, and whether those that validation gave held in the test."""
    if not known(figures):
        return []
    said = [
        "How sure a count is: in brackets the numbers between which the labelled ones should lie, nine times in ten, "
        "by the errors on validation and test photos. The command predict and the service give them with every count. "
        "Photos of another place, season or camera may be off further.",
        *_held(figures.covered),
    ]
    if any(row.photo is None or row.together is None for row in figures.sure):
        said.append(
            f"Too few to say: fewer than {FEW} photos, {FEW_BOXES} labelled objects, or for a sum {FEW_PHOTOGRAPHS} "
            "photographs."
        )
    return said


def columns(figures: DetectionFigures) -> list[str]:
    """Return the heads of the table: a photo with a usual count, and as many photos together as the test has."""
    return ["counted", "in a photo", f"in {wording.plural(figures.images, 'photo')}"] if known(figures) else []


def rows(figures: DetectionFigures) -> list[list[str]]:
    """Return the rows of the table, all objects first."""
    if not known(figures):
        return []
    what = sentences.things(figures)
    return [
        [
            wording.name(row.label) if row.label else what,
            f"{row.usual} ({between(row.photo)})",
            f"{row.total} ({between(row.together)})",
        ]
        for row in figures.sure
    ]


def between(interval: Interval | None) -> str:
    """Return the bounds in words."""
    if interval is None:
        return TOO_FEW
    return str(interval.low) if interval.low == interval.high else f"{interval.low} to {interval.high}"


def _held(covered: Covered | None) -> list[str]:
    if covered is None:
        return []
    said = [
        f"By the validation photos alone, that was promised for {100 * covered.share:.0f} test photos in 100, and held "
        f"for {covered.inside} of {covered.photos}."
    ]
    if covered.together:
        inside = covered.together.low <= covered.labelled <= covered.together.high
        said.append(
            f"All test photos together should have had {between(covered.together)}; {covered.labelled:,} are labelled, "
            f"which is {'inside' if inside else 'outside'}."
        )
    return [" ".join(said)]
