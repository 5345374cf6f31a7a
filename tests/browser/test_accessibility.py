"""No page has a fault that axe-core knows, in any of its states; the focus goes in order, and changes are spoken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from function.client import Client
from infra.local.stack import Stack
from jobs.clock import SystemClock
from jobs.installation import open_queue
from jobs.job import JobError, Status
from jobs.queue import Queue
from tests.browser.accessibility import faults
from tests.browser.test_status_page import show_running
from tests.browser.upload import pick


@pytest.fixture
def queue(stack: Stack) -> Iterator[Queue]:
    """The stack's records, to change them as a worker would."""
    yield open_queue(stack.settings)


def test_the_upload_page(page: Page, photos: Path) -> None:
    pick(page, photos)
    page.evaluate("document.getElementById('mine').hidden = false")
    assert faults(page) == []


def test_the_page_of_a_job_in_its_states(page: Page, stack: Stack, queue: Queue) -> None:
    with Client(stack.function_url) as client:
        sent = client.submit("states@example.org", {})
    page.goto(f"/jobs/{sent.job_id}")
    assert faults(page) == []
    show_running(queue, sent.job_id, 0.25)
    expect(page.locator("#curve polyline")).to_have_count(2)
    assert faults(page) == []
    page.goto(sent.delete_url)
    assert faults(page) == []
    error = JobError("one_class", "The only class folder is cats.")
    now = SystemClock().now()
    queue.update(sent.job_id, lambda job: replace(job, status=Status.REJECTED, finished_at=now, error=error))
    page.goto(f"/jobs/{sent.job_id}")
    expect(page.locator("#head")).to_contain_text("The only class folder is cats.")
    assert faults(page) == []
