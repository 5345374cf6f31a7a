"""Which trial is the best of them, and whether it is delivered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vm_worker.learn.judge.scores import Score
from vm_worker.learn.tune.messages import TrialResult
from vm_worker.learn.tune.recipe import Recipe
from vm_worker.learn.tune.trial_table import TrialTable, again, leads

RECIPE = Recipe("cut", epochs=4, rate=1e-3, batch=32)
HEAD = Score(0.88, 0.40, 0.030)
SURE = Score(0.87, 0.35, 0.020)  # the lowest error, and below the head
RIGHT = Score(0.90, 0.45, 0.025)
BOTH = Score(0.91, 0.35, 0.022)


def entered(folder: Path, *scores: Score, bar: Score = HEAD) -> TrialTable:
    board = TrialTable(bar)
    for number, score in enumerate(scores):
        weights = folder / f"{number}.weights.h5"
        weights.touch()
        result = TrialResult("ended", score, epochs=4, errors=(0.1,), points=(), pace=0.1, seconds=1.0)
        board.enter("bayesian", RECIPE, result, weights)
    return board


@pytest.mark.parametrize(
    ("scores", "best"),
    [((SURE, RIGHT), RIGHT), ((RIGHT, SURE), RIGHT), ((SURE, RIGHT, BOTH), BOTH), ((SURE, HEAD), SURE)],
    ids=["second", "first", "third", "none above the head"],
)
def test_a_trial_above_the_head_goes_before_those_that_are_not(
    scores: tuple[Score, ...], best: Score, tmp_path: Path
) -> None:
    board = entered(tmp_path, *scores)
    assert board.best is not None and board.best.score == best
    assert [path.name for path in tmp_path.iterdir()] == [board.best.weights.name]  # only its weights stay


@pytest.mark.parametrize(("kept", "goes_on"), [(4, True), (2, True), (1, False)])
def test_the_last_training_goes_on_from_a_trial_unless_its_best_came_early(
    kept: int, goes_on: bool, tmp_path: Path
) -> None:
    best = entered(tmp_path, RIGHT).best
    assert best is not None
    best = replace(best, result=replace(best.result, epochs=kept))
    assert best.start == (str(best.weights) if goes_on else "")
    assert ("trained on for 6 epochs" in again(best, 6)) is goes_on
    best.weights.unlink()
    assert best.start == "" and again(best, 6).endswith("added, for 6 epochs, as there was time")
    assert again(best, kept) == again()


def test_only_a_trial_above_the_head_is_going_to_be_trained_again(tmp_path: Path) -> None:
    assert entered(tmp_path).leader is None
    assert entered(tmp_path, SURE).leader is None
    board = entered(tmp_path, SURE, RIGHT)
    assert board.leader is not None and board.leader.score == RIGHT
    assert entered(tmp_path, SURE, bar=Score(0.5, 1.0)).leader is not None


def test_above_the_head_the_lowest_error_is_best(tmp_path: Path) -> None:
    board = entered(tmp_path, RIGHT, SURE, bar=Score(0.5, 1.0))
    assert board.best is not None and board.best.score == SURE


@pytest.mark.parametrize(
    ("trial", "viewed", "leading"),
    [
        (RIGHT, Score(0.87, 0.5, 0.010), True),  # the views brought nothing
        (RIGHT, Score(0.91, 0.3, 0.024), False),
        (RIGHT, Score(0.91, 0.3, 0.026), True),  # a photo more that it gets right, and yet less good
        (SURE, Score(0.87, 0.5, 0.040), False),  # the head stays
        (SURE, Score(0.91, 0.3, 0.040), False),
    ],
)
def test_what_is_delivered_is_above_the_head_and_has_the_lower_error(
    trial: Score, viewed: Score, leading: bool
) -> None:
    assert leads(trial, viewed, HEAD) is leading
