"""The figures of detection, against cases made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests.unit.detection.engine.toys import boxes, detections
from vm_worker.tasks.detection.boxes import Boxes, Detections, Floats
from vm_worker.tasks.detection.engine.precision import matches, precisions
from vm_worker.tasks.detection.engine.scores import Judged, score


def test_each_label_is_found_once_by_the_most_certain_box() -> None:
    found = detections((0, 0, 10, 10, 0.5), (0, 0, 10, 10, 0.9), (0, 0, 10, 9, 0.8), (40, 0, 50, 10, 0.7))
    assert matches(found, boxes((0, 0, 10, 10), (0, 0, 10, 6))).tolist() == [-1, 0, 1, -1]


def test_another_class_is_no_find() -> None:
    assert matches(detections((0, 0, 10, 10, 0.9), classes=(1,)), boxes((0, 0, 10, 10))).tolist() == [-1]


def test_average_precision_is_the_area_under_the_envelope() -> None:
    # Right, false, right of three labels: the precision is 1 up to a recall of 1/3, then 2/3 up to 2/3, then 0.
    found = [detections((0, 0, 10, 10, 0.9), (50, 50, 60, 60, 0.8), (20, 0, 30, 10, 0.7))]
    (one, none) = precisions(found, [boxes((0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10))], 2)
    assert one is not None and none is None
    assert one.ap50 == pytest.approx((34 * 1 + 33 * 2 / 3) / 101)
    assert one.ap == pytest.approx(one.ap50)  # the boxes fit exactly
    assert one.boxes == 3


def test_a_loose_box_is_right_at_low_overlaps_alone() -> None:
    (one,) = precisions([detections((0, 0, 10, 7.2, 0.9))], [boxes((0, 0, 10, 10))], 1)
    assert one is not None and one.ap50 == pytest.approx(1.0)
    assert one.ap == pytest.approx(0.5)  # 0.5, 0.55, 0.6, 0.65, 0.7 of ten


def test_a_class_without_finds_scores_nothing() -> None:
    (one,) = precisions([detections()], [boxes((0, 0, 10, 10))], 1)
    assert one is not None and one.ap == 0.0


def test_counts_errors_and_edges() -> None:
    photos = [
        Judged(
            100,
            100,
            boxes((10, 10, 30, 30), (50, 50, 70, 70)),
            detections(
                (10, 10, 30, 30, 0.9),
                (12, 12, 28, 28, 0.8),  # a double
                (0, 40, 9, 50, 0.7),  # at the edge
                (80, 20, 90, 30, 0.2),  # below the threshold
            ),
        ),
        Judged(100, 100, boxes((10, 10, 30, 30)), detections()),
    ]
    found = score(photos, 1, 0.5)
    assert (found.labelled, found.found, found.missed, found.false) == (3, 1, 2, 2)
    assert (found.edge, found.doubles) == (1, 1)
    assert (found.count_error, found.bias) == (1.0, 0.0)  # one too many, one too few
    assert found.inner_count_error == 0.5
    assert found.f1 == pytest.approx(2 * 1 / 6)
    assert [(one.boxes, one.found, one.false) for one in found.classes] == [(3, 1, 2)]


def test_nothing_to_find_and_nothing_found_is_perfect() -> None:
    found = score([Judged(10, 10, boxes(), detections())], 1, 0.5)
    assert (found.count_error, found.f1, found.map50) == (0.0, 1.0, 0.0)


def test_the_same_figures_as_another_evaluator() -> None:
    """faster-coco-eval is the judge; pycocotools alone counts 100 boxes a photo at most."""
    module = pytest.importorskip("faster_coco_eval", reason="faster-coco-eval is not installed")
    random = np.random.default_rng(0)
    truth, found = [], []
    for _ in range(20):
        corners = random.uniform(0, 300, (150, 2))
        whole = np.concatenate([corners, corners + random.uniform(25, 60, (150, 2))], 1).astype(np.float32)
        classes = random.integers(0, 2, 150)
        moved = whole + random.normal(0, 3, whole.shape).astype(np.float32)
        kept = random.random(150) < 0.8
        truth.append(boxes(*map(tuple, whole.tolist()), classes=tuple(classes.tolist())))
        rows = np.concatenate([moved, random.random((150, 1))], 1)[kept]
        found.append(detections(*map(tuple, rows.tolist()), classes=tuple(classes[kept].tolist())))
    ours = [one for one in precisions(found, truth, 2) if one]
    ap, ap50 = _by_coco(module, truth, found)
    assert np.mean([one.ap for one in ours]) == pytest.approx(ap, abs=1e-4)
    assert np.mean([one.ap50 for one in ours]) == pytest.approx(ap50, abs=1e-4)


def _by_coco(module: Any, truth: Sequence[Boxes], found: Sequence[Detections]) -> tuple[float, float]:
    """AP and AP50 of the other evaluator."""
    labels = [
        {"id": 1000 * photo + row + 1, "image_id": photo, "category_id": int(kind), "bbox": _xywh(box), "iscrowd": 0,
         "area": float((box[2] - box[0]) * (box[3] - box[1]))}
        for photo, one in enumerate(truth)
        for row, (box, kind) in enumerate(zip(one.xyxy, one.classes, strict=True))
    ]  # fmt: skip
    marks = [
        {"image_id": photo, "category_id": int(kind), "bbox": _xywh(box), "score": float(score)}
        for photo, one in enumerate(found)
        for box, kind, score in zip(one.xyxy, one.classes, one.scores, strict=True)
    ]
    coco = module.COCO(
        {
            "images": [{"id": photo, "width": 400, "height": 400} for photo in range(len(truth))],
            "annotations": labels,
            "categories": [{"id": 0, "name": "one"}, {"id": 1, "name": "other"}],
        }
    )
    judge = module.COCOeval_faster(coco, coco.loadRes(marks), "bbox", print_function=lambda *text: None)
    judge.params.maxDets = [1, 10, 1000]
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    return float(judge.stats[0]), float(judge.stats[1])


def _xywh(box: Floats) -> list[float]:
    return [float(value) for value in (box[0], box[1], box[2] - box[0], box[3] - box[1])]
