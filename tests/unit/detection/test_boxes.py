"""The arithmetic of boxes, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vm_worker.tasks.detection.boxes import Boxes, Detections, containment, iou, no_boxes, no_detections


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def test_iou_is_shared_area_over_the_area_of_both() -> None:
    one = boxes((0, 0, 10, 10))
    other = boxes((0, 0, 10, 10), (5, 0, 15, 10), (10, 0, 20, 10), (2, 2, 4, 4))
    np.testing.assert_allclose(iou(one, other), [[1, 1 / 3, 0, 0.04]], rtol=1e-6)
    np.testing.assert_allclose(containment(one, other), [[1, 0.5, 0, 1]], rtol=1e-6)


def test_a_box_without_area_shares_nothing_and_divides_by_nothing() -> None:
    assert iou(boxes((3, 3, 3, 3)), boxes((3, 3, 3, 3), (0, 0, 9, 9))).tolist() == [[0, 0]]
    assert iou(boxes(), boxes((0, 0, 1, 1))).shape == (0, 1)


def test_rows_are_taken_with_all_that_belongs_to_them() -> None:
    outline = (np.array([[0, 0], [4, 0], [4, 4]], np.float32),)
    labelled = Boxes(boxes((0, 0, 1, 1), (0, 0, 4, 4)), np.array([0, 1]), ((), outline))
    (taken,) = labelled.take(np.array([1])).polygons
    assert taken is outline and labelled.take(np.array([1])).classes.tolist() == [1]
    found = Detections(boxes((0, 0, 1, 1), (0, 0, 4, 4)), np.array([0.4, 0.6], np.float32), np.array([0, 1]))
    assert found.above(0.5).classes.tolist() == [1] and len(found.above(0.9)) == 0


def test_arrays_that_do_not_fit_are_refused() -> None:
    assert len(no_boxes()) == len(no_detections()) == 0
    with pytest.raises(ValueError, match="boxes"):
        Boxes(boxes((0, 0, 1, 1)), np.array([0, 1]))
    with pytest.raises(ValueError, match="outlines"):
        Boxes(boxes((0, 0, 1, 1)), np.array([0]), ((), ()))
    with pytest.raises(ValueError, match="scores"):
        Detections(boxes((0, 0, 1, 1)), np.zeros(2, np.float32), np.array([0]))
