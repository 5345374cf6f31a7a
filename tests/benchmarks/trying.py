"""A model in the browser beside service.pyz: pictures a second of the camera, and the wait for the first answer.

    pytest tests/benchmarks/trying.py -o python_files='*.py' -m "" -s

The model has the form of EfficientNet-Lite0. Browser and service answer in turns, on the same cores; the service has
one client, which sends pictures of the camera's size as the service's own page does. The page is measured three times:
with its camera, which makes 30 pictures a second at most; with the same photos that the service gets, chosen as a user
chooses them, until the last answer is shown; and with a made-up picture that is there at once, three at a time.
Milliseconds of the processor are those of all processes of a side. Nothing here asserts a time.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from infra.local.stack import Stack
from jobs.installation import open_queue
from tests.benchmarks.service import START_SECONDS, Client
from tests.browser.conftest import browser, launched, stack  # noqa: F401 (fixtures)
from tests.browser.test_parity import CLASSES, made
from tests.browser.test_report_page import finish
from tests.unit.report import samples
from vm_worker.exports.service import base
from vm_worker.exports.service.probe import running
from vm_worker.exports.service.runtime.bundle import Bundle, add

pytestmark = pytest.mark.timeout(1800)
TURNS, SECONDS, PHOTOS = 5, 4.0, 100
CAMERA = (640, 480)
FAKE_CAMERA = ("--use-fake-device-for-media-stream=fps=30", "--use-fake-ui-for-media-stream")
AT_ONCE = """async (seconds) => {
  const canvas = new OffscreenCanvas(640, 480);
  canvas.getContext("2d").fillRect(100, 50, 300, 200);
  const began = performance.now();
  let count = 0;
  const lane = async () => {
    while (performance.now() - began < 1000 * seconds) {
      await engine.shares(await createImageBitmap(canvas), "frame");
      count += 1;
    }
  };
  await Promise.all([lane(), lane(), lane()]);
  return (1000 * count) / (performance.now() - began);
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("lite0"))


@pytest.fixture(scope="module")
def address(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where service.pyz answers."""
    alone = tmp_path_factory.mktemp("service")
    file = add(base.base(), Bundle((folder / "model.tflite").read_bytes(), CLASSES, {}), alone / "service.pyz")
    with running(file, alone, START_SECONDS) as found:
        yield found


def picture() -> bytes:
    """A JPEG of the camera's size."""
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).resize(CAMERA).save(out, "JPEG", quality=92)
    return out.getvalue()


def chosen(page: Page, photos: list[Path]) -> float:
    """Photos a second of the page, from the choice of them to the last answer."""
    began = time.perf_counter()
    page.set_input_files("[data-part=files]", photos)
    done = f"{len(photos)} of {len(photos)} photos answered."
    expect(page.locator("#try [role=status]")).to_have_text(done, timeout=60_000)
    taken = time.perf_counter() - began
    page.evaluate("document.querySelector('#try [role=status]').textContent = ''")
    return len(photos) / taken


def served(address: str) -> float:
    """Pictures a second of the service."""
    data = picture()
    with closing(Client(address)) as client:
        client.predict(data)
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < SECONDS:
            client.predict(data)
            count += 1
        return count / (time.perf_counter() - began)


def seen(page: Page) -> float:
    """Pictures a second of the page's camera."""
    page.get_by_role("button", name="Use the camera").click()
    expect(page.locator("[data-part=answer]")).to_contain_text(" %", timeout=60_000)
    page.wait_for_timeout(1000 * SECONDS)
    rate = float(page.get_attribute("#try", "data-rate") or "nan")
    page.get_by_role("button", name="Stop the camera").click()
    return rate


def spent(side: Callable[[], float]) -> str:
    """Pictures a second of a side, with the milliseconds of the processor that each took."""
    me = psutil.Process()

    def used() -> float:
        return sum(sum(one.cpu_times()[:2]) for one in (me, *me.children(recursive=True)))

    before, began = used(), time.perf_counter()
    rate = side()
    return f"{rate:.1f} ({1000 * (used() - before) / (time.perf_counter() - began) / rate:.0f} ms)"


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number:02d}.jpg" for number in range(PHOTOS)]
    for path in paths:
        path.write_bytes(picture())
    return paths


def test_trying(browser: Browser, stack: Stack, folder: Path, address: str, photos: list[Path]) -> None:  # noqa: F811
    job = finish(stack, open_queue(stack.settings), folder, CLASSES, replace(samples.facts(CLASSES), size=224))
    with_camera = launched(browser.browser_type, *FAKE_CAMERA)
    page = with_camera.new_page(base_url=stack.function_url)
    waits = []
    for _ in range(TURNS):
        page.goto(f"/jobs/{job}")
        page.wait_for_load_state("load")
        began = time.perf_counter()
        page.get_by_role("button", name="Use the camera").click()
        expect(page.locator("[data-part=answer]")).to_contain_text(" %", timeout=60_000)
        waits.append(time.perf_counter() - began)
        page.get_by_role("button", name="Stop the camera").click()
    sides: dict[str, Callable[[], float]] = {
        "camera": lambda: seen(page),
        "photos": lambda: chosen(page, photos),
        "at once": lambda: float(page.evaluate(AT_ONCE, SECONDS)),
        "service.pyz": lambda: served(address),
    }
    rates = [{name: spent(side) for name, side in sides.items()} for _ in range(TURNS)]
    workers = page.get_attribute("#try", "data-workers")
    with_camera.close()
    print("first answer of the camera, in seconds:", " ".join(f"{wait:.2f}" for wait in waits))
    print(f"pictures a second, with {workers} workers:")
    for turn in rates:
        print(", ".join(f"{name} {rate}" for name, rate in turn.items()))
