"""What the report says of a search for a network: plain words, honest comparisons, a picture, every network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.mail.letters import report_mail
from tests.unit.report import designs, samples
from tests.unit.report.pages import Page
from vm_worker import report
from vm_worker.evaluation import designing
from vm_worker.results.candidates import CandidateRow
from vm_worker.results.designs import RANDOM, ContendersTested, Designed
from vm_worker.results.evaluated import Evaluated


def text(design: Designed, state: str = "evaluated") -> str:
    return report.page(report.build(designs.facts(design, state)), {})


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("same", "That is no measurable difference: chance alone moves such figures by 5 points or so."),
        ("better", "So the designed one is better than luck"),
        ("worse", "So the designed one is worse than luck"),
    ],
)
def test_designer_and_luck_are_compared_in_plain_words(verdict: str, said: str) -> None:
    page = text(designs.searched(verdict=verdict))
    assert said in page and "A network is a chain of small filters" in page
    assert "This job tried 36 networks in 21 minutes: 18 were put together at random, 18 by a designer" in page


def test_without_a_designer_nothing_is_compared() -> None:
    page = text(designs.searched(RANDOM))
    assert (
        "36 networks in 21 minutes, all of them put together at random" in page
        and "luck" not in page.split("grey band")[0]
    )
    pictures = {name: "data:" for name in (designing.TRIED, designing.MIND, designing.DRAWN)}
    shown = report.page(report.build(designs.facts(designs.searched(RANDOM))), pictures)
    assert "Each dot is a network" in shown and "blue" not in shown.split("Each dot")[1].split("</figcaption>")[0]


def test_a_search_that_tried_nothing_shows_nothing_of_it(tmp_path: Path) -> None:
    nothing = replace(designs.searched(), networks=(), best=None, comparison=None, seconds=0.0)
    page = text(nothing)
    assert "The time did not suffice to try a single one; with more minutes" in page
    assert "Each dot" not in page and "All 0 networks" not in page and "What the designer learnt" not in page
    assert designing.draw(nothing, 6, 60, tmp_path) == []
    assert "did not suffice to try a single one" in report_mail(report.build(designs.facts(nothing))).text


def test_a_search_that_judged_nothing_again_does_not_compare() -> None:
    said = "nothing tells whether the designer did better than luck"
    assert said in text(replace(designs.searched(), comparison=None))
    assert said not in text(designs.searched()) and said not in text(designs.searched(RANDOM))


def test_a_search_that_ended_before_the_designer_began_says_so() -> None:
    first = replace(designs.searched(), networks=designs.searched().networks[:1], best=1, comparison=None)
    said = "tried 1 network in 21 minutes, put together at random; the time ended before the designer had made one"
    assert said in text(first)
    assert "1 was put together at random, 1 by a designer" in text(
        replace(first, networks=designs.searched().networks[:2])
    )


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("chosen", "The best of all, made by the designer, was then"),
        ("chosen", "You get the network that was found here."),
        ("evaluated", "You do not get the network that was found here."),
        ("tied", "Between these two the validation photos show no measurable difference"),
    ],
)
def test_it_says_what_became_of_the_best_network(state: str, said: str) -> None:
    assert said in text(designs.searched(), state)


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        (
            ContendersTested(300, 181, 176, "MobileNet", "designed", 0.62),
            "the designed network got 181 right (60.3 %), MobileNet, the best of the ready-made ones, 176 right "
            "(58.7 %). That is no measurable difference: equally good ones differ so much, or more, in 62 of 100",
        ),
        (
            ContendersTested(300, 150, 176, "MobileNet", "pretrained", 0.03),
            "So the ready-made one is measurably better: equally good ones differ so much in 3 of 100 such tests. The "
            "designed one had learnt from the training photos alone",
        ),
        (
            ContendersTested(300, 190, 150, "MobileNet", "", 0.0001),
            "So the designed one is measurably better: equally good ones differ so much in less than one of 100",
        ),
    ],
)
def test_designed_and_ready_made_are_compared_on_the_test_photos(beside: ContendersTested, said: str) -> None:
    facts = designs.facts(designs.searched())
    assert isinstance(facts.evaluate, Evaluated)
    built = report.build(replace(facts, evaluate=replace(facts.evaluate, beside=beside)))
    mail = report_mail(built)
    for shown in (Page(report.page(built, {})).text, mail.text, Page(mail.html).text):
        assert "After the choice both answered the same 300 test photos, once each" in shown and said in shown
    assert built["design"]["beside"] == beside.to_json()
    assert ("photos alone" in built["design"]["tested"]) is (beside.delivered != "designed")
    assert "both answered the same" not in text(designs.searched())


def test_every_network_is_in_the_report_and_the_command_tries_as_many() -> None:
    design = designs.searched()
    facts = designs.facts(design)
    options = replace(facts.job.options, design="controller", architecture='["SOFTMAX"]')
    built = report.build(replace(facts, job=replace(facts.job, options=options)))
    assert [row["architecture"] for row in built["design"]["networks"]] == [row.architecture for row in design.networks]
    assert "--design controller --designs 36" in built["repeat"]["command"]
    assert "--architecture '[\"SOFTMAX\"]'" in built["repeat"]["command"]


def test_the_words_of_the_pictures_are_explained() -> None:
    pictures = {name: "data:" for name in (designing.TRIED, designing.MIND, designing.DRAWN)}
    design = designs.searched()
    page = Page(report.page(report.build(designs.facts(design)), pictures)).text
    assert design.values is not None
    for choice in {name for choices in design.values.values() for name in choices if not name.isdecimal()}:
        assert choice in page.split("What the designer learnt")[1].split("All 36 networks")[0]
    assert "An epoch is a pass over the photos" in page and "ReLU makes negative ones zero" in page


def test_pictures_are_drawn_of_what_there_is(tmp_path: Path) -> None:
    drawn = designing.draw(designs.searched(), 6, 60, tmp_path)
    assert drawn == [designing.TRIED, designing.MIND, designing.DRAWN]
    assert all((tmp_path / name).stat().st_size > 1000 for name in drawn)
    random = replace(designs.searched(), networks=designs.searched().networks[:1])  # nothing was learnt from it
    assert designing.MIND not in designing.draw(random, 6, 60, tmp_path)
    plain = replace(designs.searched("evolution"), best=None)
    assert designing.draw(plain, 6, 60, tmp_path) == [designing.TRIED]
    assert designing.draw(replace(plain, networks=()), 6, 60, tmp_path) == []
    unknown = designs.searched()
    rows = tuple(replace(row, architecture='["NEW", "SOFTMAX"]') for row in unknown.networks)
    assert designing.DRAWN not in designing.draw(replace(unknown, networks=rows), 6, 60, tmp_path)


def test_the_band_of_luck_rises_to_the_best() -> None:
    mean, low, high = designing.luck(np.array([1.0, 5.0, 3.0]))
    assert mean[0] == pytest.approx(3.0, abs=0.15) and (mean[-1], low[-1], high[-1]) == (5, 5, 5)
    assert (low <= mean).all() and (mean <= high).all()


@pytest.mark.parametrize(
    ("small", "searched", "advised"),
    [(0.88, False, True), (0.86, False, False), (0.95, False, True), (0.88, True, False)],
)
def test_a_design_is_proposed_where_small_networks_come_near(small: float, searched: bool, advised: bool) -> None:
    best = replace(samples.facts().select.best, validation_score=0.90)
    row = CandidateRow("scratch_alexnet_25", "AlexNet", small, None, 1.0, 1, 1.0, "evaluated", "")
    assert bool(designing.suggestion([best, row], searched)) is advised
    assert designing.suggestion([best], False) == "" == designing.suggestion([row], False)
