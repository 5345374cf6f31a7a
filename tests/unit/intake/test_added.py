"""More photos to those that an earlier job kept: one upload, whatever the new one alone would be."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.errors import UserError
from jobs.limits import Limits
from tests.unit.intake.crafted import class_files, photo, zip_of
from vm_worker.intake.dataset import Skipped
from vm_worker.intake.earlier.added import survey
from vm_worker.intake.survey import Survey, list_upload
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


def test_names_tell_where_photos_come_from(tmp_path: Path, kept: Path) -> None:
    """A folder around the classes is understood, and is no class, even where the upload is of one class alone."""
    again = zip_of(class_files({"dogs": 1, "owls": 10}), tmp_path / "again.zip")
    new = zip_of({"more/cats/7.jpeg": photo(7)}, tmp_path / "new.zip")
    listing = survey(new, [kept, again], ClassFolders(), LIMITS)
    names = [one.name for one in listing.photos]
    assert [name for name in names if "earlier" not in name] == ["cats/more_cats_7.jpeg"]
    assert next(name for name in names if name.startswith("owls/")) == "owls/earlier-2 owls_000.jpeg"
    assert "cats/earlier-1 pets_cats_011.jpeg" in names
    assert counted(listing) == {"cats": 13, "dogs": 13, "owls": 10}


def test_photos_beside_class_folders_are_left_and_named(tmp_path: Path, kept: Path) -> None:
    listing = together(tmp_path, kept, {"7.jpg": photo(7)})
    assert counted(listing) == {"cats": 12, "dogs": 12}
    assert listing.skipped == (Skipped("7.jpg", "is not in the folder of a class"),)


def test_without_earlier_photos_an_upload_is_what_it_is(tmp_path: Path) -> None:
    new = zip_of(class_files({"cats": 12, "dogs": 12}), tmp_path / "new.zip")
    assert survey(new, [], ClassFolders(), LIMITS) == ClassFolders().survey(list_upload(new, LIMITS), LIMITS)
    with pytest.raises(UserError) as caught:
        survey(zip_of(class_files({"cats": 12}), tmp_path / "one.zip"), [], ClassFolders(), LIMITS)
    assert caught.value.code == "one_class"


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
