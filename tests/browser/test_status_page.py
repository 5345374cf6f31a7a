"""The page of a job keeps itself fresh, says when it cannot, and offers what belongs to the reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from function.client import Client
from infra.local.stack import Stack
from jobs.clock import SystemClock
from jobs.installation import open_queue
from jobs.job import Job, JobError, Progress, Stage, Status
from jobs.queue import Queue
from jobs.shown import CandidateShown, PointShown
from tests.browser.upload import landed, pick, send

CURVE = [
    {
        "phase": "select",
        "name": "efficientnet_lite0",
        "epoch": epoch,
        "accuracy": 0.5 + epoch / 30,
        "validation_accuracy": 0.5 + epoch / 40,
        "loss": 1.0,
        "validation_loss": 1.1,
    }
    for epoch in range(1, 11)
]
CANDIDATE = {
    "name": "efficientnet_lite0",
    "validation_accuracy": 0.81,
    "validation_interval": [0.72, 0.88],
    "seconds": 12.5,
    "state": "evaluated",
}


@pytest.fixture
def queue(stack: Stack) -> Iterator[Queue]:
    """The stack's records, to change them as a worker would."""
    yield open_queue(stack.settings)


@pytest.fixture
def job_id(stack: Stack, request: pytest.FixtureRequest) -> str:
    """A job of this test alone, its zip not sent."""
    with Client(stack.function_url) as client:
        return client.submit(f"{abs(hash(request.node.name))}@example.org", {"minutes": 5}).job_id


def _change(queue: Queue, job_id: str, **changes: Any) -> None:
    def changed(job: Job) -> Job:
        return replace(job, **changes)

    queue.update(job_id, changed)


def show_running(queue: Queue, job_id: str, fraction: float, message: str = "Reading your photos") -> None:
    """Write the progress of a job as a worker does."""
    progress = Progress(
        stage=Stage.SELECT,
        fraction=fraction,
        message=message,
        quoted_seconds=240.0,
        remaining_seconds=100.0,
        candidates=(CandidateShown.from_json(CANDIDATE),),
        curve=tuple(PointShown.from_json(point) for point in CURVE),
    )
    _change(queue, job_id, status=Status.RUNNING, started_at=SystemClock().now(), progress=progress)


def test_the_page_follows_the_job_without_loading_again(page: Page, queue: Queue, job_id: str) -> None:
    page.goto(f"/jobs/{job_id}")
    expect(page.locator("h1")).to_have_text("Waiting for your photos")
    page.evaluate("window.here = true")
    show_running(queue, job_id, 0.25)
    expect(page.locator("h1")).to_have_text("Training your model")
    expect(page.locator("#progress")).to_have_attribute("value", "0.25")
    expect(page.locator("#work")).to_contain_text("25 % done, about 2 minutes left; 5 minutes at most in all.")
    expect(page.locator("#candidates")).to_contain_text("72-88 %")
    expect(page.locator("#curve polyline")).to_have_count(2)
    expect(page.locator("[role=status]").first).to_have_text("Training your model: Comparing networks")
    show_running(queue, job_id, 0.5, "Tuning")
    expect(page.locator("#progress")).to_have_attribute("value", "0.5")
    # A screen reader hears of stages alone, not of each message.
    expect(page.locator("#head")).to_contain_text("Tuning")
    expect(page.locator("[role=status]").first).to_have_text("Training your model: Comparing networks")
    assert page.evaluate("window.here") is True
    ended = SystemClock().now()
    error = JobError("one_class", "The only class folder is cats.")
    _change(queue, job_id, status=Status.REJECTED, finished_at=ended, error=error)
    expect(page.locator("h1")).to_have_text("These photos cannot be used yet")
    expect(page.locator("#head")).to_contain_text("The only class folder is cats.")


def test_a_lost_connection_is_said_and_mended(page: Page, queue: Queue, job_id: str) -> None:
    show_running(queue, job_id, 0.25)
    page.goto(f"/jobs/{job_id}")
    page.context.set_offline(True)
    expect(page.locator("#connection")).to_contain_text("cannot be reached", timeout=15_000)
    page.context.set_offline(False)
    expect(page.locator("#connection")).to_have_text("", timeout=30_000)


@pytest.mark.slow  # waits for the page's own time
def test_without_scripts_the_page_loads_itself_again(browser: Browser, stack: Stack, queue: Queue, job_id: str) -> None:
    context = browser.new_context(java_script_enabled=False, base_url=stack.function_url)
    page = context.new_page()
    page.goto(f"/jobs/{job_id}")
    expect(page.locator("h1")).to_have_text("Waiting for your photos")
    show_running(queue, job_id, 0.25)
    expect(page.locator("h1")).to_have_text("Training your model", timeout=15_000)
    page.goto("/")
    expect(page.locator("noscript")).to_be_visible()
    context.close()


def test_only_the_browser_that_sent_a_job_offers_to_delete_it(
    browser: Browser, page: Page, stack: Stack, job_id: str
) -> None:
    page.goto(f"/jobs/{job_id}")
    expect(page.locator("#own")).to_be_hidden()
    with Client(stack.function_url) as client:
        sent = client.submit("mine@example.org", {})
    page.evaluate(f"localStorage.setItem('modelmail.delete.{sent.job_id}', JSON.stringify('{sent.delete_url}'))")
    page.goto(f"/jobs/{sent.job_id}")
    assert page.locator("#results ~ #own").count() == 1  # what deletes stands below what can be downloaded
    page.get_by_role("link", name="delete my data").click()
    expect(page.locator("h1")).to_have_text("Delete this job?")
    page.get_by_role("button", name="Delete everything").click()
    expect(page.locator("h1")).to_have_text("It is gone")


def test_a_browser_lists_its_own_jobs_until_it_forgets_them_or_they_are_deleted(
    browser: Browser, stack: Stack, photos: Path
) -> None:
    context = browser.new_context(base_url=stack.function_url)
    page = context.new_page()
    rows = page.locator("#jobs li")
    for number in (1, 2, 3):
        pick(page, photos)
        send(page, f"own{number}@example.org")
        landed(page)
    page.get_by_role("link", name="delete my data").click()
    page.get_by_role("button", name="Delete everything").click()
    page.goto("/")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text(re.compile(r"\(24 photos in 2 classes, .*\): waiting for a machine"))
    rows.first.get_by_role("button").click()
    expect(rows).to_have_count(1)
    expect(page.locator("#forgotten")).to_contain_text("The job goes on")
    page.get_by_role("button", name="Forget all").click()
    expect(page.locator("#mine")).to_be_hidden()
    assert page.evaluate("Object.keys(localStorage)") == []
    context.close()
