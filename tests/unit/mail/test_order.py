"""The report's mail has the order of the page; the mail about a start leads to the job."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from jobs import browser_runtime, tokens
from jobs.errors import CODES
from jobs.job import FileEntry, Status
from jobs.mail.letters import compose
from tests.unit.mail.letters import HEAD, JOB, report_mail
from tests.unit.report import samples
from tests.unit.report.pages import SPECIALISTS, Page
from vm_worker import report

PAGE = f"https://photos.example.org/jobs/{JOB.id}"
REFUSE = f"https://photos.example.org/refuse/{tokens.refusal_token(HEAD.secret, JOB.email_hmac)}"
WASTE_REPORT = report.build(samples.facts())
WASTE = report_mail(WASTE_REPORT)


def test_the_mail_about_the_start_leads_to_the_job_and_away_from_it() -> None:
    mail = compose(replace(JOB, status=Status.RUNNING), "started", HEAD, None, {})
    assert mail.subject == "The training of your model has started"
    for part in (mail.text, Page(mail.html).text):
        assert "It takes 60 minutes at most." in part
    assert Page(mail.html).addresses == [PAGE, mail.text.split("everything: ")[1].split("\n")[0], REFUSE]
    assert mail.headers["List-Unsubscribe"] == f"<{REFUSE}>"


@pytest.mark.parametrize("part", [WASTE.text, Page(WASTE.html).text], ids=["text", "html"])
def test_the_mail_has_the_order_of_the_page_and_specialists_words_at_its_end(part: str) -> None:
    told = part.lower()
    order = (
        "what it can do",
        "how often it is right",
        "is it good enough?",
        "what to do next",
        "what it mixes up",
        "how far to trust",
        "your photos",
        "how to use it",
        "for specialists",
    )
    places = [told.rindex(one) if one == "what it mixes up" else told.index(one) for one in order]
    assert places == sorted(places)
    assert not {word for word in SPECIALISTS if word in told[: places[-1]]}
    assert told.index("the test photos:") == told.index("test photo") - len("the ")


def test_the_jobs_own_end_of_keeping_counts() -> None:
    later = datetime(2027, 5, 6, tzinfo=UTC)
    assert "6 May 2027" in compose(replace(JOB, delete_after=later), "report", HEAD, WASTE_REPORT, {}).text
    report_only = {**WASTE_REPORT, "retention": {"delete_after": "2028-07-08T00:00:00Z"}}
    assert "8 July 2028" in compose(replace(JOB, delete_after=None), "report", HEAD, report_only, {}).text


def test_a_failed_job_without_an_error_is_the_services_fault() -> None:
    mail = compose(replace(JOB, status=Status.FAILED), "failed", HEAD, None, {})
    assert mail.text.startswith(CODES["internal"].title)


@pytest.mark.skipif(bool(browser_runtime.missing()), reason="LiteRT.js could not be fetched here")
def test_a_model_that_a_page_can_run_is_linked_to_be_tried() -> None:
    job = replace(JOB, files={"model.tflite": FileEntry("a")})
    mail = compose(job, "report", HEAD, WASTE_REPORT, {})
    assert f"{PAGE}#try" in Page(mail.html).addresses and f"{PAGE}#try" in mail.text


def numbered(row: dict[str, Any], key: str, word: str) -> list[dict[str, Any]]:
    """Twenty rows like that one, told apart by their words."""
    return [{**row, key: f"{word}-{number:02}"} for number in range(20)]


# A mail program shows the first 102 KB of a mail.
CUT = {"pair": 5, "skipped": 5, "warning": 6, "network": 12, "trial": 6}


def test_long_tables_are_cut() -> None:
    test, dataset = WASTE_REPORT["test"], WASTE_REPORT["dataset"]
    mail = report_mail(
        {
            **WASTE_REPORT,
            "test": {**test, "pairs": numbered(test["pairs"][0], "truth", "pair")},
            "dataset": {
                **dataset,
                "skipped": numbered({"reason": "is cut short"}, "name", "skipped"),
                "skipped_count": 20,
                "warnings": [f"warning-{number:02}" for number in range(20)],
            },
            "candidates": numbered(WASTE_REPORT["candidates"][0], "title", "network"),
            "trials": numbered({**WASTE_REPORT["trials"][0], "state": "evaluated"}, "kind", "trial"),
        }
    )
    for word, rows in CUT.items():
        assert len(set(re.findall(rf"\b{word}-\d\d", mail.html))) == rows, word
        if word != "trial":  # the text tells the best one
            assert len(set(re.findall(rf"\b{word}-\d\d", mail.text))) == rows, word
