"""The page of a finished job shows the report itself: pictures, downloads, doubts; in any light, width and language."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from function.client import Client
from infra.local.stack import Stack
from jobs.clock import SystemClock
from jobs.installation import open_queue
from jobs.job import FileEntry, Job, Status
from jobs.queue import Queue
from tests.browser.accessibility import faults
from tests.browser.conftest import DESKTOP, PHONE
from tests.unit.report import samples
from tests.workers import until
from vm_worker import report
from vm_worker.evaluation import gallery
from vm_worker.exports.files import BYTES, CONTENT_TYPES
from vm_worker.report_facts import Facts
from vm_worker.results.evaluated import ConfusedPair

NAMES = {
    "plain": samples.WASTE,
    "strange": samples.HOSTILE + samples.CJK + samples.WORLD,
    "200": samples.many(200),
}


@pytest.fixture(scope="module")
def queue(stack: Stack) -> Iterator[Queue]:
    """The stack's records and buckets, to end jobs as a worker would."""
    yield open_queue(stack.settings)


def photos(folder: Path, classes: Sequence[str]) -> None:
    """The photographs of a report, of noise: every fourth answer is wrong."""
    random = np.random.default_rng(0)
    rows = np.arange(4 * min(len(classes), 8))
    labels = rows % len(classes)
    said = np.where(rows % 4 == 3, (labels + 1) % len(classes), labels)
    probabilities = np.full((len(rows), len(classes)), 0.2 / len(classes), np.float32)
    probabilities[rows, said] += 0.8
    pixels = random.integers(0, 255, (len(rows), 32, 32, 3), np.uint8)
    names = [f"{classes[label]}/{row}.jpg" for row, label in enumerate(labels.tolist())]
    judged = gallery.Judged(pixels, rows, labels, probabilities, classes, names)
    mistakes = [judged.row(int(row)) for row in rows if labels[row] != said[row]]
    wrong = [ConfusedPair(one.truth, one.said, 1, 4, 0.25) for one in mistakes]
    gallery.mistakes(folder / gallery.MISTAKES, judged)
    gallery.pairs(folder / gallery.PAIRS, judged, wrong)
    places = gallery.explained(judged)
    gallery.looked(folder / gallery.LOOKED, judged, places, random.random((len(places), 7, 7), np.float32))


def finish(stack: Stack, queue: Queue, folder: Path, classes: Sequence[str], facts: Facts | None = None) -> str:
    """A job that is done, its report and what else lies in the folder in the bucket; its id."""
    with Client(stack.function_url) as client:
        job_id = client.submit(f"{folder.name}@example.org", {"minutes": 5}).job_id
    photos(folder, classes)
    facts = facts or samples.facts(classes, photos=20 if len(classes) < 50 else 4)
    built = {**report.build(facts), "try_page": {"bytes": 19_600_000}}
    report.write(facts, built, folder)
    for name in ("model.h5", "labels.txt", "try.html"):
        (folder / name).write_bytes(b"stands for a model")
    files = {}
    for path in sorted(folder.iterdir()):
        target, kind = f"{job_id}/artifacts/t/{path.name}", CONTENT_TYPES.get(path.suffix, BYTES)
        queue.buckets.models.upload(target, path, content_type=kind)
        files[path.name] = FileEntry(target, path.stat().st_size, kind)
    now = SystemClock().now()

    def ended(job: Job) -> Job:
        after = now + timedelta(days=30)
        return replace(job, status=Status.DONE, files=files, started_at=now, finished_at=now, delete_after=after)

    queue.update(job_id, ended)
    return job_id


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the plain job, with its report."""
    return tmp_path_factory.mktemp("plain")


@pytest.fixture(scope="module")
def done(stack: Stack, queue: Queue, written: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Finished jobs by the kind of their class names, each made when it is first asked for."""

    class Done(dict[str, str]):
        def __missing__(self, kind: str) -> str:
            folder = written if kind == "plain" else tmp_path_factory.mktemp(kind)
            self[kind] = finish(stack, queue, folder, NAMES[kind])
            return self[kind]

    return Done()


