"""`modelmail predict` with a detector: its lines, its table and its COCO."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.cli import counting, counts_told
from infra.cli.counted import CountedPhoto, together
from jobs.limits import Limits
from tests.unit.detection.label_zips import jpeg
from tests.unit.detection.test_answers import SIDES, output
from vm_worker.intake.extents import Extent
from vm_worker.tasks.detection.annotations import coco
from vm_worker.tasks.detection.annotations.label_files import LabelFile
from vm_worker.tasks.detection.boxes import Floats, no_detections
from vm_worker.tasks.detection.delivered import DeliveredSettings, divided
from vm_worker.tasks.detection.engine.certainty import Bounds, Certainty
from vm_worker.tasks.detection.engine.decode import Decoding
from vm_worker.tasks.detection.engine.detect import Settings

KNOWN = DeliveredSettings(
    ("=seal",),
    Settings(SIDES.height, SIDES.width, decoding=Decoding(threshold=0.5)),
    certainty=Certainty.of(
        np.array([[1]] * 18 + [[3]]), np.ones((19, 1), np.int64), [str(number) for number in range(19)]
    ),
)


def _predict(pictures: Floats) -> tuple[Floats, Floats]:
    return divided(output()[: len(pictures)])


@pytest.fixture
def rows(tmp_path: Path) -> list[CountedPhoto]:
    good, bad = tmp_path / "a.jpg", tmp_path / "b.jpg"
    good.write_bytes(jpeg(np.zeros((128, 128, 3), np.uint8)))
    bad.write_bytes(b"no photo")
    return list(counting.counted(_predict, KNOWN, [good, bad, tmp_path / "none.jpg"]))


def test_objects_are_counted_in_pixels_of_the_photo(rows: list[CountedPhoto]) -> None:
    one = counting.as_json(rows[0], KNOWN.classes)
    assert (one["count"], one["counts"], one["error"]) == (1, {"=seal": 1}, None)
    assert one["boxes"] == [{"class": "=seal", "score": 0.9, "box": [56.0, 56.0, 88.0, 88.0]}]
    assert "is not a" in str(rows[1].error) and rows[2].error


def test_a_table_has_a_line_a_photo_and_no_formulas(
    rows: list[CountedPhoto], capsys: pytest.CaptureFixture[str]
) -> None:
    counting._print(rows, together(rows, KNOWN), KNOWN, counting.Wanted(as_csv=True))
    head, first, second, _ = capsys.readouterr().out.splitlines()
    assert head == "image,count,low,high,'=seal,error,together" and first.endswith("a.jpg,1,1,3,1,,")
    assert second.split(",")[1:5] == [""] * 4
    assert counts_told.line(rows[0], KNOWN.classes) == "1 [1 to 3]  =seal"


def summary(rows: list[CountedPhoto], known: DeliveredSettings = KNOWN) -> list[str]:
    return counts_told.summary(rows, together(rows, known), known.classes)


def test_it_is_said_how_sure_a_count_is(rows: list[CountedPhoto]) -> None:
    (sure,) = summary(rows)
    assert "between which the true one should lie, 90 times in 100" in sure
    (unsure,) = summary([replace(rows[0], bounds=None)])
    assert unsure.startswith("How sure a count is cannot be told")
    assert summary(rows[1:]) == [] and summary([]) == ["No photos were found there."]


def test_nothing_is_said_of_counts_by_another_threshold(tmp_path: Path) -> None:
    chosen = replace(KNOWN, counted_by=KNOWN.settings.decoding)
    changed = replace(chosen, settings=replace(KNOWN.settings, decoding=Decoding(threshold=0.4)))
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(np.zeros((128, 128, 3), np.uint8)))
    (row,), (other,) = (list(counting.counted(_predict, known, [path])) for known in (chosen, changed))
    assert row.bounds is not None and row.bounds.every is not None and row.count == other.count == 1
    (told,) = summary([other], changed)
    assert told.endswith("or its threshold was changed since.")
    chosen.write(tmp_path / "detection.json")
    assert DeliveredSettings.read(tmp_path / "detection.json").sure == KNOWN.certainty
    assert together([other, other], changed) == replace(
        together([other, other], chosen),
        bounds=Bounds(None, (None,)),  # type: ignore[type-var]
    )


PETS = replace(
    KNOWN,
    classes=("cat", "dog"),
    certainty=Certainty.of(
        np.array([[9, 1], [8, 0], [10, 1]] * 10),
        np.array([[9, 1], [9, 0], [9, 1]] * 10),
        [str(number) for number in range(30)],
    ),
)


def pets(*numbers: tuple[int, int]) -> list[CountedPhoto]:
    return [
        CountedPhoto(f"{place}.jpg", 9, 9, no_detections(), each, PETS.certainty.photo(each))
        for place, each in enumerate(numbers)
    ]


def test_a_folder_is_counted_together_class_by_class(rows: list[CountedPhoto]) -> None:
    three = [*pets((9, 0), (9, 1), (0, 0)), rows[1]]
    assert [counts_told.line(row, PETS.classes) for row in three[:3]] == [
        "9 [8 to 9]  (cat 9 [8 to 10])",
        "10 [9 to 11]  (cat 9 [8 to 10], dog 1 [1 to 1])",
        "0 [0 to 0]",
    ]
    many, brackets = summary(three, PETS)
    sums = together(three, PETS)
    assert sums is not None and sums.bounds.every is not None and sums.bounds.classes[0] is not None
    low, high = sums.bounds.every.low, sums.bounds.every.high
    assert low < 19 < high
    first, last = sums.bounds.classes[0].low, sums.bounds.classes[0].high
    assert many.startswith(f"19 objects [{low} to {high}] in 3 photos: cat 18 [{first} to {last}], dog 1 [")
    assert "too few photos or objects were counted to say" in brackets


def test_sums_outside_their_bounds_are_explained() -> None:
    high = Certainty.of(np.full((20, 2), 8), np.full((20, 2), 10), [str(number) for number in range(20)])
    *_, told = summary(pets((10, 10), (10, 10), (10, 10)), replace(PETS, certainty=high))
    assert told.startswith("In its test the model counted too high")
    low = Certainty.of(np.full((20, 2), 14), np.full((20, 2), 10), [str(number) for number in range(20)])
    *_, told = summary(pets((10, 10), (10, 10), (10, 10)), replace(PETS, certainty=low))
    assert told.startswith("In its test the model counted too low")


def test_the_line_of_a_folder_leaves_the_columns_of_the_table_as_they_are() -> None:
    three = pets((9, 0), (9, 1), (0, 0))
    table = list(csv.DictReader(io.StringIO(counts_told.table(three, together(three, PETS), PETS.classes))))
    assert list(table[0]) == [
        "image", "count", "low", "high", "cat", "dog", "error", "cat low", "cat high", "dog low", "dog high",
        "together",
    ]  # fmt: skip
    assert all(None not in row and None not in row.values() for row in table)  # each row has as many cells
    assert sum(int(row["count"] or 0) for row in table) == sum(
        int(row["cat"] or 0) + int(row["dog"] or 0) for row in table
    )
    assert (table[1]["cat low"], table[1]["cat high"], table[1]["together"]) == ("8", "10", "")
    assert table[-1]["image"] == "all 3 photos" and table[-1]["together"].startswith("19 objects [")
    assert {value for key, value in table[-1].items() if key not in ("image", "together")} == {""}
    assert len(counts_told.table(three[:1], None, PETS.classes).splitlines()) == 2


def test_json_has_the_sums_beside_the_photos(capsys: pytest.CaptureFixture[str]) -> None:
    two = pets((9, 0), (9, 1))
    counting._print(two, together(two, PETS), PETS, counting.Wanted(as_json=True))
    said = json.loads(capsys.readouterr().out)
    assert said["predictions"][1]["intervals"]["cat"] == {"low": 8, "high": 10, "share": 0.9}
    sums = said["together"]
    assert (sums["photos"], sums["count"], sums["counts"]) == (2, 19, {"cat": 18, "dog": 1})
    assert sums["interval"]["low"] < 19 < sums["interval"]["high"] and sums["intervals"]["cat"]["share"] == 0.9
    counting._print(two[:1], None, PETS, counting.Wanted(as_json=True))
    assert "together" not in json.loads(capsys.readouterr().out)


def test_photos_of_one_name_are_told_apart_by_their_folders(rows: list[CountedPhoto]) -> None:
    def names(*images: str) -> list[str]:
        content: Any = counting.coco([replace(rows[0], image=image) for image in images], KNOWN.classes)
        return [image["file_name"] for image in content["images"]]

    assert names("flight/a/1.jpg", "flight/b/1.jpg") == ["a/1.jpg", "b/1.jpg"]
    assert names("flight/a/1.jpg", "flight/b/2.jpg") == ["1.jpg", "2.jpg"]


def test_the_coco_that_is_written_can_be_read_again(rows: list[CountedPhoto], tmp_path: Path) -> None:
    path = tmp_path / "finds.json"
    path.write_text(json.dumps(counting.coco(rows, KNOWN.classes)))
    size = path.stat().st_size
    (photo,) = coco.read([LabelFile(("finds.json",), Extent(str(path), 0, size, size))], Limits()).photos
    assert photo.photo == "a.jpg" and photo.boxes[0].xyxy == (56.0, 56.0, 88.0, 88.0)


@pytest.mark.parametrize("text", ['{"classes": 3}', "null", "[", ""])
def test_a_model_without_its_settings_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "detection.json").write_text(text)
    assert counting.run(tmp_path / "model.h5", [], counting.Wanted()) == 2


def test_a_file_that_is_no_detector_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import keras

    KNOWN.write(tmp_path / "detection.json")
    with zipfile.ZipFile(tmp_path / "model.keras", "w"):
        pass  # an empty zip
    keras.Sequential([keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()]).save(tmp_path / "model.h5")
    for name in ("model.keras", "model.h5"):
        assert counting.run(tmp_path / name, [], counting.Wanted()) == 2
    assert " ".join(capsys.readouterr().out.split()).count("is no detector with its settings: ") == 2


def test_the_output_of_a_detector_fits_its_settings() -> None:
    masked = replace(KNOWN, settings=replace(KNOWN.settings, rois=100, mask=28))
    assert counting.fits((None, 84, 5), KNOWN) and counting.fits((None, None, 5 + 28 * 28), masked)
    assert not counting.fits((None, 84, 6), KNOWN) and not counting.fits([(None, 84, 5), (None, 84, 4)], KNOWN)
