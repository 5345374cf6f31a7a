"""The boxes that follow the report's threshold, and the finds that an annotation tool reads."""

from __future__ import annotations

from tests.unit.detection.engine.toys import boxes, detections
from vm_worker.tasks.detection import coco_finds
from vm_worker.tasks.detection.coco_finds import PhotoFinds
from vm_worker.tasks.detection.engine.scores import Judged
from vm_worker.tasks.detection.results import Mark, Step
from vm_worker.tasks.detection.thresholds import marks, steps, thresholds

# Two labels: one is found with 0.62, the other with 0.2; and a mark of 0.5 has none.
PHOTO = Judged(
    100,
    100,
    boxes((0, 0, 10, 10), (50, 50, 60, 60)),
    detections((0, 0, 10, 10, 0.62), (50, 50, 60, 60, 0.2), (80, 80, 90, 90, 0.5), (20, 20, 24, 24, 0.05)),
)
VALUES = thresholds(0.34)


def test_the_chosen_threshold_is_among_the_tenths() -> None:
    assert VALUES == (0.1, 0.2, 0.3, 0.34, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    assert thresholds(0.5) == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    assert thresholds(0.48) == (0.1, 0.2, 0.3, 0.4, 0.48, 0.6, 0.7, 0.8, 0.9)


def test_each_step_tells_what_it_finds_in_all_photos() -> None:
    found = steps([PHOTO, PHOTO], VALUES)
    assert found[0] == Step(0.1, 4, 2) and found[1] == Step(0.2, 4, 2)
    assert found[3] == Step(0.34, 2, 2) and found[6] == Step(0.6, 2, 0) and found[7] == Step(0.7, 0, 0)
    assert steps([], VALUES)[0] == Step(0.1, 0, 0)


def test_a_box_is_shown_while_it_reaches_the_threshold_and_a_label_is_missed_from_then_on() -> None:
    found = marks([(PHOTO, 0.5, (100, 200))], VALUES)
    assert found == (
        Mark(100, 200, 5, 5, "missed", 7),
        Mark(125, 225, 5, 5, "missed", 2),
        Mark(100, 200, 5, 5, "found", 6),
        Mark(125, 225, 5, 5, "found", 1),
        Mark(140, 240, 5, 5, "unlabelled", 5),  # the faint one is below every step
    )
    # At each step a label is either found or missed.
    for step in range(len(VALUES)):
        shown = [one for one in found if (step <= one.step if one.kind != "missed" else step >= one.step)]
        assert sum(one.kind in ("found", "missed") for one in shown) == 2


def test_finds_are_written_for_annotation_tools() -> None:
    finds = coco_finds.document([PhotoFinds("a.jpg", 100, 100, detections((1, 2, 11, 22, 0.75)))], ("seal", "pup"))
    assert finds["images"] == [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 100}]
    assert finds["categories"] == [{"id": 1, "name": "seal"}, {"id": 2, "name": "pup"}]
    assert finds["annotations"] == [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 10, 20], "area": 200, "iscrowd": 0, "score": 0.75}
    ]
