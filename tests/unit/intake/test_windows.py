"""Windows of a picture: what lies in the box, pixel for pixel, and grey beside it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from vm_worker.intake.arrays import Pixels
from vm_worker.intake.windows import window

PICTURE = np.random.default_rng(5).integers(0, 256, (7, 10, 3), dtype=np.uint8)
GREY = 114  # what detectors are usually trained with beside a picture
FAR = 20  # pixels of grey around a picture that boxes of tests do not leave
SLOPE = 4  # values from one pixel to the next


def _around(picture: Pixels) -> Pixels:
    """The picture with grey on each side."""
    return np.pad(picture, ((FAR, FAR), (FAR, FAR), (0, 0)), constant_values=GREY)


EDGES = st.integers(-FAR, FAR), st.integers(-FAR, FAR), st.integers(1, FAR), st.integers(1, FAR)


@settings(deadline=None, max_examples=60)
@given(*EDGES)
def test_a_box_of_whole_pixels_is_cut_as_it_is(left: int, top: int, width: int, height: int) -> None:
    width, height = min(width, 10 + FAR - left), min(height, 7 + FAR - top)
    expected = _around(PICTURE)[top + FAR : top + FAR + height, left + FAR : left + FAR + width]
    found = window(PICTURE, (left, top, left + width, top + height), (height, width))
    assert found.dtype == np.uint8 and (found == expected).all()


@pytest.mark.parametrize(
    "box",
    [(0, 0, 10, 7), (2, 1, 7, 6), (0.5, 0.25, 9.5, 6.75), (1.25, 2.5, 3.75, 4.25), (3.2, 3.2, 3.9, 3.8)],
)
@pytest.mark.parametrize("sides", [(7, 10), (21, 20), (2, 3), (1, 1)])
def test_a_box_within_the_picture_is_resized(box: tuple[float, float, float, float], sides: tuple[int, int]) -> None:
    x, y = int(box[0]), int(box[1])
    piece = Image.fromarray(PICTURE[y : int(np.ceil(box[3])), x : int(np.ceil(box[2]))])
    edges = (box[0] - x, box[1] - y, box[2] - x, box[3] - y)
    expected = piece.resize((sides[1], sides[0]), Image.Resampling.BILINEAR, box=edges)
    assert (window(PICTURE, box, sides) == np.asarray(expected)).all()


def _slopes(height: int, width: int) -> Pixels:
    """A picture whose values tell where each pixel lies: red by its column, green by its row."""
    down, right = np.mgrid[:height, :width]
    return np.stack([SLOPE * right, SLOPE * down, np.full_like(down, 200)], axis=2).astype(np.uint8)


def _expected(start: float, end: float, count: int, length: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The place in the picture of each of the window's pixels along a side, and whether all around it is picture."""
    step = (end - start) / count
    places = np.asarray(start + step * (np.arange(count) + 0.5), np.float64)
    return places, (places - max(step, 1) > 0.5) & (places + max(step, 1) < length - 0.5)


SIDES = st.integers(8, 40)
PLACES = st.floats(-15, 40)
LENGTHS = st.floats(12, 60)


@settings(deadline=None, max_examples=50)
@given(PLACES, PLACES, LENGTHS, LENGTHS, SIDES, SIDES)
def test_each_pixel_shows_its_place(
    left: float, top: float, width: float, height: float, rows: int, columns: int
) -> None:
    """Where the picture's edge lies within a pixel of the window, that pixel is all picture, or all grey."""
    found = window(_slopes(45, 60), (left, top, left + width, top + height), (rows, columns))
    x, across = _expected(left, left + width, columns, 60)
    y, down = _expected(top, top + height, rows, 45)
    # Half a pixel of the window, by which the edge may be moved; spread over the picture, it moves all that it shows.
    slack_x, slack_y = (2 + SLOPE * max(step, 1.0) for step in (width / columns, height / rows))
    for row in np.flatnonzero(down):
        for column in np.flatnonzero(across):
            red, green, blue = found[row, column].tolist()
            assert abs(red - SLOPE * (x[column] - 0.5)) <= slack_x
            assert abs(green - SLOPE * (y[row] - 0.5)) <= slack_y
            assert blue == 200
    outside_x = (x < -width / columns) | (x > 60 + width / columns)
    outside_y = (y < -height / rows) | (y > 45 + height / rows)
    assert (found[outside_y] == GREY).all() and (found[:, outside_x] == GREY).all()


@pytest.mark.parametrize(
    "box",
    [
        (10, 0, 20, 7), (0, 7, 10, 14), (-10, 0, 0, 7), (0, -7, 10, 0),  # side by side with the picture
        (30, 0, 40, 7), (0, 30, 10, 37), (-30, 0, -20, 7), (0, -30, 10, -20),
        (-1000, 0, 0.4, 7), (0, -1000, 10, 0.4), (9.6, 0, 1000, 7), (0, 6.6, 10, 1000),  # less than half a pixel of it
    ],
)  # fmt: skip
def test_a_box_beside_the_picture_is_grey(box: tuple[float, float, float, float]) -> None:
    grey = window(PICTURE, box, (4, 4))
    assert grey.shape == (4, 4, 3)
    assert (grey[:, 1:] == GREY).all() or (grey[1:] == GREY).all()
    assert (grey == GREY).all() or box[2] == 1000 or box[3] == 1000


@pytest.mark.parametrize("thin", ["across", "down"])
def test_a_picture_thinner_than_a_pixel_is_one_pixel(thin: str) -> None:
    line = np.full((1, 100, 3), 7, np.uint8)
    found = window(line, (0, -500, 100, 501), (11, 4)) if thin == "down" else window(
        line.transpose(1, 0, 2), (-500, 0, 501, 100), (4, 11)
    ).transpose(1, 0, 2)  # fmt: skip
    assert (found[5] == 7).all()
    assert (np.delete(found, 5, axis=0) == GREY).all()


def test_two_halves_of_a_pixel_are_no_pixel_more() -> None:
    """Half a pixel is rounded to an even number: both one and a half become two."""
    assert (window(PICTURE, (-1.5, 0, 1.5, 7), (7, 3))[:, :2] == GREY).all()
    assert (window(PICTURE, (0, -1.5, 10, 1.5), (3, 10))[:2] == GREY).all()
