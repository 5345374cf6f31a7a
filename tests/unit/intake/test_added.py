"""More photos to those that an earlier job kept: one upload, whatever the new one alone would be."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.errors import UserError
from jobs.limits import Limits
from tests.unit.intake.crafted import class_files, photo, zip_of
from vm_worker.intake.earlier.added import survey
from vm_worker.intake.survey import Survey, list_upload
from vm_worker.intake.take_in import IntakeRequest
from vm_worker.results.earlier import photos_name
from vm_worker.tasks.classification.class_folders import ClassFolders
from vm_worker.tasks.uploads import take_in

LIMITS = Limits()


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """What the earlier job kept: two classes in a folder around them."""
    files = class_files({"cats": 12, "dogs": 12})
    return zip_of({f"pets/{name}": data for name, data in files.items()}, tmp_path / "kept.zip")


def together(folder: Path, kept: Path, files: dict[str, bytes], limits: Limits = LIMITS, level: str = "") -> Survey:
    return survey(zip_of(files, folder / "new.zip"), [kept], ClassFolders(level), limits)


def refused(folder: Path, kept: Path, files: dict[str, bytes], limits: Limits = LIMITS) -> str:
    with pytest.raises(UserError) as caught:
        together(folder, kept, files, limits)
    return caught.value.code


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


def test_photos_in_no_folder_are_refused_as_nothing_would_be_added(tmp_path: Path, kept: Path) -> None:
    assert refused(tmp_path, kept, {"7.jpg": photo(7)}) == "no_class_folders"


def test_what_is_left_out_of_the_new_photos_is_named_as_ever(tmp_path: Path, kept: Path) -> None:
    new = class_files({"cats": 3, "dogs": 3}) | {"notes.txt": b"none"}
    listing = together(tmp_path, kept, {f"train/{name}": data for name, data in new.items()} | {"test/8.jpg": photo(8)})
    assert [one.name for one in listing.skipped] == ["test/8.jpg", "train/notes.txt"]
    assert any('"test" holds no folders of classes' in sentence for sentence in listing.warnings)


def test_a_class_that_the_earlier_photos_do_not_have_is_told_of(tmp_path: Path, kept: Path) -> None:
    listing = together(tmp_path, kept, class_files({"more": 12, "cats": 3}))
    assert listing.warnings == ('Not among the earlier photos, and so new classes: "more".',)


@pytest.mark.parametrize("name", ["Cats", "cats "])
def test_another_spelling_of_a_class_joins_it(tmp_path: Path, kept: Path, name: str) -> None:
    listing = together(tmp_path, kept, class_files({name: 3}))
    assert counted(listing) == {"cats": 15, "dogs": 12}
    assert listing.warnings == (f'"cats", "{name}" were taken as one class.',)


def test_each_zip_is_read_as_its_own_job_read_it(tmp_path: Path) -> None:
    """The option `classes` of the earlier job says how its zip is read, and that of the new one how the new is."""
    boxes = class_files({"anna/ok": 12, "anna/broken": 12, "ben/ok": 12, "ben/broken": 12})
    kept = zip_of(boxes, tmp_path / photos_name(1, "inner"))
    assert counted(together(tmp_path, kept, class_files({"ok": 3}))) == {"broken": 24, "ok": 27}
    nested = {f"carl/{name}": data for name, data in class_files({"ok": 3, "broken": 3}).items()}
    assert counted(together(tmp_path, kept, nested, level="inner")) == {"broken": 27, "ok": 27}
    with pytest.raises(UserError, match="hold folders of the same names"):
        together(tmp_path, zip_of(boxes, tmp_path / photos_name(1, "")), class_files({"ok": 3}))


@pytest.mark.parametrize(("names", "expected"), [({"test": 3}, 15), ({"test": 3, "rain": 3}, 15)])
def test_a_class_that_is_named_like_a_part_is_known_again(tmp_path: Path, names: dict[str, int], expected: int) -> None:
    kept = zip_of(class_files({"test": 12, "rain": 12}), tmp_path / photos_name(1, "outer"))
    assert counted(together(tmp_path, kept, class_files(names)))["test"] == expected


def test_a_folder_named_like_a_part_is_no_new_class_unasked(tmp_path: Path, kept: Path) -> None:
    assert refused(tmp_path, kept, class_files({"test": 12})) == "no_class_folders"


def test_a_later_zip_is_read_with_the_classes_of_the_earlier_ones(tmp_path: Path) -> None:
    first = zip_of(class_files({"test": 12, "rain": 12}), tmp_path / photos_name(1, "outer"))
    again = zip_of(class_files({"test": 3}), tmp_path / photos_name(2, ""))
    listing = survey(zip_of(class_files({"rain": 3}), tmp_path / "new.zip"), [first, again], ClassFolders(), LIMITS)
    assert counted(listing) == {"rain": 15, "test": 15}


def test_folders_in_the_folder_of_one_class_are_no_classes(tmp_path: Path, kept: Path) -> None:
    listing = together(tmp_path, kept, class_files({"cats/young": 12, "cats/old": 12}))
    assert counted(listing) == {"cats": 36, "dogs": 12}
    assert listing.warnings == ('All photos lie in "cats" and were taken as that class.',)
    around = {f"cats/{name}": data for name, data in class_files({"cats": 3, "dogs": 3}).items()}
    assert counted(together(tmp_path, kept, around)) == {"cats": 15, "dogs": 15}


def test_parts_of_the_new_photos_are_not_dropped_in_silence(tmp_path: Path, kept: Path) -> None:
    parts = class_files({"train/cats": 3, "train/dogs": 3, "test/cats": 2, "test/dogs": 2})
    listing = together(tmp_path, kept, parts)
    assert not listing.ready_made_split
    assert any("split anew" in sentence for sentence in listing.warnings)


@pytest.mark.parametrize("limits", [Limits(zip_entries=26), Limits(zip_total_bytes=22_000)])
def test_limits_hold_for_all_zips_together(tmp_path: Path, kept: Path, limits: Limits) -> None:
    with pytest.raises(UserError, match="Together with the photos that earlier jobs kept") as caught:
        together(tmp_path, kept, class_files({"cats": 3}), limits)  # 27 photos of some 880 bytes
    assert caught.value.code == "too_large_zip"


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
