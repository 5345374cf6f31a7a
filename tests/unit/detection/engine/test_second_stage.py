"""The second stage of a Mask R-CNN: its layers against plain loops, its targets, and outlines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow

from tests.unit.detection.engine.toys import boxes, detections, squares
from vm_worker.exports import files
from vm_worker.learn.budget import Budget
from vm_worker.tasks.detection import delivered
from vm_worker.tasks.detection.boxes import Boxes, Floats, LabelledPhoto
from vm_worker.tasks.detection.engine import network
from vm_worker.tasks.detection.engine.decode import decoded, refined
from vm_worker.tasks.detection.engine.detect import candidates
from vm_worker.tasks.detection.engine.effort import Effort
from vm_worker.tasks.detection.engine.engine import finished
from vm_worker.tasks.detection.engine.frames import FrameLabels
from vm_worker.tasks.detection.engine.outlines import outline, overlap, polygon_area, polygons, rastered
from vm_worker.tasks.detection.engine.plan import planned
from vm_worker.tasks.detection.engine.scores import outline_overlaps
from vm_worker.tasks.detection.engine.second_stage import CELLS, MARGIN, MASK, SIDE, Wanted, aligned, second_stage
from vm_worker.tasks.detection.engine.sides import Sides, points
from vm_worker.tasks.detection.engine.training.boxing import BoxingPlan, boxed
from vm_worker.tasks.detection.engine.training.course import Course, Recipe
from vm_worker.tasks.detection.engine.training.proposals import FIRST_SIDE, OUTLINED, Proposals
from vm_worker.tasks.detection.engine.training.session import Photos, Session, Workplace

SIDES = Sides(96, 128)
STRIDES = (8, 16, 32)
WANTED = Wanted(SIDES, STRIDES, 2, 20, True)


@pytest.fixture(autouse=True)
def eager() -> Iterator[None]:
    """No graphs: to trace them takes longer than these few steps."""
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


def base(sides: Sides) -> keras.Model:
    """Five convolutions down to cells of 32 pixels."""
    x = image = keras.Input((sides.height, sides.width, 3))
    for channels in (4, 8, 8, 8, 8):
        x = keras.layers.Conv2D(channels, 3, strides=2, padding="same", activation="relu")(x)
    return keras.Model(image, x)


def first_stage() -> network.Detector:
    """A detector whose answers differ from point to point."""
    keras.utils.set_random_seed(3)
    parts, random = network.detector(base, SIDES, 2, STRIDES), np.random.default_rng(0)
    for name, mean in (("logit", 0.0), ("side", 2.0)):
        layer = parts.head.get_layer(name)
        kernel, bias = layer.get_weights()
        layer.set_weights([random.normal(size=kernel.shape), np.full(bias.shape, mean)])
    return parts


@pytest.mark.slow
def test_the_best_points_are_proposed_and_the_file_holds_layers_alone(tmp_path: Path) -> None:
    parts = first_stage()
    stage = second_stage(parts, WANTED)
    picture = np.random.default_rng(1).uniform(0, 255, (1, 96, 128, 3)).astype(np.float32)
    scores, distances = (one[0] for one in parts.whole.predict_on_batch(picture))
    _, sure, proposed = (one[0] for one in stage.stem.predict_on_batch(parts.backbone.predict_on_batch(picture)))
    best, wanted = _peaks(scores.max(axis=1)), []
    centres, strides = points(SIDES, STRIDES)
    for point in best[: WANTED.rois]:
        reach = distances[point] * strides[point]
        wanted.append(np.clip(np.concatenate([centres[point] - reach[:2], centres[point] + reach[2:]]) / 128, 0, 1))
    assert len(wanted) == WANTED.rois
    np.testing.assert_allclose(sure, scores[best[: WANTED.rois]], atol=1e-5)
    np.testing.assert_allclose(proposed, wanted, atol=1e-5)
    model = delivered.with_one_output(stage.whole)
    files.save(model, tmp_path / "model.h5")
    again = files.load(tmp_path / "model.h5")  # in safe mode, without objects of our own
    np.testing.assert_allclose(again.predict_on_batch(picture), model.predict_on_batch(picture), atol=1e-6)
    rest = delivered.divided(model.predict_on_batch(picture), mask=MASK)
    found = refined(rest[0][0], rest[1][0], SIDES, 0.0, MASK)
    assert found.masks is not None and found.masks.shape[1:] == (MASK, MASK)
    assert len(decoded(scores, distances, SIDES, 0.0, STRIDES)) > len(found) > 0


def _peaks(best: Floats) -> list[int]:
    """The points that are the best of the nine around them, the best first."""
    found, start = [], 0
    for rows, columns in SIDES.cells(STRIDES):
        level = np.pad(best[start : start + rows * columns].reshape(rows, columns), 1, constant_values=-1)
        around = np.max([level[y : y + rows, x : x + columns] for y in range(3) for x in range(3)], axis=0)
        found += [start + int(place) for place in np.flatnonzero(level[1:-1, 1:-1] == around)]
        start += rows * columns
    return sorted(found, key=lambda point: -best[point])


def test_boxes_are_sampled_as_by_a_plain_loop() -> None:
    random = np.random.default_rng(0)
    finest, given = keras.Input((12, 16, 3)), keras.Input((20, 4))
    model = keras.Model([finest, given], aligned(finest, given, WANTED))
    maps = random.random((1, 12, 16, 3)).astype(np.float32)
    rois = np.sort(random.random((1, 20, 2, 2)), axis=2).reshape(1, 20, 4).astype(np.float32)
    sampled = model.predict_on_batch([maps, rois])[0].reshape(20, SIDE, SIDE, 3)
    for roi, i, j in ((0, 0, 3), (7, 4, 4), (19, 8, 1)):
        left, top, right, bottom = rois[0, roi] * 128 / 8
        y = top + (i + 0.5 - MARGIN) / CELLS * (bottom - top) - 0.5
        x = left + (j + 0.5 - MARGIN) / CELLS * (right - left) - 0.5
        down, across = (np.maximum(0, 1 - np.abs(at - np.arange(n))) for at, n in ((y, 12), (x, 16)))
        np.testing.assert_allclose(sampled[roi, i, j], np.einsum("h,w,hwc->c", down, across, maps[0]), atol=1e-5)


def test_targets_are_those_of_the_object_in_each_box() -> None:
    triangle = np.array([[32, 32], [64, 32], [32, 64]], np.float32)
    known = Boxes(np.array([[32, 32, 64, 64]], np.float32), np.array([1]), ((triangle,),))
    labels = FrameLabels(known, np.array([[100, 0, 128, 40]], np.float32))
    proposed = np.zeros((1, 8, 4), np.float32)
    proposed[0, :4] = [[0.25, 0.25, 0.5, 0.5], [0.0, 0.5, 0.2, 0.7], [0.8, 0.0, 1, 0.3], [0.25, 0.25, 0.5, 0.5]]
    rows = Proposals(proposed, lambda row: labels, SIDES, MASK, 0)
    given, targets = rows.given(0), rows.targets(0)
    np.testing.assert_array_equal(given[4:], proposed[0, :4])
    assert targets[:, 0].tolist() == [1, 1, 1, 1, 1, -1, -1, 1]
    assert targets[:, 1].tolist() == [1, 1, 1, 1, 1, 1, 0, 1]
    assert targets[4, FIRST_SIDE:OUTLINED].tolist() == [0.5, 0.5, 0.5, 0.5]
    assert targets[4, OUTLINED] == 1 and targets[4, OUTLINED + 1 :].mean() == pytest.approx(0.5, abs=0.01)
    # Where a shaken box begins further left, the object's left side is nearer to the middle of it.
    shaken, side = given[0], targets[0, FIRST_SIDE]
    assert side == pytest.approx(((shaken[0] + shaken[2]) / 2 - 0.25) / (shaken[2] - shaken[0]), abs=1e-5)
    nothing = replace(rows, labels=lambda row: FrameLabels(boxes(), np.zeros((0, 4), np.float32)))
    np.testing.assert_array_equal(nothing.given(0), proposed[0])
    assert set(nothing.targets(0)[:, 0]) == {-1.0}


def test_an_outline_is_the_border_of_a_mask() -> None:
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    circle = (np.stack([50 + 20 * np.cos(angle), 40 + 20 * np.sin(angle)], 1).astype(np.float32),)
    box = np.array([30, 20, 70, 60], np.float32)
    mask = rastered(circle, box, MASK)
    assert mask.mean() == pytest.approx(np.pi / 4, abs=0.03)
    drawn = outline(mask, box)
    assert polygon_area(drawn.tolist()) == pytest.approx(np.pi * 400, rel=0.05)
    np.testing.assert_allclose(np.hypot(*(drawn - [50, 40]).T), 20, atol=0.8)
    assert overlap(mask, box, circle) > 0.93
    assert overlap(mask, box + 20, circle) < 0.35
    assert outline(np.zeros((4, 4), np.float32), box).tolist() == [[30, 20], [70, 20], [70, 60], [30, 60]]
    found = replace(detections((30, 20, 70, 60, 0.9), (0, 0, 9, 9, 0.5)), masks=np.stack([mask, mask]))
    truth = Boxes(box[None], np.array([0]), (circle,))
    assert outline_overlaps(found, truth) == [pytest.approx(overlap(mask, box, circle))]
    assert outline_overlaps(detections((30, 20, 70, 60, 0.9)), truth) == []
    assert len(polygons(found)[1]) > 8 and polygons(detections((0, 0, 9, 9, 0.5))) == [[]]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_second_stage_is_trained_and_a_killed_run_goes_on(tmp_path: Path) -> None:
    photos, plan = _photos(), planned("tiny", _photos().labels, Effort(steps=4, rows=12, inputs=(96,)))
    plan = replace(plan, recipe=Recipe(1, 1.0, 1e-3))
    told: list[str] = []
    work = Workplace(tmp_path, base, Budget.of(600), 0, lambda progress: told.append(progress.phase))
    session = Session(photos, plan, work)
    first = session.trial(Course(plan.recipe, work.budget))
    first = replace(first, raw=tuple(detections() for _ in first.raw))  # any boxes are better
    stage = boxed(session, first, False, BoxingPlan(epochs=2, rows=8))
    assert stage is not None and stage.mask == MASK and told.count("boxing") == 2
    detector = finished(session, first, stage)
    assert (detector.settings.rois, detector.settings.mask) == (stage.wanted.rois, MASK)
    row = int(photos.validation[0])
    again = candidates(detector.predict, photos.decode(row), detector.settings)
    assert again.masks is not None
    np.testing.assert_allclose(np.sort(again.scores)[-5:], np.sort(stage.trained.raw[0].scores)[-5:], atol=2e-3)
    repeated = boxed(session, first, False, BoxingPlan(epochs=2, rows=8))
    assert repeated is not None and told.count("boxing") == 2  # nothing is trained twice
    assert repeated.trained.losses == stage.trained.losses
    assert 0 < BoxingPlan(epochs=1, rows=8).seconds(session, 0.1) < BoxingPlan(epochs=2, rows=8).seconds(session, 0.1)
    whole = boxed(session, replace(first, losses=(1.0,)), True, BoxingPlan(epochs=1, rows=8))
    assert whole is not None and told.count("boxing") == 3  # from the finest maps, as after tuning
    crowd = [replace(one, boxes=_outlined(boxes(*[(0, 0, 9, 9)] * 9000))) for one in photos.labels]
    session.labels = lambda row: FrameLabels(crowd[row % 6].boxes, np.zeros((0, 4), np.float32))
    assert BoxingPlan().seconds(session, 0.1) == np.inf  # too many objects for the memory


def _photos() -> Photos:
    """Toy photos whose squares have outlines."""
    labels, pixels = squares(10, 0)
    outlined = [LabelledPhoto(one.name, one.width, one.height, _outlined(one.boxes)) for one in labels]
    return Photos(outlined, np.arange(6), np.arange(6, 10), lambda row: pixels[row], 2)


def _outlined(known: Boxes) -> Boxes:
    outlines = tuple((box[[0, 1, 2, 1, 2, 3, 0, 3]].reshape(4, 2),) for box in known.xyxy)
    return Boxes(known.xyxy, known.classes, outlines)
