"""Every layout of an annotation tool is recognised and read to the same boxes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from jobs.limits import Limits
from jobs.options import Options
from tests.unit.detection import label_zips
from tests.unit.detection.label_zips import HEIGHT, LAYOUTS, WIDTH, Drawn
from vm_worker.intake.extents import Shape
from vm_worker.intake.survey import list_upload
from vm_worker.tasks import uploads
from vm_worker.tasks.detection.recognition import recognises
from vm_worker.tasks.detection.survey import LabelledSurvey
from vm_worker.tasks.detection.upload import read_upload

LIMITS = Limits()


def surveyed(path: Path, entries: Mapping[str, bytes], limits: Limits = LIMITS) -> LabelledSurvey:
    """The survey of an upload whose photos all have the usual size."""
    survey = read_upload(list_upload(label_zips.write(path, entries), limits), limits)
    return survey.measured([Shape(WIDTH, HEIGHT)] * len(survey.photos))


@pytest.fixture(scope="module")
def drawn() -> list[Drawn]:
    return label_zips.photos()


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_a_layout_is_recognised_and_read(layout: str, drawn: list[Drawn], tmp_path: Path) -> None:
    entries = LAYOUTS[layout](drawn)
    survey = surveyed(tmp_path / "labels.zip", entries)
    assert recognises(list_upload(tmp_path / "labels.zip", LIMITS))
    assert survey.classes == ("cat", "dog") and survey.warnings == ()
    found = {photo.name.rpartition("/")[2]: photo for photo in survey.labelled}
    assert sorted(found) == [one.name for one in drawn]
    for one in drawn:
        boxes = found[one.name].boxes
        wanted = np.array(one.boxes, np.float32).reshape(-1, 5)
        np.testing.assert_array_equal(boxes.classes, wanted[:, 0])
        np.testing.assert_allclose(boxes.xyxy, wanted[:, 1:], atol=1e-3)


def test_the_check_before_an_upload_says_what_was_read(drawn: list[Drawn], tmp_path: Path) -> None:
    path = label_zips.write(tmp_path / "labels.zip", LAYOUTS["roboflow_coco"](label_zips.photos(30)))
    verdict = uploads.verdict(path, LIMITS)
    assert verdict.accepted, verdict.message
    assert verdict.message.startswith("30 photos with 60 boxes of 2 classes: 2.0 a photo, at most 4, 6 photos without")
    assert verdict.classes == (("cat", 36), ("dog", 24)) and verdict.unit == "boxes"
    asked = uploads.verdict(path, LIMITS, options=Options(design="controller", architecture='["SOFTMAX"]'))
    said = '"design", "architecture" had no effect: the task detection, finding and counting objects, does without.'
    assert asked.accepted and asked.warnings == (*verdict.warnings, said) and asked.message.endswith(said)


@pytest.mark.parametrize(
    "extra",
    [
        {"captions/p000.txt": b"a cat on a mat"},  # words of other tasks
        {"info.json": b'{"name": "cats", "classes": {"cat": 1}}'},
        {"settings.xml": b"<settings/>", "data.yaml": b"names: [cat, dog]\n"},  # names alone are no labels
        {"numbers.txt": b"1 2 3\n"},
    ],
)
def test_class_folders_stay_what_they_are(extra: dict[str, bytes], drawn: list[Drawn], tmp_path: Path) -> None:
    folders = {f"{'cat' if number % 2 else 'dog'}/{one.name}": one.jpeg for number, one in enumerate(drawn)}
    assert not recognises(list_upload(label_zips.write(tmp_path / "folders.zip", folders | extra), LIMITS))
