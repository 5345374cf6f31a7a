"""`modelmail predict` with a detector: its lines, its table and its COCO."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.cli import counting
from jobs.limits import Limits
from tests.unit.detection.label_zips import jpeg
from tests.unit.detection.test_answers import SIDES, output
from vm_worker.intake.extents import Extent
from vm_worker.tasks.detection.annotations import coco
from vm_worker.tasks.detection.annotations.label_files import LabelFile
from vm_worker.tasks.detection.boxes import Floats
from vm_worker.tasks.detection.delivered import DeliveredSettings, divided
from vm_worker.tasks.detection.engine.certainty import Certainty
from vm_worker.tasks.detection.engine.decode import Decoding
from vm_worker.tasks.detection.engine.detect import Settings

KNOWN = DeliveredSettings(
    ("=seal",),
    Settings(SIDES.height, SIDES.width, decoding=Decoding(threshold=0.5)),
    certainty=Certainty.of([1] * 18 + [3], [1] * 19),
)


def _predict(pictures: Floats) -> tuple[Floats, Floats]:
    return divided(output()[: len(pictures)])


@pytest.fixture
def rows(tmp_path: Path) -> list[counting.CountedPhoto]:
    good, bad = tmp_path / "a.jpg", tmp_path / "b.jpg"
    good.write_bytes(jpeg(np.zeros((128, 128, 3), np.uint8)))
    bad.write_bytes(b"no photo")
    return list(counting.counted(_predict, KNOWN, [good, bad, tmp_path / "none.jpg"]))


def test_objects_are_counted_in_pixels_of_the_photo(rows: list[counting.CountedPhoto]) -> None:
    one = counting.as_json(rows[0], KNOWN.classes)
    assert (one["count"], one["counts"], one["error"]) == (1, {"=seal": 1}, None)
    assert one["boxes"] == [{"class": "=seal", "score": 0.9, "box": [56.0, 56.0, 88.0, 88.0]}]
    assert "is not a" in str(rows[1].error) and rows[2].error


def test_a_table_has_a_line_a_photo_and_no_formulas(
    rows: list[counting.CountedPhoto], capsys: pytest.CaptureFixture[str]
) -> None:
    counting._print(rows, KNOWN, counting.Wanted(as_csv=True))
    head, first, second, _ = capsys.readouterr().out.splitlines()
    assert head == "image,count,low,high,'=seal,error" and first.endswith("a.jpg,1,1,3,1,")
    assert second.split(",")[1:5] == [""] * 4
    assert counting._told(rows[0], KNOWN.classes) == "1 [1 to 3]  =seal"


def test_photos_are_counted_together_and_it_is_said_how_sure_that_is(rows: list[counting.CountedPhoto]) -> None:
    many, sure = counting._together(rows)
    assert many == "1 object in 1 photo."
    assert "between which the true one should lie, 90 times in 100" in sure
    unsure = counting._together([replace(rows[0], interval=None)])
    assert unsure[1].startswith("How sure a count is cannot be told")
    assert counting._together(rows[1:]) == [] and counting._together([]) == ["No photos were found there."]


def test_photos_of_one_name_are_told_apart_by_their_folders(rows: list[counting.CountedPhoto]) -> None:
    def names(*images: str) -> list[str]:
        content: Any = counting.coco([replace(rows[0], image=image) for image in images], KNOWN.classes)
        return [image["file_name"] for image in content["images"]]

    assert names("flight/a/1.jpg", "flight/b/1.jpg") == ["a/1.jpg", "b/1.jpg"]
    assert names("flight/a/1.jpg", "flight/b/2.jpg") == ["1.jpg", "2.jpg"]


def test_the_coco_that_is_written_can_be_read_again(rows: list[counting.CountedPhoto], tmp_path: Path) -> None:
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
