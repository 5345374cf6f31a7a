"""Marks are placed in the upright photo at its true size, whatever the labeller saw."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.detection.label_zips import jpeg
from vm_worker.intake.extents import Shape
from vm_worker.intake.images import read_measured, read_upright
from vm_worker.tasks.detection.annotations.drawn import DrawnBox, DrawnPhoto, Mend, told
from vm_worker.tasks.detection.annotations.placing import Placed, place

CLASSES = {"cat": 0}


def placed(*boxes: DrawnBox, shape: Shape, size: tuple[int, int] | None = None, relative: bool = False) -> Placed:
    return place(DrawnPhoto(("a.json",), "a.jpg", boxes, size, relative), "a.jpg", shape, CLASSES)


def cat(left: float, top: float, right: float, bottom: float, outline: tuple[float, ...] = ()) -> DrawnBox:
    return DrawnBox("cat", (left, top, right, bottom), (outline,) if outline else ())


@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8, 0, 9])
def test_a_box_on_the_photo_as_it_lies_is_turned_with_it(orientation: int) -> None:
    """The box around a bright square on the stored pixels is found on the upright pixels, for every orientation."""
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[8:24, 16:40] = 255
    data = jpeg(pixels, orientation)
    (_, shape), upright = read_measured(data, (32,)), read_upright(data)
    assert Shape(*shape).upright == upright.shape[1::-1]
    one = placed(cat(16, 8, 40, 24), shape=Shape(*shape), size=(96, 64))
    rows, columns = np.nonzero(upright[:, :, 0] > 128)
    if orientation in (2, 3, 4):  # the size cannot tell: most tools show photos upright
        assert not one.turned
    else:
        found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_allclose(one.photo.boxes.xyxy[0], found, atol=1.01)
        assert one.turned == (orientation in (5, 6, 7, 8))


def test_a_declared_size_that_fits_the_upright_photo_turns_nothing() -> None:
    one = placed(cat(1, 2, 11, 22), shape=Shape(96, 64, 6), size=(64, 96))
    assert not one.turned and one.photo.boxes.xyxy.tolist() == [[1, 2, 11, 22]]
    assert (one.photo.width, one.photo.height) == (64, 96)


def test_shares_are_of_the_upright_photo_and_rounding_is_cut_silently() -> None:
    one = placed(cat(0.5, -0.0004, 1.0004, 0.5), shape=Shape(96, 64), relative=True)
    assert one.photo.boxes.xyxy.tolist() == [[48, 0, 96, 32]] and one.mended == {}


def test_labels_of_a_smaller_copy_are_scaled() -> None:
    one = placed(cat(10, 10, 20, 20, (10, 10, 20, 10, 20, 20)), shape=Shape(96, 64), size=(48, 32))
    assert one.photo.boxes.xyxy.tolist() == [[20, 20, 40, 40]] and one.scaled and not one.stretched
    assert one.photo.boxes.polygons[0][0].tolist() == [[20, 20], [40, 20], [40, 40]]
    assert placed(cat(10, 10, 20, 20), shape=Shape(96, 64), size=(50, 50)).stretched


def test_what_cannot_be_a_box_is_left_out_and_counted() -> None:
    boxes = [cat(5, 5, 5, 9), cat(200, 5, 220, 9), cat(-9, 5, 20, 9), cat(1, 1, 9, 9), cat(1, 1, 9, 9)]
    one = placed(*boxes, shape=Shape(96, 64))
    assert one.mended == {Mend.EMPTY: 1, Mend.OUTSIDE: 1, Mend.CLIPPED: 1, Mend.DOUBLED: 1}
    assert one.photo.boxes.xyxy.tolist() == [[0, 5, 20, 9], [1, 1, 9, 9]]
    assert told(one.mended)[0] == "1 box reached over the edge of the photo and was cut there."
    assert told({Mend.CROWD: 2}) == ["2 boxes around crowds were left out."]


def test_corners_in_any_order_make_a_box() -> None:
    assert placed(cat(20, 30, 10, 5), shape=Shape(96, 64)).photo.boxes.xyxy.tolist() == [[10, 5, 20, 30]]
