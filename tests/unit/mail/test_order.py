"""The report's mail has the order of the page; the mail about a start leads to the job."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from jobs import tokens
from jobs.job import Status
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
