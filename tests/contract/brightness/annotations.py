"""Uploads of photos with a file `values.csv` beside them: a line "name,number" for each photo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.errors import UserError
from jobs.limits import Limits
from tests.contract.brightness.truth import MIDDLE, NAMES, BrightnessTruth
from vm_worker.intake.listing import Found
from vm_worker.intake.survey import Photo, Survey

VALUES = "values.csv"


@dataclass(frozen=True)
class BrightnessSurvey(Survey):
    """The photos with their numbers."""

    values: tuple[float, ...] = ()  # one a photo


class BrightnessAnnotations:
    """Reads such uploads."""

    def recognises(self, found: Sequence[Found]) -> bool:
        """There is such a file at the top."""
        return any(item.parts == (VALUES,) for item in found)

    def survey(self, found: Sequence[Found], limits: Limits) -> BrightnessSurvey:
        """The photos that the file names."""
        files = {item.parts[-1]: item.extent for item in found if item.extent is not None}
        lines = [line.split(",") for line in files[VALUES].read().decode().splitlines()]
        known = sorted((_stratum(float(value)), name, float(value)) for name, value in lines if name in files)
        photos = tuple(Photo(name, stratum, None, True, files[name]) for stratum, name, _ in known)
        return BrightnessSurvey(NAMES, photos, (), (), False, tuple(value for *_, value in known))

    def check(self, counts: Mapping[str, int], limits: Limits) -> None:
        """Some of each are needed."""
        if min(counts.values()) < limits.class_images_min:
            raise UserError("class_too_small", "There are too few bright or dark photos.")

    def conflicts(self, survey: BrightnessSurvey, kept: Sequence[int], exact: NDArray[np.int64]) -> tuple[str, ...]:
        """None is looked for."""
        return ()

    def cautions(self, counts: Mapping[str, int], limits: Limits) -> tuple[str, ...]:
        """None is given."""
        return ()

    def truth(self, survey: BrightnessSurvey, kept: Sequence[int]) -> BrightnessTruth:
        """The numbers of the photos that are used."""
        return BrightnessTruth(np.array([survey.values[index] for index in kept]))


def _stratum(value: float) -> str:
    return NAMES[int(value < MIDDLE)]
