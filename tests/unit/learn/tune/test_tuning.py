"""Tuning's own decisions, with a stub for training: what is tried, kept, committed, repeated, given up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.json_values import JsonObject
from tests.unit.learn.tune import stub_trials
from tests.unit.learn.tune.tuned import Ledger, asked, leaderboard, run
from vm_worker.executors import choice
from vm_worker.executors.local import LocalExecutor
from vm_worker.learn.progress_events import LearningProgress, LearningQuote
from vm_worker.learn.tune.tuning import TuneRequest, tune
from vm_worker.search.trial_runner import Committed

pytestmark = pytest.mark.usefixtures("stub")


def test_the_rule_comes_first_then_the_search(request_: TuneRequest) -> None:
    tuned = run(request_)
    kinds = [row.kind for row in tuned.trials]
    assert kinds == ["rule"] + ["genetic"] * 7 + ["views"]
    assert [row.number for row in tuned.trials] == list(range(1, 10))
    assert tuned.search.algorithm == "genetic" and tuned.search.trials == 8 and tuned.search.outcome


def test_the_best_trial_is_trained_once_more_and_kept(request_: TuneRequest) -> None:
    tuned = run(request_)
    kept = [row for row in tuned.trials if row.state == "kept"]
    best = max(row.validation_accuracy or 0.0 for row in tuned.trials)
    assert [row.validation_accuracy for row in kept] == [best] == [tuned.validation_accuracy]
    assert tuned.better and tuned.weights_path is not None and tuned.weights_path.read_text() == "final"
    (final,) = asked("final")
    assert stub_trials.error(final["training"]["recipe"]) == pytest.approx(1 - best, abs=1e-4)
    assert tuned.validation is not None and tuned.validation.shape == (12, 3)


def test_the_last_training_is_longer_where_time_is_left_and_says_so(request_: TuneRequest) -> None:
    for most, times in ((40, 3), (4, 1)):
        stub_trials.asked.clear()
        options = replace(request_.options, search="none", epochs=most, trials=None)
        tuned = run(replace(request_, options=options))
        (trial,), (final,) = asked("trial"), asked("final")
        kept = trial["recipe"]["epochs"]
        assert final["training"]["epochs"] == min(30, times * kept)
        note = next(row.note for row in tuned.trials if row.state == "kept")
        assert final["training"]["start"] == trial["weights"]
        assert note.endswith(
            f"then trained on for {final['training']['epochs']} epochs with the validation photos added"
        )


def test_the_same_seed_gives_the_same_leaderboard(request_: TuneRequest, tmp_path: Path) -> None:
    one, other = run(request_), run(replace(request_, folder=tmp_path / "other"))
    another = run(replace(request_, options=replace(request_.options, seed=1), folder=tmp_path / "another"))
    assert leaderboard(one) == leaderboard(other) != leaderboard(another)


@pytest.mark.parametrize("search", ["genetic", "bayesian", "random"])
def test_a_restarted_job_repeats_no_trial(search: str, request_: TuneRequest, tmp_path: Path) -> None:
    ledger = Ledger()
    options = replace(request_.options, search=search)
    first = run(replace(request_, options=options, committed=ledger.anew))
    assert len(ledger.kept) == 8
    stub_trials.asked.clear()
    again = run(replace(request_, options=options, committed=ledger.again, folder=tmp_path / "elsewhere"))
    assert not asked("trial") and leaderboard(again) == leaderboard(first)
    assert again.better and again.weights_path is not None and again.weights_path.read_text() == "final"
    assert asked("final")[-1]["training"]["start"] == ""  # the trial's weights were lost
    assert "trained once more in the same way" in next(row.note for row in again.trials if row.state == "kept")


def test_a_job_that_was_cut_off_goes_on_where_it_was(request_: TuneRequest, tmp_path: Path) -> None:
    ledger, whole = Ledger(), run(request_)
    run(replace(request_, options=replace(request_.options, trials=3), committed=ledger.anew, folder=tmp_path / "one"))
    stub_trials.asked.clear()
    rest = run(replace(request_, committed=ledger.again, folder=tmp_path / "two"))
    assert len(asked("trial")) == 5 and leaderboard(rest) == leaderboard(whole)


def test_an_adopted_result_counts_instead_of_ones_own(request_: TuneRequest) -> None:
    def adopt(key: str, seconds: float, result: JsonObject) -> JsonObject:
        return {**result, "score": {"accuracy": 0.77, "loss": 0.1, "error": 0.01}}

    tuned = run(replace(request_, options=replace(request_.options, trials=1), committed=Committed({}, adopt)))
    assert tuned.trials[0].validation_accuracy == 0.77 == tuned.validation_accuracy


def test_without_memory_the_batch_is_halved_until_it_fits(
    request_: TuneRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stub_trials, "memory", 4)
    tuned = run(replace(request_, options=replace(request_.options, trials=1)))
    batches = [task["recipe"]["batch"] for task in asked("trial")]
    assert batches == [16, 8, 4]
    assert tuned.trials[0].parameters["batch"] == 4
    assert asked("final")[0]["training"]["recipe"]["batch"] == 4


def test_what_never_fits_the_memory_is_skipped(request_: TuneRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stub_trials, "memory", 1)
    tuned = run(replace(request_, options=replace(request_.options, trials=1)))
    assert tuned.trials[0].state == "skipped" and "memory" in tuned.trials[0].note
    assert tuned.trials[-1].kind == "views" and tuned.trials[-1].state == "kept"


def test_a_trial_that_fails_does_not_end_the_job(request_: TuneRequest) -> None:
    stub_trials.broken.add("trial")
    tuned = run(replace(request_, options=replace(request_.options, trials=2)))
    assert "no such luck" in tuned.trials[0].note and tuned.trials[0].state == "skipped"
    assert tuned.trials[-1].state == "kept"


@pytest.mark.parametrize(
    ("late", "broken", "note"),
    [
        ("prepare", "", "did not end in time"),
        ("", "survey", "did not succeed"),
        ("", "prepare", "did not succeed"),
    ],
)
def test_without_activations_nothing_is_tuned(late: str, broken: str, note: str, request_: TuneRequest) -> None:
    stub_trials.late |= {late}
    stub_trials.broken |= {broken}
    tuned = run(request_)
    assert not tuned.better and tuned.trials[0].state == "skipped" and note in tuned.trials[0].note


def test_a_failed_last_training_leaves_the_trials_own_weights(request_: TuneRequest) -> None:
    stub_trials.late.add("final")
    tuned = run(request_)
    assert tuned.better and tuned.weights_path is not None and tuned.weights_path.read_text() == "weights"
    assert "then trained" not in next(row.note for row in tuned.trials if row.state == "kept")


def test_a_committed_winner_that_cannot_be_trained_again_is_left(request_: TuneRequest, tmp_path: Path) -> None:
    ledger = Ledger()
    run(replace(request_, committed=ledger.anew))
    stub_trials.late.add("final")
    tuned = run(replace(request_, committed=Committed(ledger.kept), folder=tmp_path / "elsewhere"))
    assert not tuned.better and tuned.weights_path is None
    assert tuned.validation_accuracy == stub_trials.head


@pytest.mark.parametrize(("paired", "share"), [(False, 0.5), (True, 0.25)])
def test_a_trial_from_a_head_of_all_depths_is_delivered_in_a_mean(
    paired: bool, share: float, request_: TuneRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger()
    plain = replace(request_, options=replace(request_.options, trials=1), committed=ledger.anew)
    assert run(plain).share is None
    start = replace(plain.chosen, unseen=plain.chosen.head, paired=paired)
    tuned = run(replace(plain, chosen=start, folder=tmp_path / "deep"))
    assert tuned.better and tuned.share == share
    assert len(ledger.kept) == 2  # another start has another key: neither finds the results of the other
    monkeypatch.setattr(stub_trials, "surely", False)
    stays = run(replace(plain, chosen=start, committed=Committed({}), folder=tmp_path / "views"))
    assert not stays.better and stays.share is None  # what chance may bring is not delivered
    trial, views = stays.trials
    assert "the model selected had 50.0 %: that may be chance, and the file" in trial.note
    assert views.state == "not_better" and views.note.endswith("had 50.0 %: that may be chance")


@pytest.mark.parametrize(("score", "reached"), [(0.9, True), (0.8, False)])
def test_what_reached_the_goal_is_not_tuned(score: float, reached: bool, request_: TuneRequest) -> None:
    chosen, options = replace(request_.chosen, score=score), replace(request_.options, trials=1, goal=0.9)
    tuned = run(replace(request_, chosen=chosen, options=options))
    assert bool(stub_trials.asked) != reached
    assert ("what was selected has reached the goal of 90.0 %" in tuned.trials[0].note) == reached


def test_a_trial_that_reaches_the_goal_ends_the_search_unless_chance_may_have_brought_it(
    request_: TuneRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = replace(request_, options=replace(request_.options, trials=3, goal=0.6))
    first = run(plain)
    assert [row.kind for row in first.trials] == ["rule", "views"]
    assert first.search.outcome == "the goal of 60.0 % is reached"
    monkeypatch.setattr(stub_trials, "surely", False)
    start = replace(plain.chosen, unseen=plain.chosen.head)
    assert len(run(replace(plain, chosen=start, folder=tmp_path / "deep")).trials) == 4  # and the head on views


def test_a_better_head_stays(request_: TuneRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stub_trials, "head", 0.99)
    monkeypatch.setattr(stub_trials, "gain", -0.01)
    tuned = run(request_)
    assert not tuned.better and tuned.weights_path is None
    assert all(row.state == "not_better" for row in tuned.trials)
    assert tuned.validation is not None


def test_only_the_best_trials_weights_stay_on_the_disk(request_: TuneRequest) -> None:
    stub_trials.late.add("final")
    run(request_)
    assert not list((request_.folder / "trials").glob("*.weights.h5"))


def test_progress_never_goes_back(request_: TuneRequest) -> None:
    events: list[LearningProgress | LearningQuote] = []
    tune(request_, events.append)
    told = [event for event in events if isinstance(event, LearningProgress)]
    fractions = [event.fraction for event in told]
    assert fractions == sorted(fractions) and all(0 <= fraction <= 1 for fraction in fractions)
    assert {point.name for event in told for point in event.curve or ()} == {"efficientnet_lite0"}


def test_with_time_trials_run_in_a_process_of_their_own(request_: TuneRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = replace(request_.policy, isolated_seconds=0.0)
    made: list[LocalExecutor] = []

    class Watched(LocalExecutor):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(choice, "LocalExecutor", Watched)
    tuned = run(replace(request_, options=replace(request_.options, trials=2), policy=policy))
    assert tuned.better and len(made) == 1 and not stub_trials.asked
    assert all(process.has_ended() for process in made[0]._all)
