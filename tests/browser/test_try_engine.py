"""What runs a model in the browser: workers by WebAssembly, and WebGPU where that gives the same answers sooner."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from infra.local.stack import Stack
from jobs import browser_runtime
from jobs.queue import Queue
from tests.browser.conftest import launched
from tests.browser.test_report_page import finish
from tests.browser.test_try_model import CLASSES, SIZE, job, photo, queue, upload  # noqa: F401 (fixtures)
from tests.unit.report import samples
from vm_worker.learn.latency import tflite as converting

pytestmark = pytest.mark.skipif(bool(browser_runtime.missing()), reason="LiteRT.js could not be fetched here")
MANY = """() => Promise.all([...Array(12).keys()].map(async (turn) => {
  const canvas = new OffscreenCanvas(64, 48);
  const pen = canvas.getContext("2d");
  pen.fillStyle = turn % 2 ? "rgb(240 240 240)" : "rgb(20 20 20)";
  pen.fillRect(0, 0, 64, 48);
  return Math.round((await engine.shares(canvas.transferToImageBitmap(), "frame"))[0]);
}))"""  # dark and light in turns, all asked at once: whether each is dark
SOFTWARE = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan")
AS_REAL = "Object.defineProperty(GPUAdapterInfo.prototype, 'isFallbackAdapter', {get: () => false});"
GROWING = "let calls = 1; performance.now = () => ++calls ** 3;"  # what is measured later seems slower
SHRINKING = "let calls = 1; performance.now = () => 1000 * Math.log(++calls);"  # what is measured later seems quicker


def of_many_depths() -> bytes:
    """The same answers as the fixture `tflite` has, by the pools of six maps: more than XNNPACK concatenates."""
    inputs = keras.Input((SIZE, SIZE, 3))
    maps = [inputs, *(keras.layers.MaxPooling2D(side, 1)(inputs) for side in range(2, 7))]
    dense = keras.layers.Dense(3, activation="softmax")
    pools = [keras.layers.GlobalAveragePooling2D()(one) for one in maps]
    network = keras.Model(inputs, dense(keras.layers.Concatenate()(pools)))
    weights = np.zeros((18, 3), np.float32)
    weights[:3] = [-0.1, 0.1, 0.0]
    dense.set_weights([weights, np.array([38.1, -38.1, -9], np.float32)])
    return converting.float32(network)


def test_a_head_on_many_depths_is_tried(page: Page, stack: Stack, queue: Queue, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "model.tflite").write_bytes(of_many_depths())
    page.goto(f"/jobs/{finish(stack, queue, tmp_path, CLASSES, replace(samples.facts(CLASSES), size=SIZE))}")
    upload(page, ("night.jpg", photo(grey=20)))
    expect(page.locator("#try figure b")).to_have_text("dark, 100 %")


def test_a_second_worker_answers_what_would_wait_for_the_first(page: Page, job: str) -> None:  # noqa: F811
    page.goto(f"/jobs/{job}")
    upload(page, ("night.jpg", photo(grey=20)))
    expect(page.locator("#try figure b")).to_have_text("dark, 100 %")
    assert page.get_attribute("#try", "data-workers") is None and len(page.workers) == 2
    requests: list[str] = []
    page.context.on("request", lambda request: requests.append(request.url))
    assert page.evaluate(MANY) == [1, 0] * 6
    expect(page.locator("#try")).to_have_attribute("data-workers", "2")
    assert (len(page.workers), requests) == (2, [])
    assert page.evaluate(MANY) == [1, 0] * 6  # each answer is the one of its own picture


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "engine"),
    [("", "wasm"), (AS_REAL + GROWING, "wasm"), (AS_REAL + SHRINKING, "webgpu")],
    ids=["none", "slow", "quick"],
)
def test_webgpu_takes_over_where_it_gives_the_same_answers_sooner(
    browser: Browser,
    stack: Stack,
    job: str,  # noqa: F811
    script: str,
    engine: str,
) -> None:
    with_graphics = launched(browser.browser_type, *SOFTWARE)
    page = with_graphics.new_page(base_url=stack.function_url)
    page.add_init_script(script)
    page.goto(f"/jobs/{job}")
    upload(page, ("night.jpg", photo(grey=20)))
    expect(page.locator("#try figure")).to_have_count(1)
    if script:
        expect(page.locator("#try")).to_have_attribute("data-gpu", re.compile(r"ms, 0\.00\d+ apart$"))
    expect(page.locator("#try")).to_have_attribute("data-engine", engine)
    upload(page, ("noon.png", photo("PNG", grey=240)))
    expect(page.locator("#try figure").filter(has_text="noon").locator("b")).to_have_text("light, 100 %")
    with_graphics.close()
