"""The dataset that intake makes: what is told of it, and digests that change with whatever they stand for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jobs.limits import Limits
from tests.unit.intake.crafted import class_files, encoded, folder_of, picture, two_classes, zip_of
from tests.unit.intake.pools import shared
from vm_worker.intake.dataset import Dataset, Duplicates, Part, Skipped
from vm_worker.intake.take_in import IntakeRequest
from vm_worker.tasks.classification.truth import ClassTruth
from vm_worker.tasks.uploads import take_in

LIMITS = Limits()
PARTS = np.array([0, 0, 1, 2, 2, 0], np.uint8)


def dataset(**fields: object) -> Dataset[ClassTruth]:
    names = tuple(f"{number}.jpg" for number in range(6))
    truth = ClassTruth(("a", "b"), np.array([0, 0, 0, 1, 1, 1]))
    plain = Dataset(names, truth, PARTS, np.arange(6), {}, (), ("Odd.",), True, "00")
    return replace(plain, **fields)  # type: ignore[arg-type]


def test_rows_are_those_of_a_part() -> None:
    assert [dataset().rows(part).tolist() for part in Part] == [[0, 1, 5], [2], [3, 4]]
    assert dataset().rows(Part.TEST).dtype == np.int64


def test_what_is_told_of_a_dataset() -> None:
    skipped = tuple(Skipped(f"{number}.txt", "is odd") for number in range(21))
    told = json.loads(json.dumps(dataset(skipped=skipped).taken_in().to_json()))
    assert told["classes"] == ["a", "b"] and told["images"] == 6
    assert told["counts"] == {
        "a": {"train": 2, "validation": 1, "test": 0},
        "b": {"train": 1, "validation": 0, "test": 2},
    }
    assert told["skipped"] == [skip.to_json() for skip in skipped[:20]] and told["skipped_count"] == 21
    assert told["duplicates"] == {"photos": 0, "exact_groups": 0, "near_groups": 0, "fallback": []}
    assert (told["warnings"], told["ready_made_split"], told["sha256"]) == (["Odd."], True, "00")
    assert dataset().side == 0 and dataset().grey_white is None and dataset().earlier is None


def test_duplicates_are_told_by_class() -> None:
    counted = Duplicates(3, 1, 2, (("a", 12),), (("b", 30),), 7).counted()
    assert (counted.photos, counted.exact_groups, counted.near_groups, counted.tested) == (3, 1, 2, 7)
    assert [(one.photos, one.label) for one in counted.fallback] == [(12, "a")]
    assert [(one.photos, one.label) for one in counted.undivided or ()] == [(30, "b")]
    assert Duplicates().counted().undivided is None and Duplicates().counted().tested is None


@pytest.mark.parametrize(
    "changes",
    [
        {"names": ("x.jpg", *[f"{number}.jpg" for number in range(1, 6)])},
        {"truth": ClassTruth(("a", "c"), np.array([0, 0, 0, 1, 1, 1]))},
        {"truth": ClassTruth(("a", "b"), np.array([0, 0, 1, 1, 1, 1]))},
        {"parts": PARTS[::-1]},
        {"groups": np.array([0, 0, 2, 3, 4, 5])},
    ],
)
def test_the_digest_of_a_split_changes_with_it(changes: dict[str, object]) -> None:
    assert dataset(**changes).split_sha256() != dataset().split_sha256()
    assert dataset(sha256="11", warnings=(), skipped=(Skipped("a", "b"),)).split_sha256() == dataset().split_sha256()


def taken(source: Path, folder: Path, kept: tuple[Path, ...] = ()) -> Dataset[ClassTruth]:
    request = IntakeRequest(source, folder / "deep/cache", (16,), 0, LIMITS, 1, kept=kept)
    return take_in(request, lambda *_: None, decoders=shared())


def test_an_upload_is_known_by_the_digest_of_its_bytes(tmp_path: Path) -> None:
    path, kept = zip_of(two_classes(), tmp_path / "a.zip"), zip_of(class_files({"cats": 13}), tmp_path / "kept.zip")
    own, more = (hashlib.sha256(one.read_bytes()) for one in (path, kept))
    assert taken(path, tmp_path).sha256 == own.hexdigest()
    both = hashlib.sha256(own.hexdigest().encode() + more.digest())
    assert taken(path, tmp_path, (kept,)).sha256 == both.hexdigest()


def test_a_folder_is_known_by_its_names_and_contents(tmp_path: Path) -> None:
    files = two_classes()
    first = taken(folder_of(files, tmp_path / "1"), tmp_path)
    assert first.sha256 == taken(folder_of(dict(reversed(files.items())), tmp_path / "2"), tmp_path).sha256
    renamed = {name.replace("cats/000", "cats/x"): data for name, data in files.items()}
    assert first.sha256 != taken(folder_of(renamed, tmp_path / "3"), tmp_path).sha256
    changed = files | {"cats/000.jpeg": encoded(picture(77))}
    assert first.sha256 != taken(folder_of(changed, tmp_path / "4"), tmp_path).sha256


def test_the_side_is_that_of_the_photo_in_the_middle(tmp_path: Path) -> None:
    sizes = [(40 + number, 90 - number) for number in range(24)]
    files = {f"{'ab'[number % 2]}/{number}.png": encoded(picture(number, *size)) for number, size in enumerate(sizes)}
    assert taken(zip_of(files, tmp_path / "a.zip"), tmp_path).side == 51  # between 51 and 52
    files["a/broken.png"] = b"x"
    files["b/large.png"] = encoded(picture(99, 300, 200))
    assert taken(zip_of(files, tmp_path / "a.zip"), tmp_path).side == 52
