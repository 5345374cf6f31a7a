"""Frames, tiles and views: pictures and boxes move together."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.detection.engine.toys import COLOURS, boxes, detections
from vm_worker.intake.windows import GREY, window
from vm_worker.tasks.detection.boxes import Floats
from vm_worker.tasks.detection.engine.detect import Settings, detect
from vm_worker.tasks.detection.engine.frames import Frame, into_photo, labelled, picture
from vm_worker.tasks.detection.engine.sides import Sides, points
from vm_worker.tasks.detection.engine.tiling import Tiling, joined
from vm_worker.tasks.detection.engine.training.views import View, Viewer, drawn, seen

PHOTO = Frame(0, 0, 200, 100)


def _photo() -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    pixels = np.full((100, 200, 3), 110, np.uint8)
    pixels[20:60, 40:100] = COLOURS[0]
    return pixels


OBJECT = (40.0, 20.0, 100.0, 60.0)


def _reddish(pixels: np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]) -> tuple[float, ...]:
    """The box around what is red."""
    y, x = np.nonzero(pixels[..., 0].astype(int) - pixels[..., 2] > 60)
    return float(x.min()), float(y.min()), float(x.max() + 1), float(y.max() + 1)


def test_a_frame_keeps_its_aspect_and_the_rest_is_grey() -> None:
    sides = Sides(96, 96)
    pixels = picture(_photo(), PHOTO, sides)
    assert pixels.shape == (96, 96, 3) and (pixels[48:] == GREY).all() and (pixels[:48] != GREY).any()
    moved = labelled(boxes(OBJECT), PHOTO, sides).boxes
    assert _reddish(pixels) == pytest.approx(moved.xyxy[0].tolist(), abs=1.01)
    back = into_photo(detections((*moved.xyxy[0].tolist(), 0.9)), PHOTO, sides)
    assert back.xyxy[0].tolist() == pytest.approx(OBJECT)


@pytest.mark.parametrize(
    "view",
    [
        View(),
        View(mirror=True),
        View(upside=True),
        View(zoom=1.3, left=0.1, top=0.05, mirror=True),
        View(zoom=0.75, left=-0.2, top=-0.1, upside=True),
    ],
)
def test_a_view_moves_pixels_and_boxes_alike(view: View) -> None:
    stored, sides = Sides(128, 256), Sides(96, 192)
    labels = labelled(boxes(OBJECT), PHOTO, stored)
    pixels = seen(picture(_photo(), PHOTO, stored), view, sides)
    found = Viewer(stored, sides, True).labels(labels, view)
    assert pixels.shape == (96, 192, 3)
    assert _reddish(pixels) == pytest.approx(found.boxes.xyxy[0].tolist(), abs=1.6)


def test_colours_change_within_bounds() -> None:
    plain = np.full((8, 8, 3), 250, np.uint8)
    assert seen(plain, View(gains=(1.2, 1.0, 0.8), shift=10.0), Sides(8, 8))[0, 0].tolist() == [255, 255, 235]


def test_views_differ_and_come_from_the_seed() -> None:
    one, same = (drawn(3, 5, False, np.random.default_rng(1)) for _ in range(2))
    assert one == same and one[0] == [View()] * 3
    ways = {(view.mirror, view.upside) for row in one[1:] for view in row[:1]}
    assert len(ways) == 4  # all ways to mirror, before one comes again
    assert not any(view.upside for row in drawn(3, 5, True, np.random.default_rng(1)) for view in row)


def test_slivers_are_ignored_or_background() -> None:
    cut = boxes((-30.0, 0.0, 10.0, 40.0), (-10.0, 40.0, 30.0, 80.0), (300.0, 0.0, 340.0, 40.0))
    kept = labelled(cut, PHOTO, Sides(100, 200))
    assert kept.boxes.xyxy.tolist() == [[0, 40, 30, 80]] and kept.ignored.tolist() == [[0, 0, 10, 40]]
    whole = labelled(cut, PHOTO, Sides(100, 200), cut_ones=False)
    assert (len(whole.boxes), len(whole.ignored)) == (0, 0)


def test_a_window_may_lie_outside_or_be_thin() -> None:
    assert (window(_photo(), (300, 0, 400, 50), (10, 10)) == GREY).all()
    assert (window(_photo(), (199.99, 0, 399, 100), (4, 4))[:, 1:] == GREY).all()
    assert window(_photo(), (-1000, 0, 0.4, 100), (4, 4)).shape == (4, 4, 3)


def test_tiles_cover_a_large_photo_and_end_at_its_border() -> None:
    frames = Tiling(100, 30).frames(250, 90)
    assert [(one.left, one.top, one.width, one.height) for one in frames] == [
        (0, 0, 100, 90),
        (50, 0, 100, 90),
        (100, 0, 100, 90),
        (150, 0, 100, 90),
    ]
    assert len(Tiling(100, 30).frames(109, 90)) == 1  # hardly larger than a tile
    assert len(Tiling().frames(4000, 3000)) == 1


def test_boxes_that_an_inner_border_cuts_are_left_to_the_neighbour() -> None:
    tiles, frame = Tiling(100, 30), Frame(50, 0, 100, 100)
    found = detections(
        (50, 10, 60, 20, 0.9),  # cut by the left border, small: the neighbour sees it whole
        (50, 10, 120, 20, 0.9),  # cut, but longer than the overlap: no tile sees it whole
        (80, 0, 90, 10, 0.9),  # at the photo's own border
        (70, 40, 90, 60, 0.9),  # inside
        (130, 90, 150, 100, 0.9),  # cut on the right
    )
    kept = tiles.kept(found, frame, 250, 100)
    assert kept.xyxy[:, 0].tolist() == [50, 80, 70]
    assert len(joined([])) == 0


def test_an_object_in_two_tiles_is_counted_once() -> None:
    """A stand-in for a network that finds red and answers exactly."""
    sides = Sides(96, 96)
    centres, strides = points(sides, (8,))

    def predict(pictures: Floats) -> tuple[Floats, Floats]:
        scores = np.zeros((len(pictures), len(centres), 1), np.float32)
        distances = np.zeros((len(pictures), len(centres), 4), np.float32)
        for index, pixels in enumerate(pictures.astype(np.uint8)):
            red = pixels[..., 0].astype(int) - pixels[..., 2] > 60
            if red.any():
                box = np.array(_reddish(pixels), np.float32)
                at = int(np.argmin(np.abs(centres - (box[:2] + box[2:]) / 2).max(axis=1)))
                scores[index, at] = 0.9
                distances[index, at] = np.concatenate([centres[at] - box[:2], box[2:] - centres[at]]) / strides[at]
        return scores, distances

    photo = np.full((200, 400, 3), 110, np.uint8)
    photo[80:120, 150:200] = COLOURS[0]
    settings = Settings(96, 96, Tiling(200, 70), strides=(8,))
    found = detect(predict, photo, settings)
    assert len(found) == 1
    assert found.xyxy[0].tolist() == pytest.approx([150, 80, 200, 120], abs=4)
