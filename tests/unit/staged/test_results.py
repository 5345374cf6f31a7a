"""The saving is told with the last stage alone and with all stages, and a worse accuracy as it is."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from vm_worker.staged import plot, text
from vm_worker.staged.results import Arm, Outcome, StageFacts, Training, columns, mean, pays_from, savings


def _row(repeat: int, arm: Arm, stage: int, minutes: float, right: int, processors: float = 2) -> Training:
    return Training(repeat, arm, stage, right / 200, right, 200, 0.9, 7, 2, minutes, processors * minutes)


def _rows(last: float = 1.0, right: int = 190) -> list[Training]:
    return [
        row
        for repeat in (1, 2)
        for row in (
            _row(repeat, Arm.STAGE, 1, 20.0, 100),
            _row(repeat, Arm.STAGE, 2, last * repeat, right),
            _row(repeat, Arm.CACHED, 2, 0.5, right),
            _row(repeat, Arm.SCRATCH, 2, 6.0, 180 + repeat),
        )
    ]


def _outcome(rows: list[Training], repeats: int = 2) -> Outcome:
    facts = ("photos.zip", "0" * 64, ("a", "b"), 10, 5, 200, False, ())
    stages = (
        StageFacts("things", *facts, (), True, 100, 100, 30, None),
        StageFacts("fruit", *facts, ("conv1", "conv2", "conv3", "conv4", "dense1"), True, 100, 20, 30, None),
    )
    return Outcome(
        "0.1", "A title", "alexnet_48", 48, 0, 32, 0.001, 5, repeats, 2, "a processor", 2, stages, tuple(rows),
        columns(rows), savings(rows),
    )  # fmt: skip


def test_the_papers_own_figures_pay_back_after_19_models() -> None:
    assert pays_from(1449.7 + 310, 8.53, 104.8) == 19


@pytest.mark.parametrize(
    ("earlier", "last", "scratch", "models"),
    [(0, 1, 2, 1), (10, 1, 2, 11), (10, 2, 2, None), (10, 3, 2, None), (9.5, 1, 2, 10)],
)
def test_all_stages_together_pay_from_the_first_model_for_which_they_take_less(
    earlier: float, last: float, scratch: float, models: int | None
) -> None:
    assert pays_from(earlier, last, scratch) == models
    if models is not None:
        assert earlier + models * last < models * scratch
        assert earlier + (models - 1) * last >= (models - 1) * scratch


def test_a_mean_has_students_interval() -> None:
    found = mean([1.0, 2.0, 3.0])
    assert found.mean == 2.0 and found.low is not None and found.high is not None
    # t(0.975, 2 degrees of freedom) = 4.3027, standard error = 1 / sqrt(3)
    assert found.high - 2 == pytest.approx(4.3027 / math.sqrt(3), abs=1e-3)
    assert 2 - found.low == pytest.approx(found.high - 2)
    assert mean([0.1, 0.9], 0, 1).low == 0 and mean([0.1, 0.9], 0, 1).high == 1
    assert mean([2.0]).low is None


def test_both_savings_are_those_of_the_rows() -> None:
    plain, cached = savings(_rows())
    assert (plain.arm, cached.arm) == (Arm.STAGE, Arm.CACHED)
    assert plain.times_faster == pytest.approx(4.0) and (plain.least, plain.most) == (3.0, 6.0)
    assert cached.times_faster == pytest.approx(12.0)
    assert (plain.earlier_minutes, plain.all_minutes) == (20.0, 21.5)
    assert plain.all_times_faster == pytest.approx(6 / 21.5) and plain.pays_from == 5
    assert plain.points.mean == pytest.approx(95 - (90.5 + 91) / 2)


def test_nothing_is_saved_without_a_comparison() -> None:
    rows = [row for row in _rows() if row.arm is not Arm.SCRATCH]
    assert savings(rows) == ()
    assert not any("from scratch" in line for line in text.lines(_outcome(rows)))


def test_the_text_tells_both_savings() -> None:
    said = " ".join(text.lines(_outcome(_rows())))
    assert "takes 1.500 min, from scratch 6.000 min: 4.0 times faster (3.0 to 6.0 times by repeat)" in said
    assert "4.2 points better than from scratch (95 %: +1.1 to +7.4)." in said
    assert "With the 20.0 min of all earlier stages, the first model takes 21.5 min: 3.6 times slower" in said
    assert "It pays from 5 models on." in said
    assert "5 layers, conv1 to dense1" in said


def test_the_text_tells_what_did_not_save() -> None:
    said = " ".join(text.lines(_outcome(_rows(last=8.0, right=150))))
    assert "2.0 times slower" in said and "points worse" in said
    assert "It never pays: each model takes longer than from scratch." in said


def test_a_busy_machine_is_told() -> None:
    rows = [_row(1, Arm.STAGE, 1, 3.0, 100, 0.2), _row(1, Arm.SCRATCH, 1, 3.0, 100, 0.4)]
    said = " ".join(text.lines(_outcome(rows, repeats=1)))
    assert "busy with other programs: the trainings had 0.3 processors" in said
    assert "It pays from" not in said and "It never pays" in said
    assert "busy" not in " ".join(text.lines(_outcome(_rows())))


@pytest.mark.parametrize(
    ("epochs", "said"), [(1, "1 epoch, 50.0 % of 200 test photos right"), (7, "0.500 min, 7 epochs, 50.0 % of 200")]
)
def test_a_training_is_told_in_a_line(epochs: int, said: str) -> None:
    assert said in text.training(replace(_row(1, Arm.STAGE, 1, 0.5, 100), epochs=epochs))


def test_one_repeat_claims_no_interval() -> None:
    said = " ".join(text.lines(_outcome([row for row in _rows() if row.repeat == 1], repeats=1)))
    assert "1 of 2 repeats" in said and "by repeat" not in said
    assert "; one repeat cannot tell this from chance" in said


@pytest.mark.parametrize("rows", [_rows(), _rows()[:3]])
def test_a_picture_is_drawn_of_every_result(tmp_path: Path, rows: list[Training]) -> None:
    path = tmp_path / "results.png"
    plot.draw(path, _outcome(rows))
    assert path.read_bytes().startswith(b"\x89PNG")
