"""Check a zip or folder without training: whether the service would accept it, and if not, why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jobs.errors import UserError
from jobs.limits import Limits
from vm_worker.intake.annotations import Annotations
from vm_worker.intake.dataset import Skipped
from vm_worker.intake.examine import examine, open_photos
from vm_worker.intake.listing import Found
from vm_worker.intake.pool import Bounds, Decoders
from vm_worker.intake.survey import Summary, Survey, list_links, list_upload
from vm_worker.intake.truth import Truth

Reader = Callable[[Sequence[Found]], Annotations[Survey, Truth]]

SEED = 0  # an arbitrary seed: a set that can be split with one seed can be split with every seed


@dataclass(frozen=True)
class Verdict:
    """The decision on an upload: accepted, or rejected with a code of jobs/codes.py."""

    verdict: str = "rejected"  # or "accepted"
    code: str | None = None  # None when accepted
    message: str = ""
    classes: tuple[tuple[str, int], ...] = ()  # (class, usable photos or boxes), as far as known
    unit: str = "photos"  # what is counted of each class
    skipped: tuple[Skipped, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """True for an upload that can be trained on."""
        return self.verdict == "accepted"

    def to_json(self, path: str) -> dict[str, Any]:
        """Return the line that `modelmail check --json` prints."""
        return {
            "path": path,
            "verdict": self.verdict,
            "code": self.code,
            "message": self.message,
            "classes": dict(self.classes),
            "skipped": [skip.to_json() for skip in self.skipped],
        }


def verdict(path: Path, limits: Limits, read: Reader, decoders: Decoders | None = None) -> Verdict:
    """Survey an upload, open every photo and decide whether it is accepted. Bad input raises no error.

    `read` finds the annotations for the files of an upload. `decoders` are processes that check many paths, so that
    they are started once. Raises DecoderFault where this machine cannot start decoding processes.
    """
    if decoders is None:
        with Decoders(1, Bounds.of(limits)) as own:
            return verdict(path, limits, read, own)
    said = _verdict(path, limits, read, decoders)
    left = (Skipped(name, "is a link") for name in list_links(path, limits))
    return replace(said, skipped=(*left, *said.skipped))


def _verdict(path: Path, limits: Limits, read: Reader, decoders: Decoders) -> Verdict:
    known = Verdict()
    try:
        found = list_upload(path, limits)
        annotations = read(found)
        listing = annotations.survey(found, limits)
        known = _counted(replace(known, skipped=listing.skipped), listing.summary(range(len(listing.photos))))
        opened = open_photos(listing, decoders, [], limits, lambda *_: None)
        summary = opened.survey.summary(opened.usable())
        known = _counted(replace(known, skipped=opened.skipped()), summary)
        examined = examine(opened, annotations, SEED, limits)
    except UserError as error:
        return replace(known, code=error.code, message=f"{error.message} {error.row.advice}")
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = getattr(error, "strerror", None) or str(error)
        return replace(known, code="not_a_zip", message=f"The file cannot be opened: {reason}.")
    message = " ".join([summary.sentence, *examined.warnings])
    return replace(known, verdict="accepted", message=message, warnings=examined.warnings)


def _counted(known: Verdict, summary: Summary) -> Verdict:
    return replace(known, classes=summary.classes, unit=summary.unit)
