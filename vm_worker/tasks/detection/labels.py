"""Uploads of labelled photos as the shared intake reads them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from jobs.errors import UserError
from jobs.limits import Limits
from vm_worker.intake.arrays import Rows
from vm_worker.intake.listing import Found
from vm_worker.intake.names import counted, listed
from vm_worker.tasks.detection.recognition import recognises
from vm_worker.tasks.detection.survey import LabelledSurvey
from vm_worker.tasks.detection.truth import BoxTruth
from vm_worker.tasks.detection.upload import read_upload


class BoxLabels:
    """A reader of uploads with labelled boxes."""

    def recognises(self, found: Sequence[Found]) -> bool:
        """Return whether an upload holds labels of boxes in a format that is read here."""
        return recognises(found)

    def survey(self, found: Sequence[Found], limits: Limits) -> LabelledSurvey:
        """Find photos and labels. Raises UserError with the code that says what is wrong with the labels."""
        return read_upload(found, limits)

    def check(self, counts: Mapping[str, int], limits: Limits) -> None:
        """Check the number of photos that can be read. Raises UserError `too_few_boxes`."""
        photos = sum(counts.values())
        if photos < limits.box_photos_min:
            raise UserError(
                "too_few_boxes",
                f"{counted(photos, 'labelled photo')} can be read; at least {limits.box_photos_min} are needed.",
            )

    def conflicts(self, survey: LabelledSurvey, kept: Sequence[int], exact: Rows) -> tuple[str, ...]:
        """Return a sentence about copies of one picture with different numbers of boxes.

        Raises UserError: labels_unreadable where most boxes lie outside their photos, too_few_boxes.
        """
        survey.check(kept)
        groups: dict[int, list[int]] = defaultdict(list)
        for index, number in zip(kept, exact.tolist(), strict=True):
            groups[number].append(index)
        mixed = [group for group in groups.values() if len({len(survey.labelled[index].boxes) for index in group}) > 1]
        if not mixed:
            return ()
        names = listed([survey.photos[index].name for index in mixed[0]], most=3)
        return (f"Labelled differently: {counted(len(mixed), 'picture')} with copies, such as {names}.",)

    def cautions(self, counts: Mapping[str, int], limits: Limits) -> tuple[str, ...]:
        """Return nothing: which classes have few boxes is told with the figures."""
        return ()

    def truth(self, survey: LabelledSurvey, kept: Sequence[int]) -> BoxTruth:
        """Return the boxes of the photos that are used; `kept` are indices into the survey's photos."""
        number_of = {name: number for number, name in enumerate(survey.strata)}
        photos = [survey.photos[index] for index in kept]
        return BoxTruth(
            classes=survey.classes,
            names=survey.strata,
            strata=np.array([number_of[photo.stratum] for photo in photos], np.int64),
            photos=tuple(survey.labelled[index] for index in kept),
            sources=tuple(photo.extent for photo in photos),
        )
