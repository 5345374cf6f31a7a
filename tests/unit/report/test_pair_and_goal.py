"""What the report says of a pair of networks, of a network at a larger side, and of a goal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.report import samples
from vm_worker import report
from vm_worker.results.candidates import PairRow
from vm_worker.tasks.classification.sections import ClassSections


def test_a_pair_is_named_with_what_it_costs_and_the_best_network_beside_it() -> None:
    facts = samples.facts()
    best = facts.select.best
    pair = PairRow("mobilenet", f"{best.title} and MobileNet", 0.9, 0.9, 0.31)
    select = replace(facts.select, pair=pair)
    built = report.build(replace(facts, select=select, tune=replace(facts.tune, better=False)))
    winner, (first, second, *others) = built["winner"], built["candidates"]
    assert (first["title"], first["state"]) == (pair.title, "chosen")
    assert (second["title"], second["state"]) == (best.title, "single")
    assert first["parameters"] == facts.evaluate.model.total != second["parameters"] == best.parameters
    assert all(row["state"] not in ("chosen", "single") for row in others)
    page = report.page(built, {})
    assert page.index(pair.title) < page.index("the best alone")
    assert winner["title"] == pair.title and winner["pair"]["partner"] == "mobilenet"
    assert f"it is right on 90.0 %, the best network alone, {best.title}, on " in winner["note"]
    assert "its cross-entropy is 0.310, that of the best network alone 0." in winner["note"]
    assert " MB instead of about " in winner["note"] and "objective balanced or small" in winner["note"]
    whole = report.build(replace(facts, select=select, tune=replace(facts.tune, better=True)))
    assert (whole["candidates"][0]["title"], whole["candidates"][0]["state"]) == (best.title, "chosen")
    tuned = whole["winner"]
    assert tuned["title"] == best.title and "pair" not in tuned and "mean of two" not in tuned["note"]


def test_a_mean_with_tuned_layers_is_told_with_what_it_costs() -> None:
    facts = samples.facts()
    tune = replace(facts.tune, better=True, share=0.5)
    built = report.build(replace(facts, tune=tune))
    note, first = built["winner"]["note"], built["candidates"][0]
    assert first["parameters"] == facts.evaluate.model.total != facts.select.best.parameters
    assert built["winner"]["mean"] and f"The upper layers of {facts.select.best.title} are there twice" in note
    assert " MB instead of about " in note and "objective balanced or small" in note
    assert "mean of a tuned network and the model selected" in report.page(built, {})
    pair = PairRow("mobilenet", f"{facts.select.best.title} and MobileNet", 0.9, 0.9, 0.31)
    both = report.build(replace(facts, tune=tune, select=replace(facts.select, pair=pair)))["winner"]
    assert both["title"] == pair.title and "the mean of two networks' answers" in both["note"]
    assert both["note"].count("MB instead of about") == 1 and "are there twice" in both["note"]


def test_the_command_asks_for_the_network_of_a_larger_side() -> None:
    facts = samples.facts()
    row = replace(facts.select.best, name="efficientnet_lite0_288")
    select = replace(facts.select, winner=row.name, candidates=(row,))
    command = report.build(replace(facts, select=select))["repeat"]["command"]
    assert "--candidates efficientnet_lite0 " in command


@pytest.mark.parametrize(("goal", "told"), [(None, False), (0.5, False), (0.999, True)])
def test_a_goal_that_was_not_reached_is_told(goal: float | None, told: bool) -> None:
    facts = samples.facts()
    job = replace(facts.job, options=replace(facts.job.options, goal=goal))
    built = report.build(replace(facts, job=job))
    assert any(text.startswith("The goal of 99.9 % was not reached: ") for text in built["cautions"]) is told
    assert (f"--goal {goal}" in built["repeat"]["command"]) == (goal is not None)


@pytest.mark.parametrize(
    ("goal", "found", "metric", "said"),
    [
        (0.95, 0.9, "accuracy", "The goal of 95 % was not reached: 90 % of the validation photos are right."),
        (0.95, 0.9496, "accuracy", "The goal of 95.00 % was not reached: 94.96 % of the validation photos are right."),
        (
            *(0.8, 0.7, "balanced_accuracy"),
            "The goal of 80 % was not reached: on average 70 % of each kind's validation photos are right.",
        ),
    ],
)
def test_a_goal_that_was_missed_by_little_is_told_with_figures_that_differ(
    goal: float, found: float, metric: str, said: str
) -> None:
    facts = samples.facts()
    job = replace(facts.job, options=replace(facts.job.options, goal=goal))
    tune = replace(facts.tune, validation_score=found, metric=metric)
    assert said in report.build(replace(facts, job=job, tune=tune))["cautions"]


class Boxes(ClassSections):
    """Sections of a task whose validation score is no share of photos."""

    task = "detection"


def test_a_goal_means_nothing_to_a_task_without_one() -> None:
    facts = samples.facts()
    job = replace(facts.job, options=replace(facts.job.options, goal=0.9))
    cautions = report.build(replace(facts, job=job, sections=Boxes()))["cautions"]
    assert cautions[0].startswith('"goal" had no effect: the task detection')
    assert not any(text.startswith("The goal of") for text in cautions)


@pytest.mark.parametrize(("crowding", "busy"), [(1.0, False), (4.24, True)])
def test_that_the_time_sufficed_for_some_photos_alone_is_told_first(crowding: float, busy: bool) -> None:
    facts = samples.facts()
    photos = sum(one.train + one.validation for one in facts.dataset.counts.values())
    assert not any("sufficed" in text for text in report.build(facts)["cautions"])
    some = replace(facts, select=replace(facts.select, learnt=128, crowding=crowding))
    said = report.build(some)["cautions"][0]
    assert said.startswith(f"The 20 minutes sufficed to learn from 128 of {photos:,} photos")
    assert ("work took 4.2 times as long" in said) == busy
    assert ("beside them work took 4.2 times as long as alone" in report.page(report.build(some), {})) == busy


@pytest.mark.parametrize(
    ("took", "crowding", "said"),
    [
        (1260.0, 4.24, ""),  # 105 %
        (
            *(1260.5, 4.24),
            "The job took 21 min, and not the 20 minutes that it was given, as beside other programs work took 4.2 "
            "times as long. What there was no time for was left out: with more minutes the model may be better.",
        ),
        (1500.0, 1.0, "The job took 25 min, and not the 20 minutes that it was given. What there was no time for was "),
    ],
)
def test_a_job_that_took_too_long_says_so_first(took: float, crowding: float, said: str) -> None:
    facts = samples.facts()
    late = replace(facts, seconds={"select": 200.0, "tune": took - 200.0})
    cautions = report.build(replace(late, select=replace(facts.select, crowding=crowding)))["cautions"]
    assert cautions[0].startswith(said) if said else not any("The job took" in text for text in cautions)
