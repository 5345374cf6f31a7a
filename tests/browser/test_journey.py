"""The whole journey of a person: a folder dropped into the page, a trained model and its report at the end of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from infra.local import demo_photos
from infra.local.ports import EPHEMERAL
from infra.local.stack import Stack

TRAINED = 400_000  # milliseconds; two minutes on a machine with nothing else to do


@pytest.fixture
def service(tmp_path: Path, browser: Browser) -> Iterator[Stack]:
    """All of `modelmail up`."""
    with Stack(tmp_path / "data", EPHEMERAL) as running:
        yield running


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_from_a_folder_to_the_report_and_away_again(browser: Browser, service: Stack, tmp_path: Path) -> None:
    photos = demo_photos.make(tmp_path / "photos")
    context = browser.new_context(base_url=service.function_url, viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.goto("/")
    page.set_input_files("#folder", photos)
    expect(page.locator("#summary")).to_contain_text("192 photos in 3 classes")
    page.fill("#email", "journey@example.org")
    page.get_by_text("Options", exact=True).first.click()
    page.fill("#minutes", "2")
    page.check("input[value=efficientnet_lite0]")
    page.click("#go")
    page.wait_for_url(re.compile("/jobs/[A-Za-z0-9_-]{22}$"))
    expect(page.locator("h1")).to_have_text("Training your model", timeout=60_000)
    expect(page.locator("#candidates")).to_contain_text("efficientnet_lite0", timeout=TRAINED)
    # The page finds the end by itself.
    expect(page.locator("h1").first).to_have_text("Your model is ready", timeout=TRAINED)
    expect(page.locator(".report")).to_contain_text("brick")
    with page.expect_download() as download:
        page.locator("#results a", has_text="model.h5").click()
    assert download.value.path().stat().st_size > 10_000_000
    assert [path.name for path in service.mail.glob("*.eml")] == ["1-report.eml"]
    page.get_by_role("link", name="delete my data").click()
    page.get_by_role("button", name="Delete everything").click()
    expect(page.locator("h1")).to_have_text("It is gone")
    context.close()
