"""How counts are judged, and exported files compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jobs.json_values import JsonObject
from tests.unit.detection.engine.toys import boxes, detections
from vm_worker.exports.formats import FORMATS, Reader
from vm_worker.tasks.detection.agreement import PictureTruth, SameBoxes, boxes_of
from vm_worker.tasks.detection.boxes import LabelledPhoto
from vm_worker.tasks.detection.delivered import FAR, divided
from vm_worker.tasks.detection.engine.decode import Decoding
from vm_worker.tasks.detection.engine.detect import Settings
from vm_worker.tasks.detection.engine.sides import Sides, points
from vm_worker.tasks.detection.judge import CountJudge
from vm_worker.tasks.detection.truth import BoxTruth

SIDES = Sides(64, 64)
PICTURES = 4


def truth(*counts: int) -> BoxTruth:
    photos = tuple(
        LabelledPhoto(f"{number}.jpg", 64, 64, boxes(*[(5.0 * n, 0, 5.0 * n + 4, 4) for n in range(count)]))
        for number, count in enumerate(counts)
    )
    return BoxTruth(("cat",), ("any",), np.zeros(len(counts), np.int64), photos, ())


def test_the_score_is_the_mean_error_of_the_count() -> None:
    judge, known = CountJudge(), truth(3, 0, 5)
    assert judge.score(np.array([[3.0], [0], [5]], np.float32), known) == 0
    assert judge.score(np.array([[4.0], [0], [3]], np.float32), known) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="counts for 3 photos"):
        judge.score(np.zeros((2, 1), np.float32), known)


def test_models_tie_where_their_errors_are_alike() -> None:
    known = truth(*range(30))
    exact = known.counts_by_class.astype(np.float32)
    judge = CountJudge()
    assert judge.ties(exact, exact, known)
    assert not judge.ties(exact, exact + 3, known)


def output(shift: float = 0.0) -> np.ndarray:
    """One object of 16 pixels in the middle of each picture, found at the nearest point of the finest level."""
    centres, _ = points(SIDES)
    answers = np.full((PICTURES, len(centres), 5), 0.001, np.float32)
    middle = int(np.abs(centres[:64] - 36).sum(axis=1).argmin())
    answers[:, middle, 0] = 0.9
    answers[:, middle, 1:] = (1 + shift) / FAR
    return answers


def pictures() -> PictureTruth:
    photo = LabelledPhoto("a.jpg", 64, 64, boxes((28, 28, 44, 44)))
    settings = Settings(64, 64, decoding=Decoding(threshold=0.5))
    return PictureTruth(("cat",), ("any",), np.zeros(PICTURES, np.int64), (photo,) * PICTURES, (), settings)


@pytest.mark.parametrize("key", [key for key, row in FORMATS.items() if row.reader is not Reader.SERVICE])
def test_a_file_that_finds_the_same_boxes_is_delivered(key: str) -> None:
    compared = SameBoxes().compare(FORMATS[key], output(), output(), pictures())
    assert (compared.fault, compared.warning, compared.agreement, compared.score) == ("", "", 1.0, 1.0)


def test_a_file_with_other_numbers_or_boxes_is_not() -> None:
    same, known = SameBoxes(), pictures()
    assert "differs by more than" in same.compare(FORMATS["onnx"], output(0.5), output(), known).fault
    assert "other boxes" in same.compare(FORMATS["tflite_float16"], output(0.5), output(), known).fault
    assert "numbers" in same.compare(FORMATS["h5"], output()[:2], output(), known).fault
    assert "numbers" in same.compare(FORMATS["h5"], output(np.nan), output(), known).fault


def test_what_an_integer_model_loses_is_told() -> None:
    some = output()
    some[0] = 0
    compared = SameBoxes().compare(FORMATS["tflite_int8"], some, output(), pictures())
    assert compared.fault == "" and "F1 is lower by 14.3 points" in compared.warning
    nothing = SameBoxes().compare(FORMATS["tflite_int8"], np.zeros_like(output()), output(), pictures())
    assert nothing.fault == "its boxes are no longer those of model.h5: F1 falls from 1.00 to 0.00"
    shifted = SameBoxes().compare(FORMATS["tflite_int8"], output(0.2), output(), pictures())
    assert shifted.warning == (
        "Its boxes differ from those of model.h5 on 4 of 4 pictures; in all it counts 4, and model.h5 4."
    )


def test_boxes_of_a_second_stage_may_stand_in_another_order() -> None:
    known = pictures()
    two = replace(known, settings=replace(known.settings, rois=2))
    rows = np.array([[0.9, 0.25, 0.25, 0.5, 0.5], [0.8, 0.6, 0.6, 0.9, 0.9]], np.float32)
    ours = np.stack([rows] * PICTURES)
    same = SameBoxes().compare(FORMATS["onnx"], ours[:, ::-1], ours, two)
    assert (same.fault, same.max_difference, same.agreement) == ("", 0.0, 1.0)
    assert "differs" in SameBoxes().compare(FORMATS["onnx"], ours + np.float32(0.01), ours, two).fault


def test_a_service_is_compared_by_the_boxes_that_it_gives() -> None:
    row, ours = FORMATS["service"], detections((28, 28, 44, 44, 0.9))
    known = replace(pictures(), counted=(ours,) * PICTURES)
    right: JsonObject = {"boxes": [{"class": "cat", "score": 0.9, "box": [28.0, 28.0, 44.1, 44.0]}]}
    said = boxes_of([right] * PICTURES, ("cat",))
    compared = SameBoxes().compare(row, said, output(), known)
    assert (said.shape, compared.fault, compared.agreement, compared.score) == ((PICTURES, 1, 6), "", 1.0, 1.0)
    without = boxes_of([{"boxes": []}] * PICTURES, ("cat",))
    assert "other boxes" in SameBoxes().compare(row, without, output(), known).fault
    assert "pictures" in SameBoxes().compare(row, said[:2], output(), known).fault
    with pytest.raises(KeyError):
        boxes_of([{"error": {}}], ("cat",))


def test_numbers_where_nothing_is_found_do_not_count() -> None:
    other = output()
    other[:, 0, 1:] = 0.5  # distances of a point without an object
    assert SameBoxes().compare(FORMATS["h5"], other, output(), pictures()).fault == ""


def test_the_output_is_divided_into_scores_and_distances() -> None:
    scores, distances = divided(output())
    assert scores.shape == (PICTURES, 84, 1) and distances.max() == pytest.approx(1.0)


def test_labels_are_mirrored_and_taken_with_their_photos() -> None:
    known = truth(2, 1)
    flipped = known.mirrored()
    assert flipped.photos[0].boxes.xyxy.tolist() == [[60, 0, 64, 4], [55, 0, 59, 4]]
    np.testing.assert_array_equal(flipped.mirrored().photos[0].boxes.xyxy, known.photos[0].boxes.xyxy)
    assert known.take(np.array([1])).counts_by_class.tolist() == [[1]]
    assert known.take(np.array([1])).digest() != known.digest()
    assert known.boxes(np.array([0, 2], np.uint8)) == {"cat": {"train": 2, "validation": 0, "test": 1}}
    assert known.counts(np.array([0, 2], np.uint8)) == {"any": {"train": 1, "validation": 0, "test": 1}}
