"""A job that continues from an earlier model, by its link and the upload page."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from infra.local.stack import Stack
from jobs.installation import open_queue
from jobs.job import Status, new_id
from jobs.options import Options
from jobs.queue import Queue
from jobs.tokens import continue_link
from tests.browser.upload import landed, send


@pytest.fixture(scope="module")
def queue(stack: Stack) -> Queue:
    return open_queue(stack.settings)


@pytest.fixture(scope="module")
def earlier(queue: Queue) -> str:
    """The id of a job whose model can be continued from, and whose photos were kept."""
    job_id = new_id()
    queue.submit(job_id, "ada@example.org", "a" * 64, Options(keep_photos=True))
    queue.update(job_id, lambda job: replace(job, status=Status.DONE, continues="classification"))
    return job_id


def test_the_link_fills_its_field_and_leaves_the_address(
    page: Page, stack: Stack, queue: Queue, earlier: str, photos: Path
) -> None:
    link = continue_link(stack.settings.public_url, stack.settings.secret, earlier)
    page.goto(link)
    expect(page.locator("#base")).to_be_visible()
    expect(page.locator("#base")).to_have_value(link)
    expect(page.locator("#said")).to_contain_text("continues from your earlier model")
    assert "#" not in page.url
    page.set_input_files("#folder", photos)
    expect(page.locator("#summary")).to_contain_text("2 classes")
    send(page, "continues@example.org")
    landed(page)
    record = queue.read(page.url.rpartition("/")[2])
    assert record is not None and record.job.options.base == (earlier,)


@pytest.mark.slow
def test_a_second_link_is_added_to_the_first(page: Page, stack: Stack, earlier: str) -> None:
    first, second = (
        continue_link(stack.settings.public_url, stack.settings.secret, one) for one in (earlier, new_id())
    )
    page.goto(first)
    expect(page.locator("#base")).to_have_value(first)
    page.goto(second)
    expect(page.locator("#base")).to_have_value(f"{first}\n{second}")


@pytest.mark.slow
def test_more_photos_of_one_class_can_be_added_to_those_that_were_kept(
    page: Page, stack: Stack, queue: Queue, earlier: str, photos: Path, tmp_path: Path
) -> None:
    shutil.copytree(photos / "cats", tmp_path / "cats")
    page.goto(continue_link(stack.settings.public_url, stack.settings.secret, earlier))
    page.set_input_files("#folder", tmp_path / "cats")
    expect(page.locator("#go")).to_be_disabled()
    page.check("#add")
    expect(page.locator("#remarks")).to_contain_text("added to the photos that the earlier job kept")
    expect(page.locator("#go")).to_be_enabled()
    send(page, "adds@example.org")
    landed(page)
    record = queue.read(page.url.rpartition("/")[2])
    assert record is not None and record.job.options.add


@pytest.mark.slow
def test_a_wrong_link_is_told_before_anything_is_sent(browser: Browser, stack: Stack, photos: Path) -> None:
    page = browser.new_page(base_url=stack.function_url)  # without the watch, which takes every 404 for a fault
    page.goto("/#continue=nonsense")
    page.set_input_files("#folder", photos)
    expect(page.locator("#summary")).to_contain_text("2 classes")
    send(page, "wrong@example.org")
    expect(page.locator("#said")).to_contain_text("There is no model to continue from under this link")
    page.close()


@pytest.mark.slow
def test_the_status_page_gives_the_link(page: Page, stack: Stack, earlier: str) -> None:
    page.goto(f"/jobs/{earlier}")
    link = page.locator("a", has_text="continue from this model")
    expect(link).to_have_attribute("href", continue_link(stack.settings.public_url, stack.settings.secret, earlier))