def test_the_page_of_a_finished_job_is_its_report(page: Page, done: Mapping[str, str]) -> None:
    page.goto(f"/jobs/{done['plain']}")
    expect(page.locator("h1")).to_have_text("Your model is ready")
    expect(page.locator(".headline")).to_contain_text("A model that tells 6 kinds apart: right on")
    button = page.get_by_role("link", name="Download model.h5")
    expect(button).to_be_in_viewport()
    with page.expect_download() as download:
        button.click()
    assert download.value.suggested_filename == "model.h5"
    assert download.value.path().read_bytes() == b"stands for a model"


def test_every_picture_of_the_page_is_shown(page: Page, done: Mapping[str, str]) -> None:
    page.goto(f"/jobs/{done['plain']}")
    page.wait_for_load_state("load")
    shown = page.eval_on_selector_all(
        ".report img", "all => all.map(one => [one.src.split('/').pop(), one.naturalWidth, one.alt.length])"
    )
    assert {name for name, _, _ in shown} == {*samples.PICTURES, *samples.PHOTOS} - {"confusion.png"}  # a table here
    assert all(width >= 800 and words > 20 for _, width, words in shown), shown


@pytest.mark.parametrize(
    ("size", "kind"),
    [
        (PHONE, "plain"),
        (PHONE, "strange"),
        (DESKTOP, "strange"),
        *[
            pytest.param(*case, marks=pytest.mark.slow)
            for case in ((DESKTOP, "plain"), (DESKTOP, "200"), (PHONE, "200"))
        ],
    ],
    ids=lambda value: value if isinstance(value, str) else str(value["width"]),
)
def test_no_name_and_no_number_of_kinds_makes_the_page_wider_than_the_screen(
    page: Page, done: Mapping[str, str], kind: str, size: Any
) -> None:
    page.set_viewport_size(size)
    page.goto(f"/jobs/{done[kind]}")
    expect(page.locator(".headline")).to_contain_text(f"tells {len(NAMES[kind])} kinds apart")
    page.eval_on_selector_all(".report details", "all => all.forEach(one => (one.open = true))")
    assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
    assert page.locator(".report script, .report [onerror]").count() == 0


def test_the_headings_come_in_order(page: Page, done: Mapping[str, str]) -> None:
    page.goto(f"/jobs/{done['plain']}")
    levels = page.eval_on_selector_all("h1, h2, h3, h4", "all => all.map(one => Number(one.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.slow
def test_the_report_has_no_fault_that_axe_knows(page: Page, done: Mapping[str, str]) -> None:
    page.goto(f"/jobs/{done['strange']}")
    assert faults(page) == []


def test_by_keyboard_alone_the_model_is_near_and_a_table_scrolls(page: Page, done: Mapping[str, str]) -> None:
    page.set_viewport_size(PHONE)
    page.goto(f"/jobs/{done['plain']}")
    page.keyboard.press("Tab")  # modelmail
    page.keyboard.press("Tab")
    assert "Download model.h5" in page.evaluate("document.activeElement.textContent")
    panorama = page.locator(".panorama").first
    panorama.focus()
    page.keyboard.press("ArrowRight")
    # Not wait_for_function: what it evaluates in the page again and again, the page's own policy forbids.
    until(lambda: page.evaluate("document.activeElement.scrollLeft") > 0, seconds=20, pause=0.05)


def test_a_report_that_cannot_be_read_leaves_the_page(page: Page, queue: Queue, done: Mapping[str, str]) -> None:
    job_id = done["strange"]
    record = queue.read(job_id)
    assert record is not None
    name = record.job.files["report.json"].object
    whole = queue.buckets.models.get(name)
    assert whole is not None
    queue.buckets.models.put(name, b'{"version": 1}')
    page.goto(f"/jobs/{job_id}")
    expect(page.locator("h1")).to_have_text("Your model is ready")
    expect(page.locator("#results")).to_contain_text("model.h5")
    expect(page.locator(".report")).to_have_count(0)
    queue.buckets.models.put(name, whole.data)


def test_the_file_of_the_report_needs_no_server(
    browser: Browser, done: Mapping[str, str], written: Path, tmp_path: Path
) -> None:
    assert done["plain"]
    alone = tmp_path / "report.html"
    shutil.copy(written / "report.html", alone)
    context = browser.new_context(offline=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(alone.as_uri())
    widths = page.eval_on_selector_all("img", "all => all.map(one => one.naturalWidth)")
    context.close()
    assert len(widths) == len(samples.PICTURES) + len(samples.PHOTOS) - 1  # the matrix is a table here
    assert all(widths)
    assert complaints == []
