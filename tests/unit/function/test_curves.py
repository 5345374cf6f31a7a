"""The drawing of a running job's accuracy."""

from __future__ import annotations

import pytest

from function.curves import HEIGHT, LEFT, PAD, WIDTH, GridLine, chart
from jobs.shown import PointShown


def _row(validation: float | None, training: float | None = 0.9) -> PointShown:
    return PointShown.from_json(
        {"phase": "select", "epoch": 1, "accuracy": training, "validation_accuracy": validation}
    )


@pytest.mark.parametrize("rows", [[], [_row(0.5)], [_row(0.5), _row(None)]])
def test_one_epoch_is_no_line(rows: list[PointShown]) -> None:
    assert chart(rows) is None


def test_the_lines_go_from_the_first_epoch_to_the_last_and_the_top_is_all_right() -> None:
    drawn = chart([_row(0.5, 0.25), _row(0.75, 0.5), _row(1.0, 1.0)])
    assert drawn is not None
    validation = next(line for line in drawn.lines if line.name == "validation")
    points = [tuple(map(float, point.split(","))) for point in validation.points.split()]
    assert [x for x, _ in points] == pytest.approx([LEFT, (LEFT + WIDTH - PAD) / 2, WIDTH - PAD], abs=0.1)
    assert points[-1][1] == PAD and points[0][1] > points[1][1] > points[2][1]
    assert drawn.grid[-1] == GridLine(float(PAD), "100 %")
    assert drawn.grid[0].y == HEIGHT - PAD
    assert "after 3 epochs 100.0 % of them are right" in drawn.words


@pytest.mark.parametrize(
    ("least", "lowest", "lines"),
    [(0.96, "95 %", 2), (0.81, "80 %", 5), (0.62, "60 %", 5), (0.31, "25 %", 4), (0.0, "0 %", 5)],
)
def test_the_grid_is_as_fine_as_the_values_need(least: float, lowest: str, lines: int) -> None:
    drawn = chart([_row(least, 0.99), _row(0.99, 0.99)])
    assert drawn is not None
    assert drawn.grid[0].words == lowest and len(drawn.grid) == lines


def test_a_missing_figure_leaves_a_gap_and_not_a_zero() -> None:
    drawn = chart([_row(0.5, None), _row(0.6, 0.7), _row(0.7, None)])
    assert drawn is not None
    training = next(line for line in drawn.lines if line.name == "training")
    assert len(training.points.split()) == 1


def test_another_metric_is_called_by_its_name() -> None:
    points = [PointShown(epoch=epoch, validation_score=0.4 + epoch / 10, metric="mean_precision") for epoch in (1, 2)]
    drawn = chart(points)
    assert drawn is not None
    assert drawn.words == "after 2 epochs their mean precision is 60.0 %"
