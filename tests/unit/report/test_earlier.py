"""What a report says of the earlier model: what continuing was worth, and plainly when it was no help."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jobs.options import Options
from tests.unit.mail.letters import report_mail
from tests.unit.report import samples
from tests.unit.report.pages import Page
from vm_worker import report
from vm_worker.report_facts import Facts
from vm_worker.results.candidates import Continued, ContinuedRow, FromScratch
from vm_worker.results.earlier import EarlierModel, OfferedRow, Version
from vm_worker.results.evaluated import Evaluated, SameTests
from vm_worker.results.intake import EarlierCounts

ROWS = (
    ContinuedRow("earlier", "EfficientNet-Lite0", 0.91, (0.87, 0.94), 61.0),
    ContinuedRow("untouched", "EfficientNet-Lite0", 0.87, (0.82, 0.91), None),
    ContinuedRow("imagenet", "EfficientNet-Lite0", 0.84, (0.79, 0.88), 58.0),
)
HELPED = Continued(240, "accuracy", ROWS, 0.004, True)
REFUSED = Continued(240, "accuracy", (replace(ROWS[0], score=0.62), ROWS[2]), 0.3, False)
CONTINUES, FEW = EarlierCounts(220, 120, 400, "continues"), EarlierCounts(12, 120, 400, "same_test")
CHAIN = (Version("12345678", "2026-05-03"), Version("abcdefgh", "2026-04-02"))
MODEL = EarlierModel("classification", "efficientnet_lite0", 224, True, samples.WASTE, CHAIN)


def facts(
    counts: EarlierCounts | None = CONTINUES,
    continued: Continued | None = HELPED,
    same: SameTests | None = None,
    lost: str = "",
) -> Facts:
    """A job that was to continue from an earlier one."""
    plain = samples.facts()
    assert isinstance(plain.evaluate, Evaluated)
    return replace(
        plain,
        job=replace(plain.job, options=Options(minutes=20, base=("abcdefgh",))),
        dataset=replace(plain.dataset, earlier=counts),
        select=replace(plain.select, continued=continued),
        evaluate=replace(plain.evaluate, same_tests=same, continuing=MODEL),
        lost_base=lost,
    )


def everywhere(built: dict[str, Any]) -> list[str]:
    """The report as page, mail and model card."""
    mail = report_mail(built)
    return [Page(report.page(built, {})).text, mail.text, Page(mail.html).text, report.card(built)]


def test_continuing_is_compared_with_all_other_ways() -> None:
    built = report.build(facts(same=SameTests(120, 104, 109, 0.3)))
    assert built["earlier"]["used"] and built["earlier"]["p"] == 0.004
    page, text, html, card = everywhere(built)
    for shown in (page, text, html):
        assert "This model continues from your earlier one" in shown
        assert "240 photos" in shown and "chance hardly makes such a difference" in shown
        assert "your earlier model, untouched" in shown and "started from ImageNet" in shown
        assert "With 220 new photos, on the 120 photos that both models were tested on: 87 % → 91 % right" in shown
        assert "may be chance" in shown
    for shown in (page, card):
        assert "2026-05-03 (job 12345678), which continues from that of 2026-04-02 (job abcdefgh)" in shown
    assert "--base LINK-OF-abcdefgh" in built["repeat"]["command"]
    assert not any("earlier" in sentence for sentence in built["cautions"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (facts(continued=REFUSED), "Your earlier model was no help here, so this one starts from ImageNet"),
        (facts(FEW, None), "12 are new"),
        (facts(CONTINUES, None), "its head for other classes"),
        (facts(None, None, lost="deleted"), "The earlier model was deleted before"),
        (facts(None, None, lost="damaged"), "are not as they were stored"),
    ],
    ids=["no help", "too few", "other classes", "deleted", "damaged"],
)
def test_an_earlier_model_that_was_not_used_is_told_at_the_top_with_the_reason(given: Facts, words: str) -> None:
    built = report.build(given)
    assert not built["earlier"]["used"]
    assert any(words in sentence for sentence in built["cautions"])
    for shown in everywhere(built)[:3]:
        assert words in shown


@pytest.mark.parametrize(("counts", "added"), [(None, False), (CONTINUES, True)])
def test_photos_that_could_not_be_added_are_told_of(counts: EarlierCounts | None, added: bool) -> None:
    given = facts(counts, None, lost="deleted")
    built = report.build(replace(given, job=replace(given.job, options=replace(given.job.options, add=True))))
    assert any("could not be added" in sentence for sentence in built["cautions"]) is not added


def test_a_model_that_was_used_and_deleted_meanwhile_is_told_of_as_used() -> None:
    built = report.build(facts(lost="deleted"))
    assert built["earlier"]["used"]
    for shown in everywhere(built)[:3]:
        assert "The earlier job was deleted while this model was made" in shown
    assert "while this model was made" not in " ".join(
        report.build(facts(continued=REFUSED, lost="deleted"))["cautions"]
    )
    assert not any("deleted" in sentence for sentence in built["cautions"])


def test_a_job_of_its_own_says_nothing_of_it() -> None:
    built = report.build(samples.facts())
    assert "earlier" not in built and "chain" not in built
    assert "earlier model" not in " ".join(everywhere(built)[:3])
    assert "--base" not in built["repeat"]["command"]


def left_out(given: Facts, **changes: Any) -> Facts:
    """The same job, whose other networks were left out as there was no time."""
    row = replace(given.select.candidates[0], state="dropped", note="left out: there was no time left")
    return replace(given, select=replace(given.select, candidates=(row,), **changes))


@pytest.mark.parametrize(("seconds", "minutes"), [(61.0, 22), (10.0, 21)])
def test_where_nothing_was_compared_that_is_told_at_the_top_with_what_to_do(seconds: float, minutes: int) -> None:
    alone = Continued(240, "accuracy", (replace(ROWS[0], seconds=seconds), ROWS[1]), None, True)
    built = report.build(left_out(facts(continued=alone)))
    words = (
        "This model continues from your earlier one, but nothing was compared "
        "(EfficientNet-Lite0 was left out: there was no time left): whether continuing helps is not known. "
        f"Send the photos again with more time to have both compared: minutes={minutes}."
    )
    assert built["earlier"]["sentences"] == [words] == built["cautions"][:1]
    assert all(words in shown for shown in everywhere(built)[:3])


def test_a_machine_without_another_network_is_named_as_the_reason() -> None:
    given = facts(continued=Continued(240, "accuracy", ROWS[:1], None, True))
    alone = [row for row in given.select.candidates if row.name == given.select.winner]
    told = report.build(replace(given, select=replace(given.select, candidates=tuple(alone))))["cautions"][0]
    assert "(no other network has weights on this machine)" in told and "minutes=" not in told


def test_another_network_that_was_judged_on_other_photos_is_not_called_better() -> None:
    told = report.build(left_out(facts(continued=Continued(9, "accuracy", ROWS[:1], None, False))))["cautions"][0]
    assert told.startswith("This model starts from ImageNet, but your earlier one was not compared with it")


FIRST = OfferedRow("abcdefgh", 1, True, "compared", "2026-05-03", 400, 0.9712, 2.53)
SECOND = OfferedRow("ijklmnop", 2, False, "compared", "2026-04-02", 1624, 0.303, 0.97)
GONE = OfferedRow("ijklmnop", 2, False, "deleted", "", None, None, None)


def offering(*rows: OfferedRow, **changes: Any) -> Facts:
    """The same job, which could choose among several models."""
    given = facts(**changes)
    options = replace(given.job.options, base=tuple(row.job for row in rows))
    return replace(given, job=replace(given.job, options=options), dataset=replace(given.dataset, offered=rows))


def test_of_several_models_the_choice_is_told_with_what_was_predicted_and_what_it_came_to() -> None:
    built = report.build(offering(SECOND, FIRST))
    words = (
        "Of your 2 earlier models the one of 3 May 2026 (abcdefgh) looks most like these photos: its 400 photos and "
        "these are 97 % alike, so this job tried to continue from it. The other was not tried, so that what it would "
        "have given is not known."
    )
    page, text, html, _ = everywhere(built)
    for shown in (page, text, html):
        assert words in shown
    assert [(row["job"], row["actual"]) for row in built["earlier"]["offered"]] == [
        ("abcdefgh", 0.91),
        ("ijklmnop", None),
    ]
    assert "1. 3 May 2026 (job abcdefgh), chosen" in page and "2. 2 April 2026 (job ijklmnop)" in page
    assert "97 %" in page and "30 %" in page and "2.53" in page and "not tried" in page
    assert "ImageNet, to compare" in page and "YOUR EARLIER MODELS" in text
    assert "--base LINK-OF-ijklmnop --base LINK-OF-abcdefgh" in built["repeat"]["command"]
    assert not any("earlier" in sentence for sentence in built["cautions"])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ((FIRST, GONE), "Of ijklmnop: it was deleted before this job could learn from it."),
        ((FIRST, replace(SECOND, state="not_compared")), "Of ijklmnop: it keeps nothing to compare its photos by."),
        ((replace(FIRST, similarity=0.2), SECOND), "promises most, as it learnt from far more"),
        (
            (replace(FIRST, similarity=0.2), replace(SECOND, state="nothing_to_give")),
            "among those that can be of use: its 400 photos",
        ),
        ((replace(FIRST, state="not_compared", similarity=None), GONE), "is the only one that could be used"),
        (
            (replace(FIRST, state="not_compared", similarity=None), replace(SECOND, state="not_compared")),
            "comes first, as their photos cannot be compared",
        ),
        ((FIRST, SECOND, replace(GONE, rank=3)), "The others were not tried, so that what they would have given"),
    ],
)
def test_why_another_was_not_chosen_is_told(rows: tuple[OfferedRow, ...], words: str) -> None:
    assert words in report.build(offering(*rows))["earlier"]["sentences"][0]


def test_where_no_model_is_left_that_is_told_at_the_top() -> None:
    rows = replace(GONE, rank=1), replace(GONE, job="abcdefgh", state="damaged")
    built = report.build(offering(*rows, counts=None, continued=None, lost="deleted"))
    words = (
        "None of your 2 earlier models could be used (ijklmnop: it was deleted before this job could learn from it; "
        "abcdefgh: its files are not as they were stored), so this model starts from ImageNet."
    )
    assert built["earlier"]["sentences"] == [words] == built["cautions"][:1]
    assert not built["earlier"]["used"]
    assert all(words in shown for shown in everywhere(built)[:3])


def test_a_report_of_the_version_before_names_no_choice() -> None:
    built = report.build(facts())
    del built["earlier"]["offered"]
    assert "YOUR EARLIER MODEL\n" in report_mail(built).text and "predicted" not in Page(report.page(built, {})).text


SCRATCH = ContinuedRow("scratch", "MobileNet v1", 0.93, (0.9, 0.95), 80.0)


@pytest.mark.parametrize(
    ("scratch", "rows", "words"),
    [
        (True, (*REFUSED.rows, SCRATCH), "so this one starts from nothing: on 240 photos"),
        (True, (*REFUSED.rows, SCRATCH), "right on 62.0 %, starting from nothing on 93.0 %."),
        (False, (*REFUSED.rows, SCRATCH), "starting from ImageNet on 84.0 %; the difference may be chance"),
    ],
)
def test_a_model_that_starts_from_nothing_is_not_said_to_start_from_imagenet(
    scratch: bool, rows: tuple[ContinuedRow, ...], words: str
) -> None:
    given = facts(continued=replace(REFUSED, rows=rows))
    select = replace(given.select, from_scratch=FromScratch(9) if scratch else None)
    assert any(words in told for told in report.build(replace(given, select=select))["cautions"])


def test_a_start_from_nothing_is_no_comparison_with_imagenet() -> None:
    given = facts(continued=Continued(240, "accuracy", (ROWS[0], SCRATCH), None, True))
    told = report.build(left_out(given))["cautions"][0]
    assert "right on 91.0 %, starting from nothing on 93.0 %. No network from ImageNet was compared (Eff" in told
    assert told.endswith("minutes=22.")


@pytest.mark.parametrize(("most", "said"), [(21, "minutes=21."), (20, "(EfficientNet-Lite0 was")])
def test_no_more_minutes_are_asked_for_than_the_service_takes(most: int, said: str) -> None:
    given = facts(continued=Continued(240, "accuracy", (ROWS[0], SCRATCH), None, True))
    told = report.build(replace(left_out(given), minutes_most=most))["cautions"][0]
    assert said in told and ("minutes=" in told) == (most > 20)


def test_what_is_lost_or_too_few_starts_from_nothing_where_that_was_chosen() -> None:
    for given in (facts(None, None, lost="deleted"), facts(FEW, None), facts(CONTINUES, None)):
        select = replace(given.select, from_scratch=FromScratch(9))
        assert any("starts from nothing" in told for told in report.build(replace(given, select=select))["cautions"])


def test_photos_that_could_not_be_kept_are_told_of() -> None:
    plain = samples.facts()  # no later job can continue from it
    built = report.build(replace(plain, job=replace(plain.job, options=Options(keep_photos=True))))
    assert "Your photos were not kept" in built["cautions"][0] and not built["photos_kept"]


def test_a_network_that_there_was_no_time_for_is_told_with_its_reason() -> None:
    given = facts(CONTINUES, None)
    row = replace(given.select.candidates[0], name="base_efficientnet_lite0", state="dropped", note="too slow here")
    built = report.build(replace(given, select=replace(given.select, candidates=(*given.select.candidates, row))))
    assert "too slow here" in built["earlier"]["sentences"][0]
