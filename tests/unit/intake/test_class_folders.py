"""Class folders: which folders are classes, which only wrap others, which are a split; and the names shown."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from jobs.limits import Limits
from tests.unit.intake.crafted import RawEntry, class_files, folder_of, photo, raw_files, raw_zip, two_classes, zip_of
from vm_worker.intake.dataset import Part, Skipped
from vm_worker.intake.names import clean, is_photo, listed, shown, suffix
from vm_worker.intake.survey import Survey, list_upload
from vm_worker.tasks.uploads import survey

LIMITS = Limits()
UTF8 = 0x800


def _survey(files: dict[str, bytes], tmp_path: Path) -> Survey:
    return survey(zip_of(files, tmp_path / "a.zip"), LIMITS)


def _prefixed(prefix: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {prefix + name: data for name, data in files.items()}


@pytest.mark.parametrize("prefix", ["", "photos/", "a/b/c/", "./", "photos//"])
def test_wrapping_folders_are_understood(prefix: str, tmp_path: Path) -> None:
    found = _survey(_prefixed(prefix, two_classes()), tmp_path)
    assert found.strata == ("cats", "dogs")
    assert Counter(photo.stratum for photo in found.photos) == {"cats": 12, "dogs": 12}
    assert found.skipped == ()


def test_files_beside_a_wrapper_do_not_hide_it(tmp_path: Path) -> None:
    found = _survey({"cover.jpg": b"x", "README.txt": b"x"} | _prefixed("set/", two_classes()), tmp_path)
    assert found.strata == ("cats", "dogs")
    assert found.skipped == (
        Skipped("README.txt", "is not a photo"),
        Skipped("cover.jpg", "is not in the folder of a class"),
    )


def test_files_of_the_operating_system_are_ignored(tmp_path: Path) -> None:
    litter = (
        "__MACOSX/cats/._000.jpg",
        "cats/.DS_Store",
        "cats/Thumbs.db",
        "desktop.ini",
        ".git/config",
        "cats/Icon\r",
    )
    found = _survey(two_classes() | dict.fromkeys(litter, b"x"), tmp_path)
    assert found.strata == ("cats", "dogs")
    assert len(found.photos) == 24
    assert found.skipped == ()


def test_photos_deeper_in_a_class_count_for_it(tmp_path: Path) -> None:
    files = class_files({"cats/2023": 6, "cats/2024/summer": 6, "dogs": 12})
    assert Counter(photo.stratum for photo in _survey(files, tmp_path).photos) == {"cats": 12, "dogs": 12}


def test_one_folder_with_photos_and_folders_is_a_class_not_a_wrapper(tmp_path: Path) -> None:
    files = class_files({"pets/cats": 12, "pets/dogs": 12, "pets": 12})
    files |= class_files({"birds": 12})
    assert _survey(files, tmp_path).strata == ("birds", "pets")


def test_photos_come_in_the_order_of_class_and_name(tmp_path: Path) -> None:
    files = dict(reversed(class_files({"b": 10, "a": 10, "c": 10}).items()))
    keys = [(photo.stratum, photo.name) for photo in _survey(files, tmp_path).photos]
    assert keys == sorted(keys)


def test_files_of_one_name_are_all_used_but_for_copies(tmp_path: Path) -> None:
    entries = raw_files(two_classes())
    first = entries[0]
    found = survey(raw_zip([*entries, RawEntry(first.name, b"newer"), first], tmp_path / "a.zip"), LIMITS)
    assert len(found.photos) == 25
    same = {photo.name: photo.extent.read() for photo in found.photos if photo.name.startswith("cats/000")}
    assert same == {"cats/000.jpeg": first.data, "cats/000 (2).jpeg": b"newer"}
    assert found.skipped == (Skipped("cats/000.jpeg", "is in the zip twice, with the same bytes"),)


def test_names_that_are_shown_alike_are_numbered(tmp_path: Path) -> None:
    files = two_classes() | {f"cats/{name}": name.encode() for name in ("caf\u00e9.jpg", "cafe\u0301.jpg")}
    names = [photo.name for photo in _survey(files, tmp_path).photos]
    assert {"cats/café.jpg", "cats/café (2).jpg"} < set(names)
    assert len(set(names)) == len(names) == 26


ODD_NAMES = ["a.jpg_large", "a.jpg_orig", "a.jpg!d", "a", "a.jfif", "a.php", "a.txt", "a.jpg.download", "a.1"]


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_the_first_bytes_tell_a_photo(name: str, kind: str, tmp_path: Path) -> None:
    picture = photo(1, kind)
    packed = zip_of({f"cats/{name}": picture}, tmp_path / "a.zip")
    stored = raw_zip([RawEntry(f"cats/{name}".encode(), picture)], tmp_path / "b.zip")
    for path in (packed, stored, folder_of({name: picture}, tmp_path / "folder")):
        (item,) = list_upload(path, LIMITS)
        assert item.extent is not None
        assert is_photo(item.parts[-1], item.extent.head)


@pytest.mark.parametrize("data", [b"", b"BMW, VW and Opel, a list", b"RIFF....WAVE", b"....ftypisom", b"\0\0\0"])
def test_other_first_bytes_are_no_photo(data: bytes, tmp_path: Path) -> None:
    found = _survey(two_classes() | {"cats/a.jpg_large": data, "cats/b": data}, tmp_path)
    assert len(found.photos) == 24
    assert [skip.reason for skip in found.skipped] == ["is not a photo"] * 2


def test_photos_without_an_ending_are_enough(tmp_path: Path) -> None:
    files = {name.removesuffix(".jpeg"): data for name, data in two_classes().items()}
    assert len(_survey(files, tmp_path).photos) == 24


def test_a_damaged_file_of_another_kind_is_no_photo(tmp_path: Path) -> None:
    entry = RawEntry(b"cats/notes.txt", b"\xff\xff\xff", method=8, size=100)
    found = survey(raw_zip([*raw_files(two_classes()), entry], tmp_path / "a.zip"), LIMITS)
    assert found.skipped == (Skipped("cats/notes.txt", "is not a photo"),)


SPLITS = [
    ({"train": Part.TRAIN, "val": Part.VALIDATION, "test": Part.TEST}),
    ({"Training": Part.TRAIN, "validation": Part.VALIDATION, "TESTING": Part.TEST}),
    ({"train": Part.TRAIN, "valid": Part.VALIDATION}),
]


@pytest.mark.parametrize("folders", SPLITS)
@pytest.mark.parametrize("prefix", ["", "data/"])
def test_ready_made_splits(folders: dict[str, Part], prefix: str, tmp_path: Path) -> None:
    files: dict[str, bytes] = {}
    for folder in folders:
        files |= class_files({"cats": 10, "dogs": 10}, prefix=f"{prefix}{folder}/")
    found = _survey(files, tmp_path)
    assert found.ready_made_split
    assert found.strata == ("cats", "dogs")
    assert found.warnings == ()
    for one in found.photos:
        folder = one.name.removeprefix(prefix).split("/")[0]
        assert one.part == folders[folder]


def test_a_photo_beside_the_class_folders_of_a_part_is_named(tmp_path: Path) -> None:
    files = class_files({"train/cats": 10, "train/dogs": 10, "test/cats": 10, "test/dogs": 10}) | {"test/a.jpg": b"x"}
    assert _survey(files, tmp_path).skipped == (Skipped("test/a.jpg", "is not in the folder of a class"),)


def test_a_folder_is_read_like_its_zip(tmp_path: Path) -> None:
    files = two_classes() | {"notes.txt": b"x"}
    folder = folder_of(files, tmp_path / "folder")
    (folder / "link.jpg").symlink_to(folder / "cats/000.jpeg")
    (folder / "birds").symlink_to(folder / "cats")
    of_folder, of_zip = survey(folder, LIMITS), _survey(files, tmp_path)
    assert of_folder.strata == of_zip.strata
    assert of_folder.skipped == of_zip.skipped
    assert [photo.name for photo in of_folder.photos] == [photo.name for photo in of_zip.photos]
    assert [p.extent.read() for p in of_folder.photos] == [p.extent.read() for p in of_zip.photos]


def test_names_for_people_are_short_and_harmless() -> None:
    assert clean("a\r\nb\ud800\u200e") == "a\ufffd\ufffdb\ufffd\ufffd"
    assert shown("x" * 500) == '"' + "x" * 52 + "..." + "x" * 25 + '"'
    assert listed(["a", "b", "c"], most=2) == '"a", "b" and 1 more'
    assert (suffix("a.JPG"), suffix("a"), suffix(".jpg"), suffix("a.b.png")) == ("jpg", "", "", "png")
