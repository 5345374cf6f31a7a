"""Facts about a zip of photos: the minutes to train on it, and one photo to try the model with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from jobs.errors import UserError
from jobs.limits import Limits
from jobs.options import Options, minutes_for

SIZE = 32  # pixels; the split does not depend on it
PROCESSES = 2


def default_minutes(path: Path, limits: Limits, options: Options | None = None) -> int:
    """Return the minutes by the number of photos and the options, within the service's limits."""
    from vm_worker.tasks.uploads import survey

    asked = options or Options()
    try:
        photos = len(survey(path, limits, asked).photos)
    except UserError:  # the service will give the reason by mail
        photos = 0
    return minutes_for(photos, limits, asked.design is not None)


@dataclass(frozen=True)
class TestPhoto:
    """A photo of the test set."""

    name: str  # name in the zip
    copy: Path


def one_of_the_test_set(path: Path, limits: Limits, folder: Path, options: Options | None = None) -> TestPhoto:
    """Return a photo that the training did not see.

    The split depends only on the photos and the options of the job, so it is computed again here, without the worker.
    """
    from vm_worker.intake.dataset import Part
    from vm_worker.intake.take_in import IntakeRequest
    from vm_worker.tasks.uploads import survey, take_in

    asked = options or Options()
    request = IntakeRequest(path, folder / "intake", (SIZE,), asked.seed, limits, PROCESSES)
    dataset = take_in(request, lambda fraction, message: None, asked)
    name = dataset.names[dataset.rows(Part.TEST)[0]]
    photo = next(photo for photo in survey(path, limits, asked).photos if photo.name == name)
    copy = folder / f"photo{PurePosixPath(name).suffix}"
    copy.write_bytes(photo.extent.read())
    return TestPhoto(name, copy)
