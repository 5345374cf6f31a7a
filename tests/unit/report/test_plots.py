"""Pictures for every number of classes and every name; a warning of matplotlib fails the test."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.report import samples
from vm_worker.evaluation import matrix, plots, style
from vm_worker.results.candidates import CurvePoint, LearningCurve


def size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG in pixels."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    return width, height


@pytest.mark.parametrize(
    "classes",
    [*map(samples.many, (2, 10, 50, 200)), samples.HOSTILE, samples.CJK + samples.WORLD],
    ids=["2", "10", "50", "200", "hostile", "world"],
)
def test_confusion_is_drawn_at_twice_the_width_of_a_mail(tmp_path: Path, classes: tuple[str, ...]) -> None:
    counts = np.eye(len(classes), dtype=int) * 9 + 1
    matrix.confusion(tmp_path / "confusion.png", counts.tolist(), classes)
    width, height = size(tmp_path / "confusion.png")
    assert width == 1200
    assert 600 <= height <= 1400


def test_a_class_without_test_photos_is_drawn(tmp_path: Path) -> None:
    matrix.confusion(tmp_path / "confusion.png", [[3, 0], [0, 0]], ("cat", "dog"))
    assert size(tmp_path / "confusion.png")[0] == 1200


def test_many_classes_without_a_mistake_are_drawn(tmp_path: Path) -> None:
    matrix.confusion(tmp_path / "confusion.png", (np.eye(40, dtype=int) * 3).tolist(), samples.many(40))
    assert size(tmp_path / "confusion.png")[0] == 1200


@pytest.mark.parametrize(
    ("curve", "drawn"), [(samples.CURVE, True), (LearningCurve((), "unknown", ""), False), (None, False)]
)
def test_the_learning_curve_is_drawn_where_it_was_measured(
    tmp_path: Path, curve: LearningCurve | None, drawn: bool
) -> None:
    facts = samples.facts()
    names = facts.sections.draw(replace(facts, select=replace(facts.select, learning_curve=curve)), tmp_path)
    assert sorted(names) == sorted(path.name for path in tmp_path.iterdir())
    assert ("learning.png" in names) == drawn
    assert not drawn or size(tmp_path / "learning.png")[0] == 880


def test_the_same_matrix_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        matrix.confusion(tmp_path / name, [[3, 1], [0, 4]], ("cat", "dog"))
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


CURVE = [*samples.facts().select.curve, *samples.facts().tune.curve]
UNMEASURED = [replace(point, accuracy=None, loss=None) for point in CURVE]


@pytest.mark.parametrize(
    "points",
    [
        CURVE,
        UNMEASURED,  # no training figures
        [point for point in CURVE if point.phase == "tune"],
        [point for point in CURVE if point.epoch == 1],  # a budget that ended after one epoch
        [replace(point, validation_accuracy=None, validation_loss=None) for point in UNMEASURED],
        [],
    ],
    ids=["all", "no-training", "tune-only", "one-epoch", "nothing-measured", "empty"],
)
def test_curves_are_drawn_whatever_was_measured(tmp_path: Path, points: list[CurvePoint]) -> None:
    plots.curves(tmp_path / "curves.png", points, "efficientnet_lite0")
    assert size(tmp_path / "curves.png") == (1200, 580)


def test_the_winner_is_what_stands_out() -> None:
    lines = plots._lines(CURVE, "accuracy")
    select = [line for line in lines if line.phase == "select"]
    chosen = plots._chosen(select, "mobilenet_v2")
    assert chosen is not None
    assert chosen.name == "mobilenet_v2"


def test_the_best_trial_speaks_for_tuning() -> None:
    def line(name: str, best: float) -> plots.Line:
        epochs = np.array([1.0, 2.0])
        return plots.Line("tune", name, epochs, epochs, np.array([np.nan, best]))

    chosen = plots._chosen([line("trial 1", 0.8), line("trial 2", 0.9), line("trial 3", float("nan"))], "lite0")
    assert chosen is not None
    assert chosen.name == "trial 2"


def test_labels_are_short_clean_and_drawable() -> None:
    labels = style.labels(("a" * 50, "pho\u202egpj", "\U000e0041\U000f1234", "owl"), 14)
    assert labels == ["aaaaaaaa...aaa", "phogpj", "no. 3", "owl"]


def test_chinese_japanese_and_korean_names_are_drawn_where_a_font_has_them() -> None:
    if not {"Noto Sans CJK SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei"} & set(style._families()):
        pytest.skip("no font of this machine has them")
    assert style.labels(samples.CJK, 20) == list(samples.CJK)


def test_right_and_wrong_differ_without_colour_vision() -> None:
    """In lightness too: a full right cell is far darker than any wrong one."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    right, wrong = (np.array(shade(1.0)[:3]) @ weights for shade in (style.RIGHT, style.WRONG))
    assert wrong - right > 0.15
