"""Intake as a whole: from a zip to memory maps, labels and parts."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jobs.errors import UserError
from jobs.limits import Limits
from tests.unit.intake.crafted import class_files, encoded, folder_of, photo, picture, two_classes, zip_of
from tests.unit.intake.pools import shared
from vm_worker.intake.dataset import Part
from vm_worker.intake.images import read_square
from vm_worker.intake.pool import Decoders
from vm_worker.intake.take_in import IntakeRequest
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.tasks.uploads import take_in, verdict

LIMITS = Limits()
TRASHNET = "trashnet.zip"


def _take_in(files: dict[str, bytes], folder: Path, sizes: tuple[int, ...] = (16,), seed: int = 0) -> LabelledPhotos:
    folder.mkdir(exist_ok=True)
    source = zip_of(files, folder / "upload.zip")
    request = IntakeRequest(source, folder / "cache", sizes, seed, LIMITS, 1)
    return take_in(request, lambda fraction, message: None, decoders=shared())


def _rotten(files: dict[str, bytes], *names: str) -> dict[str, bytes]:
    return files | {name: files[name][:100] for name in names}


def test_rows_columns_and_pixels_belong_together(tmp_path: Path) -> None:
    files = class_files({"dogs": 12, "cats": 11}, kind="PNG")
    dataset = _take_in(files, tmp_path, sizes=(16, 24))
    assert dataset.truth.classes == ("cats", "dogs")
    assert dataset.names == tuple(sorted(files))
    assert dataset.truth.labels.tolist() == [0] * 11 + [1] * 12
    columns = (dataset.truth.labels, dataset.parts, dataset.groups)
    assert [column.dtype.name for column in columns] == ["int64", "uint8", "int64"]
    for size in (16, 24):
        pixels = dataset.pixels(size)
        assert (pixels.shape, pixels.dtype.name) == ((23, size, size, 3), "uint8")
        assert not pixels.flags.writeable
        for row, name in enumerate(dataset.names):
            (tmp_path / "one.png").write_bytes(files[name])
            assert (pixels[row] == read_square(tmp_path / "one.png", size)).all()
    assert sorted(row for part in Part for row in dataset.rows(part).tolist()) == list(range(23))
    with pytest.raises(KeyError):
        dataset.pixels(99)


def test_broken_photos_are_skipped_and_named_and_leave_no_gap(tmp_path: Path) -> None:
    files = _rotten(class_files({"cats": 15, "dogs": 15}), "cats/002.jpeg", "dogs/014.jpeg") | {"dogs/a.txt": b"x"}
    dataset = _take_in(files, tmp_path)
    assert [(skip.name, skip.reason[:3]) for skip in dataset.skipped] == [
        ("cats/002.jpeg", "is "),
        ("dogs/014.jpeg", "is "),
        ("dogs/a.txt", "is "),
    ]
    assert len(dataset.names) == 28
    for row, name in enumerate(dataset.names):
        (tmp_path / "one.jpg").write_bytes(files[name])
        assert (dataset.pixels(16)[row] == read_square(tmp_path / "one.jpg", 16)).all()
    assert not list((tmp_path / "cache").glob("*.part"))


def test_the_same_zip_and_seed_give_the_same_dataset(tmp_path: Path) -> None:
    files = class_files({"cats": 20, "dogs": 20})
    one, two = _take_in(files, tmp_path / "1", (16, 24)), _take_in(dict(reversed(files.items())), tmp_path / "2", (32,))
    assert one.names == two.names
    assert (one.parts == two.parts).all()
    assert one.split_sha256() == two.split_sha256()
    assert one.sha256 != two.sha256  # the order in the zip is another
    other = _take_in(files, tmp_path / "3", seed=1)
    assert other.split_sha256() != one.split_sha256()
    assert other.sha256 == one.sha256


def test_duplicates_stay_on_one_side(tmp_path: Path) -> None:
    files = class_files({"cats": 20, "dogs": 20}, kind="PNG")
    for number in range(8):
        files[f"cats/copy{number}.png"] = files[f"cats/{number:03}.png"]  # the same bytes
        files[f"dogs/copy{number}.bmp"] = encoded(picture(1000 + number), "BMP")  # the same pixels
    dataset = _take_in(files, tmp_path)
    assert dataset.duplicates.photos == 16
    for number in np.unique(dataset.groups):
        assert len(set(dataset.parts[dataset.groups == number].tolist())) == 1
    assert dataset.taken_in().to_json()["duplicates"] == {
        "photos": 16,
        "exact_groups": 16,
        "near_groups": 0,
        "fallback": [],
    }


def test_recompressed_and_resized_copies_stay_on_one_side(tmp_path: Path) -> None:
    files = class_files({"cats": 20, "dogs": 20}, kind="PNG")
    for number in range(8):
        files[f"cats/{number:03}.png"] = encoded(picture(number, 320, 240))
        files[f"dogs/{number:03}.png"] = encoded(picture(1000 + number, 320, 240))
        files[f"cats/sent{number}.jpg"] = encoded(picture(number, 320, 240), "JPEG", quality=60)
        files[f"dogs/small{number}.png"] = encoded(picture(1000 + number, 320, 240).resize((160, 120)))
    dataset = _take_in(files, tmp_path)
    assert (dataset.duplicates.photos, dataset.duplicates.exact_groups, dataset.duplicates.near_groups) == (16, 0, 16)
    row = {name: number for number, name in enumerate(dataset.names)}
    for number in range(8):
        assert dataset.groups[row[f"cats/{number:03}.png"]] == dataset.groups[row[f"cats/sent{number}.jpg"]]
        assert dataset.parts[row[f"dogs/{number:03}.png"]] == dataset.parts[row[f"dogs/small{number}.png"]]


def test_a_class_of_one_plain_picture_is_split_and_told(tmp_path: Path) -> None:
    files = class_files({"dogs": 20})
    for number in range(15):
        image = picture(7)
        image.putpixel((number, 0), (number, 0, 0))
        files[f"walls/{number}.png"] = encoded(image)
    dataset = _take_in(files, tmp_path)
    assert dataset.duplicates.plain == (("walls", 15),)
    assert any('15 photos of "walls" look so alike' in warning for warning in dataset.warnings)
    assert dataset.truth.counts(dataset.parts)["walls"] == {"train": 9, "validation": 3, "test": 3}


def test_a_picture_in_two_classes_is_warned_of(tmp_path: Path) -> None:
    files = two_classes()
    dataset = _take_in(files | {"dogs/cat.jpg": files["cats/000.jpeg"]}, tmp_path)
    assert any("In more than one class: 1 picture, such as" in warning for warning in dataset.warnings)
    files |= {f"dogs/cat{n}.jpg": files[f"cats/00{n}.jpeg"] for n in range(3)}
    assert any(
        "In more than one class: 3 pictures, such as" in warning for warning in _take_in(files, tmp_path).warnings
    )


def test_few_photos_are_warned_of(tmp_path: Path) -> None:
    counts = {"cats": 12, "dogs": 50}
    (warning,) = _take_in(class_files(counts), tmp_path).warnings
    assert '"cats" has 12' in warning
    assert "dogs" not in warning


def test_a_ready_made_split_is_kept(tmp_path: Path) -> None:
    files = class_files({"train/cats": 10, "train/dogs": 10, "test/cats": 4, "test/dogs": 4}, prefix="set/")
    dataset = _take_in(files, tmp_path)
    assert dataset.ready_made_split
    for row in dataset.rows(Part.TEST):
        assert dataset.names[row].startswith("set/test/")
    assert len(dataset.rows(Part.TEST)) == 8
    assert dataset.truth.counts(dataset.parts)["cats"] == {"train": 8, "validation": 2, "test": 4}
    assert any("cut from train" in warning for warning in dataset.warnings)


def test_what_the_stage_commits_is_plain(tmp_path: Path) -> None:
    files = class_files({"cats": 60, "dogs": 60}) | {f"cats/{n}.txt": b"x" for n in range(25)}
    committed = json.loads(json.dumps(_take_in(files, tmp_path).taken_in().to_json()))
    assert committed["images"] == 120
    assert committed["counts"] == {name: {"train": 36, "validation": 12, "test": 12} for name in ("cats", "dogs")}
    assert (len(committed["skipped"]), committed["skipped_count"]) == (20, 25)
    assert committed["skipped"][0] == {"name": "cats/0.txt", "reason": "is not a photo"}


def test_a_folder_is_taken_in_like_its_zip(tmp_path: Path) -> None:
    files = class_files({"cats": 12, "dogs": 12})
    of_zip = _take_in(files, tmp_path / "zip")
    source = folder_of(files, tmp_path / "folder")
    request = IntakeRequest(source, tmp_path / "cache", (16,), 0, LIMITS, 1)
    of_folder = take_in(request, lambda fraction, message: None)
    assert of_folder.split_sha256() == of_zip.split_sha256()
    assert len(of_folder.sha256) == 64


def test_progress_ends_at_one(tmp_path: Path) -> None:
    heard: list[tuple[float, str]] = []
    source = zip_of(two_classes(), tmp_path / "a.zip")
    take_in(IntakeRequest(source, tmp_path, (16,), 0, LIMITS, 2), lambda *report: heard.append(report))
    fractions = [fraction for fraction, _ in heard]
    assert fractions == [done / 24 for done in range(1, 25)]
    assert heard[-1] == (1.0, "24 of 24 photos read")


def _all_rotten(files: dict[str, bytes]) -> dict[str, bytes]:
    return _rotten(files, *files)


REFUSED: dict[str, tuple[str, dict[str, bytes], str]] = {
    "all broken": ("no_images", _all_rotten(two_classes()), "None of the photos could be read"),
    "too many broken": ("too_many_broken", _rotten(two_classes(20), *list(two_classes(20))[:9]), "9 of 40 photos"),
    "a class falls under its minimum": (
        "class_too_small",
        _rotten(two_classes(11), "cats/000.jpeg", "cats/001.jpeg"),
        '"cats" has 9',
    ),
    "many classes under their minimum": (
        "class_too_small",
        class_files(dict.fromkeys("abcdefgh", 3)),
        " and 3 more; each class needs",
    ),
    "copies only": (
        "class_too_small",
        class_files({"dogs": 12}) | {f"cats/{n}.jpg": photo(99) for n in range(12)},
        '"cats" has 1 photo; at least 5',
    ),
    "photos from a telephone": (
        "no_images",
        {f"{name}/{n}.HEIC": b"\0\0\0\x18ftypheic" for name in ("cats", "dogs") for n in range(12)},
        "is damaged",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_sets_that_cannot_be_used(case: str, tmp_path: Path, decoders: Decoders) -> None:
    code, files, says = REFUSED[case]
    with pytest.raises(UserError, match=says) as caught:
        _take_in(files, tmp_path)
    assert caught.value.code == code
    result = verdict(tmp_path / "upload.zip", LIMITS, decoders)
    assert (result.verdict, result.code) == ("rejected", code)
    assert result.message.startswith(caught.value.message)


def test_broken_photos_are_named_in_the_refusal(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        _take_in(REFUSED["too many broken"][1], tmp_path)
    assert '"cats/000.jpeg" is ' in caught.value.message
    assert "and 4 more" in caught.value.message
    assert caught.value.file == "cats/000.jpeg"


def test_files_without_an_ending_are_tried_and_not_held_against_the_set(tmp_path: Path, decoders: Decoders) -> None:
    files = {f"{name}/{n}": photo(n + 100 * len(name)) for name in ("cats", "puppies") for n in range(12)}
    files |= {f"cats/README{n}": b"about cats" for n in range(12)}
    result = verdict(zip_of(files, tmp_path / "a.zip"), LIMITS, decoders)
    assert result.accepted
    assert dict(result.classes) == {"cats": 12, "puppies": 12}
    assert len(result.skipped) == 12


def test_an_entry_that_lies_about_its_content_costs_one_photo(tmp_path: Path, decoders: Decoders) -> None:
    path = zip_of(two_classes(), tmp_path / "a.zip", method=0)
    content = bytearray(path.read_bytes())
    content[200] ^= 0xFF  # inside the first photo
    path.write_bytes(content)
    result = verdict(path, LIMITS, decoders)
    assert result.accepted
    assert [skip.name for skip in result.skipped] == ["cats/000.jpeg"]


def test_photos_that_take_too_long_together_are_refused(tmp_path: Path) -> None:
    source = zip_of(two_classes(), tmp_path / "a.zip")
    with pytest.raises(UserError, match="more than 0 minutes") as caught:
        take_in(IntakeRequest(source, tmp_path, (16,), 0, replace(LIMITS, intake_minutes=0), 1), lambda *_: None)
    assert caught.value.code == "too_large_zip"


def test_bounds_of_a_photo_are_the_installations(tmp_path: Path) -> None:
    source = zip_of(two_classes() | {"cats/large.png": encoded(Image.new("L", (6000, 6000)))}, tmp_path / "a.zip")
    limits = replace(LIMITS, image_memory_bytes=64 * 1024 * 1024)
    dataset = take_in(IntakeRequest(source, tmp_path, (16,), 0, limits, 1), lambda *_: None)
    assert [(skip.name, skip.reason) for skip in dataset.skipped] == [("cats/large.png", "needs too much memory")]


@pytest.mark.parametrize(("broken", "accepted"), [(10, True), (11, False)])
def test_a_fifth_of_the_photos_may_be_broken(broken: int, accepted: bool, tmp_path: Path, decoders: Decoders) -> None:
    files = two_classes(25)
    files = _rotten(files, *sorted(files)[:5], *sorted(files)[5 - broken :])
    result = verdict(zip_of(files, tmp_path / "a.zip"), LIMITS, decoders)
    assert (result.accepted, result.code) == (accepted, None if accepted else "too_many_broken")
    assert len(result.skipped) == broken


def _trashnet() -> Path:
    root = Path(os.environ.get("MODELMAIL_TEST_DATASETS", Path(__file__).parents[3] / ".." / "shared" / "datasets"))
    if not (root / TRASHNET).is_file():
        pytest.skip(f"{TRASHNET} is not here; MODELMAIL_TEST_DATASETS names its folder")
    return root / TRASHNET


@pytest.mark.slow
def test_real_photos(tmp_path: Path) -> None:
    request = IntakeRequest(_trashnet(), tmp_path, (224,), 0, LIMITS, 2)
    dataset = take_in(request, lambda fraction, message: None)
    assert len(dataset.names) == 1624
    assert dataset.truth.counts(dataset.parts)["trash"] == {"train": 74, "validation": 25, "test": 25}
    assert (dataset.skipped, dataset.warnings) == ((), ())
    means = dataset.pixels(224).mean(axis=(1, 2))
    assert 100 < means.mean() < 220
    assert means.std() > 10
