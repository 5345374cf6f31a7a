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
FAKE_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
STRANGER = "--host-resolver-rules=MAP evil.example 127.0.0.1"  # a stranger's name for an address of this machine
PATIENCE = 20_000  # milliseconds for whatever the page must come to


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        started = launched(playwright.chromium, STRANGER)
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
def with_camera(browser: Browser) -> Iterator[Browser]:
    """A browser with a made-up camera. Asks for the other one, to skip with it."""
    started = launched(browser.browser_type, *FAKE_CAMERA)
    yield started
    started.close()


@pytest.fixture(scope="session")
def stack(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The service without a worker: jobs stay where the test puts them. Asks for the browser, to skip with it."""
    with Stack(tmp_path_factory.mktemp("stack") / "data", EPHEMERAL, worker=False) as running:
        yield running


class Tab:
    """A tab for one test after another, each of which finds it as new: to open one takes a browser two seconds."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.dialogs: list[str] = []
        self.errors: list[str] = []
        self._browser = browser
        self._url = url
        self._page: Page | None = None

    def opened(self) -> Page:
        """The empty tab of a desktop."""
        if self._page is None:
            context = self._browser.new_context(viewport=DESKTOP, base_url=self._url)
            self._page = context.new_page()
            self.errors = watch(self._page, self.dialogs)
        self.errors.clear()
        self.dialogs.clear()
        return self._page

    def left(self, as_new: bool) -> None:
        """Forget what the pages have kept and what a test has set; a tab that cannot be made as new is given up."""
        page, self._page = self._page, None
        assert page is not None
        if not as_new:
            page.context.close()
            return
        page.unroute_all(behavior="ignoreErrors")
        page.context.set_offline(False)
        page.goto("/static/icon.svg")  # ends all work of the last page; of the same origin, to come to its memory
        page.evaluate("sessionStorage.clear()")  # which some versions of Chromium, 150 among them, keep below
        session = page.context.new_cdp_session(page)
        session.send("Storage.clearDataForOrigin", {"origin": self._url, "storageTypes": "all"})
        session.send("Network.clearBrowserCache")
        session.detach()
        page.goto("about:blank")
        page.set_viewport_size(DESKTOP)
        self._page = page


@pytest.fixture(scope="session")
def tab(browser: Browser, stack: Stack) -> Tab:
    """What `page` gives to the tests."""
    return Tab(browser, stack.function_url)


@pytest.fixture
def dialogs(tab: Tab) -> list[str]:
    """The kind of each dialog that the page has opened; a test that expects some takes them out."""
    tab.dialogs.clear()
    return tab.dialogs


@pytest.fixture
def page(tab: Tab, request: pytest.FixtureRequest) -> Iterator[Page]:
    """An empty tab of a desktop; every error of the page's scripts and every dialog fails the test."""
    failures = request.session.testsfailed
    yield tab.opened()
    trouble = [*tab.errors, *tab.dialogs]
    tab.left(as_new=request.session.testsfailed == failures)
    assert trouble == []


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
