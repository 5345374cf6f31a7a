"""More photos to those that an earlier job kept: one upload, whatever the new one alone would be."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.errors import UserError
from jobs.limits import Limits
from tests.unit.intake.crafted import class_files, zip_of
from vm_worker.intake.earlier.added import survey
from vm_worker.intake.survey import Survey
from vm_worker.intake.take_in import IntakeRequest
from vm_worker.tasks.classification.class_folders import ClassFolders
from vm_worker.tasks.uploads import take_in

LIMITS = Limits()


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """What the earlier job kept: two classes in a folder around them."""
    files = class_files({"cats": 12, "dogs": 12})
    return zip_of({f"pets/{name}": data for name, data in files.items()}, tmp_path / "kept.zip")


def together(folder: Path, kept: Path, files: dict[str, bytes]) -> Survey:
    return survey(zip_of(files, folder / "new.zip"), [kept], ClassFolders(), LIMITS)


def counted(listing: Survey) -> dict[str, int]:
    return {name: sum(photo.stratum == name for photo in listing.photos) for name in listing.strata}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"cats": 3}, {"cats": 15, "dogs": 12}),  # one class alone, and few photos of it
        ({"cats": 3, "dogs": 2}, {"cats": 15, "dogs": 14}),
        ({"birds": 11, "cats": 3}, {"birds": 11, "cats": 15, "dogs": 12}),
    ],
)
def test_new_photos_join_those_of_their_class(
    tmp_path: Path, kept: Path, names: dict[str, int], expected: dict[str, int]
) -> None:
    listing = together(tmp_path, kept, class_files(names))
    assert counted(listing) == expected
    assert len({photo.name for photo in listing.photos}) == len(listing.photos)
    wrapped = {f"more/photos/{name}": data for name, data in class_files(names).items()}
    if len(names) > 1:
        assert counted(together(tmp_path, kept, wrapped)) == expected


def test_a_wrong_upload_is_refused_as_ever(tmp_path: Path, kept: Path) -> None:
    with pytest.raises(UserError) as caught:
        together(tmp_path, kept, {"notes.txt": b"none"})
    assert caught.value.code == "no_images"


def test_all_of_them_are_taken_in_and_counted_in_the_digest(tmp_path: Path, kept: Path) -> None:
    new = zip_of(class_files({"cats": 3}), tmp_path / "new.zip")
    request = IntakeRequest(new, tmp_path / "cache", (16,), 0, LIMITS, 1, kept=(kept,))
    dataset = take_in(request, lambda fraction, message: None)
    assert len(dataset.names) == 27
    assert dataset.truth.classes == ("cats", "dogs")
    assert len(dataset.sha256) == 64
