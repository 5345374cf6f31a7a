"""Headline, cautions and next steps: honest, and in plain words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vm_worker.evaluation import advice
from vm_worker.evaluation.metrics import evaluate
from vm_worker.results.candidates import LearningCurve
from vm_worker.results.evaluated import HeldOutFigures, UnsureFigures
from vm_worker.results.intake import AlikeClass, DuplicateCounts, PartCounts, TakenIn


def figures(confusion: list[list[int]], classes: tuple[str, ...]) -> HeldOutFigures:
    """The figures of a test set with this confusion matrix."""
    counts = np.array(confusion)
    truth, said = (np.repeat(index.ravel(), counts.ravel()) for index in np.indices(counts.shape))
    return evaluate(np.eye(len(classes))[said], truth, classes)


def test_headline_says_what_for_how_many_and_how_sure() -> None:
    test = figures([[140, 10], [19, 156]], ("cat", "dog"))
    assert advice.headline(test, 2) == (
        "A model that tells 2 kinds apart: right on 91 % of 325 photos that it had never seen (87-94 %)"
    )


@pytest.mark.parametrize(
    ("correct", "shown"),
    [
        (20, "right on 100 % of 40 photos that it had never seen (91-100 %)"),
        (0, "right on 0 % of 40 photos that it had never seen (0-9 %), where guessing may do as well"),
    ],
)
def test_a_perfect_or_hopeless_score_keeps_its_interval(correct: int, shown: str) -> None:
    test = figures([[correct, 20 - correct], [20 - correct, correct]], ("cat", "dog"))
    assert advice.headline(test, 2).endswith(shown)


@pytest.mark.parametrize(
    ("confusion", "said"),
    [
        ([[15, 0], [1, 14]], "ready: right on 97 % of 30 new photos"),
        ([[14, 0], [1, 14]], "ready: right on 28 of 29 new photos"),
        ([[2, 0], [0, 2]], "ready: right on 4 of 4 new photos"),  # nothing better is possible
        ([[2, 0], [1, 1]], "not good enough yet: right on 3 of 4 new photos"),
        ([[3, 1], [0, 4]], "ready: right on 7 of 8 new photos"),
        ([[2, 2], [0, 4]], "not good enough yet: right on 6 of 8 new photos"),
        ([[2, 2], [1, 3]], "not good enough yet: right on 5 of 8 new photos"),
        ([[20, 0], [20, 0]], "not good enough yet: right on 50 % of 40 new photos"),
        ([[20, 0], [0, 0]], "not good enough yet: right on 20 of 20 new photos"),  # one class alone shows nothing
    ],
)
def test_the_subject_counts_few_photos_and_calls_chance_not_good_enough(confusion: list[list[int]], said: str) -> None:
    assert advice.subject(figures(confusion, ("cat", "dog"))) == f"Your model is {said}"


def test_a_model_that_guesses_is_not_told_to_be_used() -> None:
    test = figures([[2, 2], [1, 3]], ("cat", "dog"))
    assert advice.headline(test, 2) == (
        "Not good enough yet: a model of 2 kinds, right on 5 of 8 photos that it had never seen (31-86 %), "
        "where guessing may do as well"
    )
    assert advice.cautions(test)[0] == (
        "By this test the model cannot be told from one that looks at no photo and always names the most common "
        "class: that would be right on 50 % of the test photos. Do not rely on it yet."
    )
    told = UnsureFigures(0.73, 200, 0.81, 0.956, (0.9, 1.0), 7, 38, ())
    steps = advice.next_steps(test, unsure=told)
    assert steps[0].startswith("Look at some photos of each class")
    assert steps[-1].startswith("Send more photos of each class")
    assert not any("Download" in step or "less than" in step or "least well" in step for step in steps)


def test_a_small_test_set_is_warned_of_and_a_large_one_is_not() -> None:
    small = advice.cautions(figures([[20, 1], [1, 20]], ("cat", "dog")))
    assert small == [
        "The test set is small (42 photos): on more photos of the same kind the model may be right on anything "
        "from 84 % to 99 %."
    ]
    assert advice.cautions(figures([[90, 10], [10, 90]], ("cat", "dog"))) == []


def test_a_model_no_better_than_the_commonest_class_is_called_so() -> None:
    (sentence,) = advice.cautions(figures([[151, 2], [34, 13]], ("common", "rare")))
    assert "may be no better than always naming the most common class" in sentence
    assert "76 %" in sentence


def test_small_classes_of_a_large_test_set_are_named() -> None:
    (sentence,) = advice.cautions(figures([[80, 0, 0], [0, 80, 0], [0, 0, 3]], ("cat", "dog", "owl")))
    assert sentence == "1 class has fewer than 10 test photos (owl): their own figures are rough."


def test_next_steps_name_the_weak_class_and_the_confused_pair() -> None:
    steps = advice.next_steps(figures([[98, 2, 0], [30, 70, 0], [0, 0, 100]], ("cat", "dog", "owl")))
    assert any("finds dog least well (70 % of the photos of dog)" in step for step in steps)
    assert any("It took dog for cat 30 times in 100" in step for step in steps)


def test_next_steps_of_a_good_model_are_only_to_use_it() -> None:
    steps = advice.next_steps(figures([[99, 1], [1, 99]], ("cat", "dog")))
    assert len(steps) == 2
    assert steps[0].startswith("Download model.h5")
    assert "only these 2 kinds" in steps[1]


def test_a_model_that_is_weak_everywhere_wants_more_photos() -> None:
    steps = advice.next_steps(figures([[60, 40], [42, 58]], ("cat", "dog")))
    assert any(step.startswith("Send more photos of each class") for step in steps)


def test_only_the_three_weakest_classes_are_named() -> None:
    found = [2, 8, 4, 6, 20]
    matrix = [[count if row == column else 0 for column in range(5)] for row, count in enumerate(found)]
    for row, count in enumerate(found):
        matrix[row][4] += 20 - count
    (sentence,) = [step for step in advice.next_steps(figures(matrix, tuple("abcde"))) if "least well" in step]
    assert "finds a, c and d least well (10 % of the photos of a)" in sentence


def test_where_the_model_is_not_sure_a_person_should_look() -> None:
    test = figures([[90, 10], [10, 90]], ("cat", "dog"))
    told = UnsureFigures(0.73, 200, 0.81, 0.956, (0.9, 1.0), 7, 38, ())
    wanted = "Look for yourself where it is less than 73 % sure: on the other 81 % of the photos it is right on 96 %."
    assert wanted in advice.next_steps(test, unsure=told)
    for nothing in (None, replace(told, threshold=None)):
        assert not any("Look for yourself" in step for step in advice.next_steps(test, unsure=nothing))


RARE = ("defect", "ok")


@pytest.mark.parametrize(
    ("confusion", "said"),
    [
        ([[0, 2], [1, 79]], "not good enough yet: finds 49 % of each kind on average, right on 96 % of 82 new photos"),
        ([[1, 1], [5, 75]], "not good enough yet: finds 72 % of each kind on average, right on 93 % of 82 new photos"),
        ([[1, 1], [0, 80]], "ready: finds 75 % of each kind on average, right on 99 % of 82 new photos"),
        ([[2, 0], [3, 77]], "ready: finds 98 % of each kind on average, right on 96 % of 82 new photos"),
        ([[2, 0], [0, 12]], "ready: finds 100 % of each kind on average, right on 14 of 14 new photos"),
    ],
)
def test_of_unequal_classes_the_subject_has_both_figures(confusion: list[list[int]], said: str) -> None:
    assert advice.subject(figures(confusion, RARE), balanced=True) == f"Your model is {said}"


def test_of_unequal_classes_headline_and_cautions_count_each_class_alike() -> None:
    test = figures([[1, 1], [0, 80]], RARE)
    assert advice.headline(test, 2, balanced=True) == (
        "A model that tells 2 kinds apart: finds 75 % of each kind on average (55-95 %), right on 99 % of 82 photos "
        "that it had never seen"
    )
    common, small, few = advice.cautions(test, balanced=True)
    assert "always names the most common one would be right on 98 % of the test photos and find nothing else" in common
    assert "may find anything from 55 % to 95 % of each kind" in small
    assert few.startswith("1 class has fewer than 10 test photos (defect)")
    alarms = advice.cautions(figures([[2, 0], [15, 65]], RARE), balanced=True)
    assert "Of the 17 test photos that it called defect, 2 were." in alarms
    assert "Of the 6 test photos that it called defect, 1 was." in advice.cautions(
        figures([[1, 1], [5, 75]], RARE), balanced=True
    )
    blind = figures([[0, 2], [1, 79]], RARE)
    assert advice.cautions(blind, balanced=True)[0].endswith(
        "names classes by chance: that would find 50 % of each. Do not rely on it yet."
    )


def test_advice_for_unequal_classes_asks_for_the_rare_one_and_does_not_contradict_itself() -> None:
    hardly = LearningCurve((), "hardly", "More photos of the same kind would hardly help: ...")
    steps = advice.next_steps(figures([[1, 1], [2, 78]], RARE), hardly, balanced=True)
    wanted = "Send more photos of defect: only 2 photos were left to test the model on defect, which is too few to rely"
    assert any(step.startswith(wanted) for step in steps)
    assert not any("would help most" in step or "each class" in step for step in steps)
    steps = advice.next_steps(figures([[98, 2], [30, 70]], ("cat", "dog")), hardly)
    assert any(step.endswith("do their photos show the class clearly?") for step in steps)
    assert not any("would help most" in step for step in steps)


def taken_in(undivided: tuple[AlikeClass, ...] | None, fallback: tuple[AlikeClass, ...] = ()) -> TakenIn:
    """What intake says of 60 photos of cats and 60 of dogs."""
    counts = {"cat": PartCounts(36, 12, 12), "dog": PartCounts(36, 12, 12)}
    found = DuplicateCounts(0, 0, 0, fallback, undivided)
    return TakenIn(("cat", "dog"), 120, counts, (), 0, found, (), False, "", "")


def test_a_figure_of_divided_recordings_is_called_too_good_and_why() -> None:
    (sentence,) = advice.too_good(taken_in((AlikeClass(60, label="cat"), AlikeClass(30, label="dog"))))
    assert sentence.startswith(
        "The figure is too good: 90 photos of cat and dog look like frames of so few recordings that the same "
        "recording was learned from and tested."
    )
    assert "at least 3 recordings of each class" in sentence


def test_a_test_on_few_recordings_is_said_to_be_one() -> None:
    found = taken_in(None)
    few, many = (replace(found, duplicates=replace(found.duplicates, tested=tested)) for tested in (2, 12))
    (sentence,) = advice.too_good(few)
    assert sentence.startswith("The 24 test photos show only 2 recordings, as frames of one were kept")
    assert advice.too_good(many) == []


def test_a_class_that_looks_alike_is_asked_whether_it_is_one_recording() -> None:
    (sentence,) = advice.too_good(taken_in(None, (AlikeClass(45, label="cat"), AlikeClass(11, label="dog"))))
    assert sentence.startswith("Many photos of cat look much alike. If they are frames of few recordings")
    assert advice.too_good(taken_in(None)) == []
