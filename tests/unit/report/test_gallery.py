"""The report's photographs: which photos, in which order, and that no name and no fault stops them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.io import imread

from tests.unit.report import samples
from vm_worker.evaluation import gallery, insight
from vm_worker.evaluation.gallery import Judged
from vm_worker.results.evaluated import ConfusedPair


def judged(classes: tuple[str, ...] = ("cat", "dog", "owl"), wrong: int = 5) -> Judged:
    """30 photos, each of one grey; `wrong` of them, spread, taken for the next class, later ones less surely."""
    rows = np.arange(30, 60)
    labels = np.arange(30) % len(classes)
    said = labels.copy()
    said[: 3 * wrong : 3] = (said[: 3 * wrong : 3] + 1) % len(classes)
    probabilities = np.full((30, len(classes)), 0.01, np.float32)
    probabilities[np.arange(30), said] = np.linspace(0.99, 0.6, 30)
    pixels = np.repeat(np.arange(60, dtype=np.uint8), 8 * 8 * 3).reshape(60, 8, 8, 3) * 4
    return Judged(pixels, rows, labels, probabilities, classes, [f"{number}.jpg" for number in range(30)])


def test_the_surest_mistakes_come_first(tmp_path: Path) -> None:
    rows = gallery.mistakes(tmp_path / "mistakes.jpg", judged())
    assert [row.name for row in rows] == ["0.jpg", "3.jpg", "6.jpg", "9.jpg", "12.jpg"]
    assert (rows[0].truth, rows[0].said) == ("cat", "dog") and rows[0].probability == pytest.approx(0.99)
    picture = imread(tmp_path / "mistakes.jpg")
    assert picture.shape[1] == 1200
    assert abs(int(picture[60, 60, 0]) - 30 * 4) <= 3  # the first photo's own grey: row 30 of all photos
    assert (tmp_path / "mistakes.jpg").stat().st_size < 200_000


def test_without_mistakes_there_is_no_picture(tmp_path: Path) -> None:
    assert gallery.mistakes(tmp_path / "mistakes.jpg", judged(wrong=0)) == []
    assert gallery.pairs(tmp_path / "pairs.jpg", judged(wrong=0), []) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shown", [1, 4])
def test_pairs_are_drawn_for_one_and_for_many(tmp_path: Path, shown: int) -> None:
    pair = ConfusedPair("cat", "dog", 5, 10, 0.5)
    assert gallery.pairs(tmp_path / "pairs.jpg", judged(), [pair] * shown) == [pair] * shown
    assert imread(tmp_path / "pairs.jpg").shape[:2] == (324 * shown, 1200)


def test_right_ones_of_different_kinds_and_the_surest_mistakes_are_explained() -> None:
    one = judged()
    places = gallery.explained(one)
    assert [one.row(place).truth == one.row(place).said for place in places] == [True] * 3 + [False] * 3
    assert len({one.row(place).truth for place in places[:3]}) == 3


def test_the_map_is_a_spotlight(tmp_path: Path) -> None:
    maps = np.zeros((1, 2, 2), np.float32)
    maps[0, 0, 0] = 1.0  # only the upper left corner counts
    gallery.looked(tmp_path / "gradcam.jpg", judged(), [20], maps)
    picture = imread(tmp_path / "gradcam.jpg").astype(int)[..., 0]
    grey = 50 * 4
    assert abs(picture[100, 100] - grey) <= 4  # the photo
    assert abs(picture[15, 312] - grey) <= 20  # lit
    assert picture[250, 550] < grey * 0.4  # dark
    colours = imread(tmp_path / "gradcam.jpg").astype(int)
    line = (colours[..., 0] > 180) & (colours[..., 2] < 90)  # yellow, around the corner alone
    assert line[:200, 290:].sum() > 50 and line[:, :290].sum() == line[200:].sum() == 0


@pytest.mark.parametrize("classes", [samples.HOSTILE, samples.CJK + samples.WORLD], ids=["hostile", "world"])
def test_no_name_stops_a_picture(tmp_path: Path, classes: tuple[str, ...]) -> None:
    one = judged(classes)
    confused = [ConfusedPair(classes[0], classes[1], 1, 3, 1 / 3)]
    assert gallery.mistakes(tmp_path / "mistakes.jpg", one)
    assert gallery.pairs(tmp_path / "pairs.jpg", one, confused)


def test_a_picture_that_fails_is_left_out_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def get_layer(self, name: str) -> Any:
            raise ValueError("no such layer")

    with caplog.at_level(logging.ERROR):
        drawn = insight.draw(tmp_path, judged(), Broken(), [])
    assert list(drawn) == ["mistakes.jpg"]
    assert "gradcam.jpg could not be drawn" in caplog.text
