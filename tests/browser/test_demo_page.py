"""The model that a whole job made is tried on the job's page and in try.html, with nothing put in its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from infra.local import demo_photos
from infra.local.stack import Stack
from jobs import browser_runtime
from tests.browser.conftest import DESKTOP, watch
from vm_worker.exports import files
from vm_worker.intake.images import read_square

Demo = tuple[dict[str, Any], str, Path]
EACH = 4  # photos of a class
CLOSE = 0.01

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(browser_runtime.missing()), reason="LiteRT.js could not be fetched here"),
]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Photos of each class of the demo, the last ones, which it was not sent."""
    folders = sorted(demo_photos.make(tmp_path_factory.mktemp("tiles")).iterdir())
    return [photo for folder in folders for photo in sorted(folder.iterdir())[-EACH:]]


@pytest.fixture(scope="module")
def wanted(demo: Demo, photos: list[Path]) -> np.ndarray:
    """The probabilities that model.h5 gives: photos x classes."""
    model = files.load(Path(demo[0]["model_h5"]))
    side = model.input_shape[1]
    answers = model.predict(np.stack([read_square(path, side) for path in photos]).astype(np.float32), verbose=0)
    return np.asarray(answers)


@pytest.fixture(scope="module", autouse=True)
def tflite_made(demo: Demo) -> None:
    """Fail with the job's own reason where it made no file that a browser can run."""
    report = json.loads(Path(demo[0]["report_html"]).with_name("report.json").read_text(encoding="utf-8"))
    row = next(row for row in report["exports"] if row["format"] == "tflite")
    assert (row["state"], row["note"]) == ("made", "")
    assert report["try_page"]["bytes"] > 0


def shown(page: Page, photos: list[Path]) -> np.ndarray:
    """The probabilities that the page shows after the photos were chosen: photos x classes."""
    page.set_input_files("[data-part=files]", photos)
    figures = page.locator("#try figure")
    expect(figures).to_have_count(len(photos), timeout=60_000)
    expect(figures.locator("progress")).to_have_count(len(photos) * 3)
    meters = [figures.filter(has_text=photo.name).locator("progress") for photo in photos]
    return np.array([meter.evaluate_all("all => all.map(one => one.value)") for meter in meters])


def test_the_page_of_a_real_job_answers_as_its_model_does(
    browser: Browser, demo: Demo, photos: list[Path], wanted: np.ndarray
) -> None:
    with Stack(demo[2], worker=False) as stack:
        page = browser.new_page(viewport=DESKTOP)
        dialogs: list[str] = []
        errors = watch(page, dialogs)
        page.goto(f"{stack.function_url}/jobs/{demo[0]['job_id']}")
        page.get_by_role("link", name="Try your model").first.click()
        answers = shown(page, photos)
        page.close()
    assert (errors, dialogs) == ([], [])
    assert np.abs(answers - wanted).max() < CLOSE
    assert [photo.parent.name for photo in photos] == [sorted(demo_photos.TEXTURES)[row] for row in answers.argmax(1)]


def test_the_page_to_keep_of_a_real_job_answers_as_its_model_does(
    browser: Browser, demo: Demo, photos: list[Path], wanted: np.ndarray, tmp_path: Path
) -> None:
    with Stack(demo[2], worker=False) as stack:
        answer = requests.get(f"{stack.function_url}/jobs/{demo[0]['job_id']}/files/try.html", timeout=30)
    assert answer.headers["Content-Disposition"].startswith("attachment")
    (tmp_path / "try.html").write_bytes(answer.content)
    context = browser.new_context(offline=True)
    page = context.new_page()
    errors = watch(page, [])
    page.goto((tmp_path / "try.html").as_uri())
    answers = shown(page, photos)
    context.close()
    assert errors == []
    assert np.abs(answers - wanted).max() < CLOSE
