"""From outputs to boxes, and the points at which a detector works."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.detection.engine.toys import boxes, detections
from vm_worker.tasks.detection.engine.decode import decoded, suppressed
from vm_worker.tasks.detection.engine.frames import FrameLabels
from vm_worker.tasks.detection.engine.levels import Borders, borders
from vm_worker.tasks.detection.engine.operating_point import searched
from vm_worker.tasks.detection.engine.sides import Sides, levels, points
from vm_worker.tasks.detection.engine.training.targets import FIRST_SIDE, WEIGHT, Targets

SIDES = Sides(96, 128)
NO_PLACES = np.zeros((0, 4), np.float32)


def test_targets_decode_to_the_boxes_that_they_were_made_of() -> None:
    truth = boxes((10, 12, 40, 50), (60, 8, 124, 90), (100, 2, 103, 4), classes=(0, 2, 1))
    targets = Targets(SIDES, Borders(40.0, 90.0)).of(FrameLabels(truth, NO_PLACES))
    scores = (targets[:, :1] == np.arange(3)).astype(np.float32)
    found = suppressed(decoded(scores, targets[:, FIRST_SIDE:], SIDES, 0.5), 0.5)
    order = np.argsort(found.classes)
    np.testing.assert_array_equal(found.classes[order], [0, 1, 2])
    np.testing.assert_allclose(found.xyxy[order][0], truth.xyxy[0], atol=1e-4)
    np.testing.assert_allclose(found.xyxy[order][2], truth.xyxy[1], atol=1e-4)
    # The tiny one has no point inside: the nearest point answers for it, as near as a point outside can.
    np.testing.assert_allclose(found.xyxy[order][1], truth.xyxy[2], atol=8)


@pytest.mark.parametrize("strides", [(8,), (16,), (32,), (8, 16), (16, 32), (8, 16, 32)])
def test_the_number_of_points_tells_the_levels(strides: tuple[int, ...]) -> None:
    centres, _ = points(SIDES, strides)
    assert levels(SIDES, len(centres)) == strides
    scores, distances = np.zeros((len(centres), 1), np.float32), np.ones((len(centres), 4), np.float32)
    scores[-1] = 0.9  # the last point of the coarsest level
    x, y = centres[-1]
    box = decoded(scores, distances, SIDES, 0.5).xyxy[0]
    assert box.tolist() == [x - strides[-1], y - strides[-1], min(128, x + strides[-1]), min(96, y + strides[-1])]


def test_points_of_no_levels_are_refused() -> None:
    with pytest.raises(ValueError, match="7 points are not those"):
        levels(SIDES, 7)


def test_large_objects_are_answered_for_by_coarse_points() -> None:
    targets = Targets(SIDES, Borders(20.0, 60.0)).of(FrameLabels(boxes((4, 4, 94, 94)), NO_PLACES))
    _, strides = points(SIDES, (8, 16, 32))
    assert set(strides[targets[:, 0] >= 0]) == {32.0}


def test_the_smaller_of_two_objects_is_answered_for() -> None:
    both = boxes((0, 0, 36, 36), (10, 10, 26, 26), classes=(0, 1))
    targets = Targets(SIDES, Borders(60.0, 120.0)).of(FrameLabels(both, NO_PLACES))
    centres, _ = points(SIDES, (8, 16, 32))
    at = np.flatnonzero((centres == [20.0, 20.0]).all(axis=1))
    assert targets[at, 0].tolist() == [1.0]


def test_ignored_places_weigh_nothing() -> None:
    places = np.array([[0, 0, 32, 96]], np.float32)
    targets = Targets(SIDES, Borders(60.0, 120.0)).of(FrameLabels(boxes(), places))
    centres, _ = points(SIDES, (8, 16, 32))
    np.testing.assert_array_equal(targets[:, WEIGHT] == 0, centres[:, 0] < 32)


def test_doubles_of_one_class_are_suppressed() -> None:
    found = detections(
        (0, 0, 10, 10, 0.9), (0, 1, 10, 11, 0.8), (0, 0, 10, 10, 0.7), (2, 2, 5, 5, 0.6), classes=(0, 0, 1, 0)
    )
    assert suppressed(found, 0.5).scores.tolist() == pytest.approx([0.9, 0.7, 0.6])
    assert suppressed(found, 0.5, inside=0.8).scores.tolist() == pytest.approx([0.9, 0.7])  # one lies in another


def test_borders_keep_away_from_the_bulk_of_the_sizes() -> None:
    random = np.random.default_rng(0)
    both = np.concatenate([random.normal(55, 5, 300), random.normal(160, 8, 300)]).astype(np.float32)
    found = borders(both)
    assert 75 < found.first < 112 and found.strides == (8, 16)
    assert borders(both[:3]).strides == (8, 16, 32)  # too few to derive them
    sizes, strides = np.array([20.0, found.first, 300.0], np.float32), np.array([8.0, 16.0], np.float32)
    assert found.belong(sizes, strides).tolist() == [[True, True, False], [False, True, True]]


@pytest.mark.parametrize(("size", "strides"), [(30, (8,)), (130, (16,)), (400, (32,))])
def test_levels_without_objects_are_left_out(size: float, strides: tuple[int, ...]) -> None:
    assert borders(np.full(50, size, np.float32)).strides == strides


def test_the_point_counts_right_on_validation() -> None:
    truth = [boxes((0, 0, 10, 10), (20, 0, 30, 10)), boxes((0, 0, 10, 10)), boxes()]
    raw = [
        detections((0, 0, 10, 10, 0.9), (0, 1, 10, 11, 0.85), (20, 0, 30, 10, 0.6)),
        detections((0, 0, 10, 10, 0.8), (50, 50, 60, 60, 0.3)),
        detections((5, 5, 9, 9, 0.4)),
    ]
    point = searched(raw, truth, tiled=False)
    assert (point.rmse, point.f1) == (0.0, 1.0) and point.usable
    assert point.guess == pytest.approx(np.std([2, 1, 0]))  # of one number for every photo
    assert not replace(point, rmse=0.9).usable and not replace(point, f1=0.4).usable
    assert 0.4 < point.threshold <= 0.6
    assert point.threshold == pytest.approx(0.5, abs=0.03)  # the middle of all that do as well
