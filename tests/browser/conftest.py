"""A real browser before a real stack. Skipped with a reason where no Chromium is installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserType, Dialog, Page, ViewportSize, expect, sync_playwright
from skimage.io import imsave

from infra.local.ports import EPHEMERAL
from infra.local.stack import Stack

DESKTOP: ViewportSize = {"width": 1200, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 800}
PATIENCE = 20_000  # milliseconds for whatever the page must come to


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        started = launched(playwright.chromium)
        yield started
        started.close()


def launched(chromium: BrowserType, *flags: str) -> Browser:
    """Start Debian's Chromium with further flags."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed; on Debian: apt install chromium")
    # Nothing but the pages themselves may cause traffic.
    quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    return chromium.launch(executable_path=program, args=["--no-sandbox", *quiet, *flags])


@pytest.fixture(scope="session")
def stack(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The service without a worker: jobs stay where the test puts them. Asks for the browser, to skip with it."""
    with Stack(tmp_path_factory.mktemp("stack") / "data", EPHEMERAL, worker=False) as running:
        yield running


@pytest.fixture
def dialogs() -> list[str]:
    """The kind of each dialog that the page has opened; a test that expects some takes them out."""
    return []


@pytest.fixture
def page(browser: Browser, stack: Stack, dialogs: list[str]) -> Iterator[Page]:
    """A fresh tab of a desktop; every error of the page's scripts and every dialog fails the test."""
    context = browser.new_context(viewport=DESKTOP, base_url=stack.function_url)
    tab = context.new_page()
    errors = watch(tab, dialogs)
    yield tab
    context.close()
    assert (errors, dialogs) == ([], [])


def watch(tab: Page, dialogs: list[str]) -> list[str]:
    """Write down the dialogs of a tab, which are accepted; return the list of its scripts' errors and of 404s."""
    errors: list[str] = []

    def note(dialog: Dialog) -> None:
        dialogs.append(dialog.type)
        dialog.accept()

    tab.set_default_timeout(PATIENCE)
    tab.on("response", lambda answer: errors.append(f"404: {answer.url}") if answer.status == 404 else None)
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("dialog", note)
    return errors


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two classes with twelve small photos each."""
    folder = tmp_path_factory.mktemp("photos") / "pets"
    random = np.random.default_rng(0)
    for name, colour in (("cats", (200, 120, 40)), ("dogs", (60, 90, 160))):
        (folder / name).mkdir(parents=True)
        for number in range(12):
            noise = random.integers(0, 40, (48, 64, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            imsave(folder / name / f"{number:02}.jpg", pixels, check_contrast=False)
    (folder / ".DS_Store").write_bytes(b"litter")
    return folder
