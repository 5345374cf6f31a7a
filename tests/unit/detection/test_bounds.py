"""Label files take bounded time and memory, whatever they hold."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from jobs.errors import UserError
from jobs.limits import Limits
from tests.unit.detection import label_zips
from tests.unit.detection.test_hostile_labels import Change, boxes_of, changed_coco, read, refused, runs
from tests.unit.detection.test_layouts import surveyed
from vm_worker.tasks.detection.annotations import rle
from vm_worker.tasks.detection.annotations.drawn import DrawnPhoto
from vm_worker.tasks.detection.annotations.photo_names import PhotoNames

SECONDS = 20.0  # of a processor; far more than any of these takes


def fewer(limits: dict[str, int], layout: str, tmp_path: Path) -> UserError:
    entries = label_zips.LAYOUTS[layout](label_zips.photos())
    with pytest.raises(UserError) as caught:
        surveyed(tmp_path / "labels.zip", entries, Limits(**limits))
    return caught.value


def test_the_limits_hold(tmp_path: Path) -> None:
    assert fewer({"label_bytes": 100}, "darknet_yolo", tmp_path).code == "too_large_zip"
    assert fewer({"box_photos_min": 13}, "cvat_coco", tmp_path).code == "too_few_boxes"
    assert fewer({"boxes_max": 5}, "cvat_coco", tmp_path).code == "too_many_boxes"
    assert "more than 5 boxes" in fewer({"boxes_max": 5}, "darknet_yolo", tmp_path).message  # before all are read


def masks(count: int, segmentation: object) -> Change:
    """Add crowds with this mask or outline."""
    crowd = {"image_id": 1, "category_id": 0, "bbox": [1, 1, 9, 9], "iscrowd": 1, "segmentation": segmentation}
    return changed_coco(lambda content: content["annotations"].extend([crowd] * count))


def test_masks_that_no_photo_has_are_not_drawn(tmp_path: Path) -> None:
    began = time.process_time()
    survey = read("cvat_coco", masks(2000, {"size": [1, 10**9], "counts": [0, 10**9]}), tmp_path)
    assert "2,000 boxes around crowds were left out." in survey.warnings and boxes_of(survey)
    assert time.process_time() - began < SECONDS


def test_a_file_with_far_too_many_outlines_is_refused(tmp_path: Path) -> None:
    error = refused("cvat_coco", masks(1, [[1]] * 400_000), tmp_path)
    assert error.code == "labels_unreadable" and "outlines and masks of far too many pieces" in error.message


def test_the_pieces_of_all_masks_are_bounded() -> None:
    mask, work = runs((3, 5, 15), (4, 6, 16)), rle.Work(left=30)
    assert rle.area(mask["size"], mask["counts"], work) is not None
    with pytest.raises(rle.TooMuchWork):
        for _ in range(9):
            rle.area(mask["size"], mask["counts"], work)


def test_very_many_photos_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    """As of data sets with a folder for each photo: the time must not grow with the square of their number."""
    photos = [("pets", f"n{number}", folder, "p.jpg") for number in range(4000) for folder in ("images", "more")]
    names = PhotoNames(photos)
    began = time.process_time()
    for number in range(0, 4000, 2):
        beside = DrawnPhoto(("pets", f"n{number}", "images", "p.txt"), "", (), by_stem=True)
        listed = DrawnPhoto(("all.json",), f"n{number}/more/p.jpg", ())
        assert [names.find(one) for one in (beside, listed)] == [2 * number, 2 * number + 1]
    assert names.find(DrawnPhoto(("all.json",), "p.jpg", ())) is None
    assert time.process_time() - began < SECONDS


def test_a_long_name_of_a_class_is_cut(tmp_path: Path) -> None:
    change = changed_coco(lambda content: content["categories"][0].update(name="x" * 100_000))
    assert max(map(len, read("cvat_coco", change, tmp_path).classes)) == 200
