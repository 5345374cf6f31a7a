"""What ends the search, and what is tried where time is short; with a stub for training."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from jobs.options import Options
from tests.unit.learn.tune import stub_trials
from tests.unit.learn.tune.tuned import Ledger, asked, leaderboard, run
from vm_worker.learn.budget import Budget
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.tune.fine_tuning import space
from vm_worker.learn.tune.recipe import Recipe
from vm_worker.learn.tune.timetable import Timetable
from vm_worker.learn.tune.tuning import TuneRequest
from vm_worker.search.loop import EndPolicy
from vm_worker.search.space import Choice

pytestmark = pytest.mark.usefixtures("stub")


def test_the_search_ends_after_trials_without_gain(request_: TuneRequest) -> None:
    policy = replace(request_.policy, ending=EndPolicy(patience=6))
    tuned = run(replace(request_, options=replace(request_.options, trials=None), policy=policy))
    errors = [1 - (row.validation_accuracy or 0.0) for row in tuned.trials if row.kind != "views"]
    assert min(errors) == min(errors[:-6]) and "nothing better" in tuned.search.outcome


def test_none_is_the_rule_alone(request_: TuneRequest) -> None:
    tuned = run(replace(request_, options=Options(search="none")))
    assert [row.kind for row in tuned.trials] == ["rule", "views"]


def test_no_trials_were_asked_for(request_: TuneRequest) -> None:
    tuned = run(replace(request_, options=Options(trials=0)))
    assert not tuned.better and not stub_trials.asked and tuned.trials[0].state == "skipped"


def test_no_time_means_nothing_is_started(request_: TuneRequest) -> None:
    for seconds, note in ((0.5, "no trial fits into the 0."), (-1.0, "no time was left")):
        tuned = run(replace(request_, budget=Budget.of(seconds)))
        assert not asked("prepare") and tuned.trials[0].note.startswith(note)


def test_trials_that_do_not_fit_the_time_are_left_out(request_: TuneRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stub_trials, "delay", 1.5)
    tuned = run(replace(request_, budget=Budget.of(8.7)))  # a trial needs 7.5 s with the training after it
    assert [row.kind for row in tuned.trials] == ["rule", "views"]
    assert "fitted the time" in tuned.search.outcome


def test_the_search_begins_with_the_rule_and_its_neighbours(request_: TuneRequest) -> None:
    run(replace(request_, options=Options(search="bayesian", trials=3)))
    rule, deeper, mixed = (task["recipe"] for task in asked("trial"))
    assert deeper["cut"] == "image" and deeper["rate"] == pytest.approx(rule["rate"] / 2, rel=0.01)
    assert mixed == {**rule, "augmentation": "mixed views"}


def test_a_solved_problem_ends_the_search(request_: TuneRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stub_trials, "error", lambda recipe: 1e-5)
    tuned = run(request_)
    assert [row.kind for row in tuned.trials] == ["rule", "views"]
    assert "nothing to gain" in tuned.search.outcome


def test_where_time_is_short_a_suggestion_is_tried_with_fewer_epochs(
    request_: TuneRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(self: Timetable, recipe: Recipe, best: Recipe | None) -> bool:
        return recipe.epochs <= 9

    monkeypatch.setattr(Timetable, "fits_trial", short)
    ledger = Ledger()
    tuned = run(replace(request_, committed=ledger.anew))
    epochs = [cast(int, row.parameters["epochs"]) for row in tuned.trials if row.kind == "genetic"]
    assert epochs and max(epochs) == 9
    suggested = {cast(int, result["suggested"]) for result in ledger.kept.values()}
    assert max(suggested) > 9  # so that it is found again
    stub_trials.asked.clear()
    again = run(replace(request_, committed=ledger.again))
    assert not asked("trial") and leaderboard(again) == leaderboard(tuned)


@pytest.mark.parametrize(
    ("rule", "most", "choices"), [(8, 40, (4, 8, 12, 20)), (3, 40, (1, 3, 4, 7)), (12, 15, (6, 12, 15)), (1, 1, (1,))]
)
def test_a_search_draws_epochs_around_the_rules(rule: int, most: int, choices: tuple[int, ...]) -> None:
    dimensions = space(CATALOGUE["efficientnet_lite0"], rule, most).dimensions
    (epochs,) = (one for one in dimensions if one.name == "epochs")
    assert isinstance(epochs, Choice) and epochs.values == choices
