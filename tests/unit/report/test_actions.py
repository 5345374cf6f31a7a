"""What a reader may do next: three things at most, the most useful first, each with a button that leads somewhere."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.report import samples
from tests.unit.report.test_advice import figures
from vm_worker import report
from vm_worker.evaluation.actions import DOUBTS, MOST, SEND, SURE, TRY, actions
from vm_worker.results.candidates import LearningCurve
from vm_worker.results.evaluated import UnsureFigures

UNSURE = UnsureFigures(0.7, 100, 0.9, 0.99, (0.9, 1.0), 2, 10, ())
SURE_MODEL = [[99, 1], [1, 99]]


def targets(*given: object, **more: object) -> list[object]:
    """Where the buttons lead."""
    return [row["target"] for row in actions(*given, **more)]  # type: ignore[arg-type]


def test_of_a_good_model_it_is_to_try_it() -> None:
    assert targets(figures(SURE_MODEL, ("cat", "dog"))) == [TRY]


def test_photos_in_wrong_folders_come_first_and_three_are_the_most() -> None:
    test = figures([[98, 2], [30, 70]], ("cat", "dog"))
    assert targets(test, samples.CURVE, 4, UNSURE) == [DOUBTS, SEND, SURE]
    rows = actions(test, samples.CURVE, 4, UNSURE)
    assert len(rows) == MOST and "4 photos look much more like another kind" in str(rows[0]["text"])
    assert "more photos of dog" in str(rows[1]["text"])


def test_where_a_pair_is_confused_its_photos_are_to_be_looked_at() -> None:
    rows = actions(figures([[98, 2], [30, 70]], ("cat", "dog")))
    assert "It took dog for cat 30 times" in str(rows[0]["text"])


def test_a_model_that_guesses_is_not_to_be_tried() -> None:
    test = figures([[5, 5], [5, 5]], ("cat", "dog"))
    assert targets(test, None, None, UNSURE) == [DOUBTS, SEND]


def test_a_model_that_guesses_promises_nothing_of_more_photos_unless_its_curve_rises() -> None:
    test = figures([[5, 5], [5, 5]], ("cat", "dog"))
    for curve in (None, replace(samples.CURVE, verdict="unknown"), replace(samples.CURVE, verdict="hardly")):
        (row,) = [one for one in actions(test, curve) if one["target"] == SEND]
        assert "If you can tell the kinds apart" in str(row["text"])
    (row,) = [one for one in actions(test, replace(samples.CURVE, verdict="yes")) if one["target"] == SEND]
    assert "probably be right more often" in str(row["text"])


def test_more_photos_are_asked_for_where_they_would_help_alone() -> None:
    test = figures(SURE_MODEL, ("cat", "dog"))
    assert SEND in targets(test, samples.CURVE)
    hardly: LearningCurve = replace(samples.CURVE, verdict="hardly")
    assert SEND not in targets(test, hardly)
    assert "few to judge" in str(actions(figures([[9, 0], [0, 9]], ("cat", "dog")))[0]["text"])


def test_a_report_as_a_file_leads_to_the_page_beside_it() -> None:
    built = report.build(samples.facts())
    plain, whole = (report.page(one, {}) for one in (built, {**built, "try_page": {"bytes": 19_000_000}}))
    assert "try.html" not in plain
    first, second = whole.index('<a class="button" href="try.html">Try your model'), whole.index("Download model.h5")
    assert first < second and whole.count("try.html") == 2
    assert '<a class="button second" href="model.h5"' in whole and '<a class="button" href="model.h5"' in plain
