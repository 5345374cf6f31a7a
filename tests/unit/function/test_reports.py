"""The report on the page of a finished job: read from the bucket, and never more than an extra."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from function import reports
from function.main import App
from jobs.job import FileEntry, JobError, Status
from jobs.queue import Queue
from tests.unit.function.conftest import HTML, PUBLIC_URL, Down, Front
from tests.unit.report import samples
from tests.unit.report.pages import Page
from vm_worker import report

PICTURES = ("confusion.png", "mistakes.jpg")


def with_report(front: Front, job_id: str, data: bytes, size: int | None = None) -> None:
    """Put a report.json and some pictures beside the job's files."""
    files = dict(front.change(job_id).files)
    for name, content in {"report.json": data, **dict.fromkeys(PICTURES, b"picture")}.items():
        target = f"{job_id}/artifacts/1/{name}"
        front.buckets.models.put(target, content)
        files[name] = FileEntry(target, len(content))
    if size is not None:
        files["report.json"] = replace(files["report.json"], bytes=size)
    front.change(job_id, files=files)


def built(**changes: Any) -> bytes:
    """A report as the worker writes it."""
    return json.dumps({**report.build(samples.facts()), **changes}).encode()


def test_the_page_shows_the_report_with_links_of_this_site(front: Front, done: str) -> None:
    with_report(front, done, built())
    page = Page(front.call("GET", f"/jobs/{done}", headers=HTML).text)
    assert "A model that tells 6 kinds apart: right on 92 %" in page.text
    assert f"{PUBLIC_URL}/jobs/{done}/files/model.h5" in page.addresses
    assert f"/jobs/{done}/files/mistakes.jpg" in page.addresses
    assert not [address for address in page.addresses if "photos.example.org" in address]  # what the worker wrote
    assert not [tag for tag, attributes in page.tags if "style" in attributes]  # the policy would not allow it


def test_the_title_calls_a_model_that_guesses_not_good_enough(front: Front, done: str) -> None:
    facts = samples.facts(("cat", "dog"), photos=4, right=0.5)
    with_report(front, done, json.dumps(report.build(facts)).encode())
    page = Page(front.call("GET", f"/jobs/{done}", headers=HTML).text)
    assert "Your model is not good enough yet" in page.text
    assert "is ready" not in page.text


def test_names_stay_text(front: Front, done: str) -> None:
    with_report(front, done, json.dumps(report.build(samples.facts(samples.HOSTILE))).encode())
    page = Page(front.call("GET", f"/jobs/{done}", headers=HTML).text)
    assert "<script>alert(1)</script>" in page.text
    assert [attributes for tag, attributes in page.tags if tag == "script"] == [("type", "src")] * 3


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b"no JSON", None),
        (b"[]", None),
        (b'{"version": 1}', None),  # of another version
        (built(test=None), None),
        (built(), reports.MOST_BYTES + 1),  # the record says that it is too large to be read
        (b" " * (reports.MOST_BYTES + 1), 9),  # and here it does not
    ],
    ids=["garbage", "list", "version", "no test", "large", "larger than said"],
)
def test_whatever_is_wrong_with_it_the_page_comes_without_it(
    front: Front, done: str, data: bytes, size: int | None
) -> None:
    with_report(front, done, data, size)
    answer = front.call("GET", f"/jobs/{done}", headers=HTML)
    assert answer.status_code == 200
    page = Page(answer.text)
    assert "Your model is ready" in page.text
    assert f"{PUBLIC_URL}/jobs/{done}/files/model.h5" in page.addresses
    assert "What to do next" not in page.text


def test_a_storage_that_does_not_answer_costs_the_report_alone(front: Front, done: str) -> None:
    with_report(front, done, built())

    parts = front.app.parts
    queue = Queue(replace(front.buckets, models=Down(front.clock)), front.clock, parts.settings.limits)
    front = Front(App(replace(parts, queue=queue)), front.clock, front.buckets)
    answer = front.call("GET", f"/jobs/{done}", headers=HTML)
    assert answer.status_code == 200
    assert "Your model is ready" in Page(answer.text).text


def test_a_job_that_is_not_done_shows_none(front: Front, done: str) -> None:
    with_report(front, done, built())
    front.change(done, status=Status.FAILED, error=JobError("internal", "It broke."))
    assert "What to do next" not in front.call("GET", f"/jobs/{done}", headers=HTML).text
