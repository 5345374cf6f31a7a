"""A finished job's model is tried on its page: with photos and a camera, as the training saw them, and in private."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect

from infra.local.stack import Stack
from jobs import browser_runtime
from jobs.installation import open_queue
from jobs.job import Job
from jobs.queue import Queue
from tests.browser.accessibility import faults
from tests.browser.conftest import PHONE, watch
from tests.browser.test_report_page import finish
from tests.unit.report import samples
from tests.workers import until
from vm_worker.intake.images import read_square
from vm_worker.results.evaluated import Evaluated, Sureness

CLASSES = ("dark", "light", "never")  # of the network of the fixture `tflite`
SIZE = 8

needs_runtime = pytest.mark.skipif(bool(browser_runtime.missing()), reason="LiteRT.js could not be fetched here")


@pytest.fixture(scope="module")
def queue(stack: Stack) -> Iterator[Queue]:
    yield open_queue(stack.settings)


@pytest.fixture(scope="module")
def job(stack: Stack, queue: Queue, tflite: bytes, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A finished job with a model that runs: below 60 % it is not sure."""
    folder = tmp_path_factory.mktemp("tried")
    (folder / "model.tflite").write_bytes(tflite)
    made = samples.facts(CLASSES)
    assert isinstance(made.evaluate, Evaluated)
    none = Sureness(right=(0,) * 101, wrong=(0,) * 101)  # the slider for "not sure" needs some
    evaluated = replace(made.evaluate, sureness=(none,) * len(CLASSES))
    return finish(stack, queue, folder, CLASSES, replace(made, size=SIZE, evaluate=evaluated))


def photo(kind: str = "JPEG", grey: int = 20, size: tuple[int, int] = (64, 48), **options: Any) -> bytes:
    """A picture of noise around a grey."""
    noise = np.random.default_rng(0).integers(-15, 16, (size[1], size[0], 3))
    out = io.BytesIO()
    Image.fromarray(np.clip(grey + noise, 0, 255).astype(np.uint8)).save(out, kind, **options)
    return out.getvalue()


def upload(page: Page, *photos: tuple[str, bytes]) -> None:
    """Choose photos."""
    files: Any = [{"name": name, "mimeType": "image/jpeg", "buffer": data} for name, data in photos]
    page.set_input_files("[data-part=files]", files)


def read(words: Locator) -> str:
    """Read what stands there. The browser skips drawing far down the page, where there is no `inner_text`."""
    return (words.text_content() or "").replace("\xa0", " ")


@needs_runtime
def test_photos_are_answered_and_no_request_leaves_meanwhile(page: Page, job: str) -> None:
    page.goto(f"/jobs/{job}")
    page.get_by_role("link", name="Try your model").click()
    upload(page, ("warm.jpg", photo()))
    results = page.locator("#try figure")
    expect(results).to_have_count(1)
    expect(page.locator("#try [role=status]")).to_have_text("warm.jpg: dark, 100 %")
    requests: list[str] = []
    page.context.on("request", lambda request: requests.append(request.url))
    upload(page, ("night.jpg", photo(grey=20)), ("noon.png", photo("PNG", grey=240)), ("half.jpg", photo(grey=127)))
    expect(results).to_have_count(4)
    expect(page.locator("#try [role=status]")).to_have_text("3 of 3 photos answered.")
    said = {name: read(results.filter(has_text=name).locator("b")) for name in ("night", "noon", "half")}
    assert said["night"].startswith("dark, ") and said["noon"] == "light, 100 %"
    assert said["half"].startswith("not sure (perhaps ")
    page.get_by_role("slider").press("Home")  # the limit that is chosen further down holds here, too
    upload(page, ("half again.jpg", photo(grey=127)))
    expect(results).to_have_count(5)
    again = results.filter(has_text="half again").locator("b")
    expect(again).not_to_be_empty()
    assert read(again).split(", ")[0] in CLASSES
    assert requests == []


@needs_runtime
def test_a_photo_can_be_chosen_again(page: Page, job: str, tmp_path: Path) -> None:
    (tmp_path / "night.jpg").write_bytes(photo())
    page.goto(f"/jobs/{job}")
    for times in (1, 2):
        page.set_input_files("[data-part=files]", tmp_path / "night.jpg")
        expect(page.locator("#try figure")).to_have_count(times)


@needs_runtime
def test_what_cannot_be_read_is_said(page: Page, job: str) -> None:
    page.goto(f"/jobs/{job}")
    out = io.BytesIO()
    Image.fromarray(np.full((9, 9), 40000, np.uint16)).save(out, "PNG")
    clear = io.BytesIO()
    Image.new("RGBA", (9, 9)).save(clear, "PNG")
    upload(page, ("words.jpg", b"no picture"), ("deep.png", out.getvalue()), ("clear.png", clear.getvalue()))
    results = page.locator("#try figure")
    expect(results.filter(has_text="words.jpg")).to_contain_text("this browser does not know its format")
    expect(results.filter(has_text="deep.png")).to_contain_text("it has 16 bits")
    expect(results.filter(has_text="clear.png")).to_contain_text("transparent all over")
    expect(page.locator("#try [role=status]")).to_have_text("0 of 3 photos answered.")


@needs_runtime
def test_the_camera_is_answered_live(with_camera: Browser, stack: Stack, job: str) -> None:
    context = with_camera.new_context(base_url=stack.function_url, viewport=PHONE)
    dialogs: list[str] = []
    page = context.new_page()
    errors = watch(page, dialogs)
    page.goto(f"/jobs/{job}")
    page.get_by_role("button", name="Use the camera").focus()
    page.keyboard.press("Enter")
    answer = page.locator("[data-part=answer]")
    expect(answer).to_contain_text(" %")
    assert page.locator("[data-part=bars] li").count() == len(CLASSES)
    requests: list[str] = []
    context.on("request", lambda request: requests.append(request.url))
    until(lambda: page.get_attribute("#try", "data-rate") is not None, seconds=20, pause=0.05)
    assert float(page.get_attribute("#try", "data-rate") or 0) > 5  # pictures a second
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    expect(page.get_by_role("button", name="Use the camera")).to_be_hidden()
    expect(page.get_by_role("button", name="Stop the camera")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[data-part=live]")).to_be_hidden()
    expect(page.get_by_role("button", name="Use the camera")).to_be_focused()
    expect(page.locator("#try [role=status]")).to_have_text("The camera is off.")
    assert page.evaluate("document.querySelector('[data-part=video]').srcObject.active") is False
    context.close()
    assert (errors, requests, dialogs) == ([], [], [])


FOCUSED = """() => {
  const [at, label] = [document.activeElement, document.activeElement.closest(".pick")];
  const seen = [at, label].some((one) => one && getComputedStyle(one).outlineStyle !== "none");
  const top = Math.round((label || at).getBoundingClientRect().top + scrollY);
  return [(at.dataset.part || at.textContent).trim(), seen, top];
}"""


@needs_runtime
@pytest.mark.slow  # twenty stops
def test_by_keyboard_alone_the_trial_is_near_and_the_focus_goes_down_the_page(page: Page, job: str) -> None:
    page.goto(f"/jobs/{job}")
    stops = []
    for _ in range(20):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(FOCUSED))
    names, seen, heights = zip(*stops, strict=True)
    assert all(seen) and names[1] == "Try your model"
    assert all(after >= before - 8 for before, after in pairwise(heights)), stops  # buttons of one row
    page.get_by_role("link", name="Try your model").focus()
    page.keyboard.press("Enter")
    for name in ("files", "camera"):
        page.keyboard.press("Tab")
        assert page.evaluate(FOCUSED)[:2] == [name, True]
    page.keyboard.press("Enter")
    expect(page.locator("#try [role=status]")).to_contain_text("This device has no camera")


@needs_runtime
def test_without_a_camera_or_a_safe_address_the_page_says_so(page: Page, job: str) -> None:
    page.goto(f"/jobs/{job}")
    page.get_by_role("button", name="Use the camera").click()
    expect(page.locator("#try [role=status]")).to_contain_text("This device has no camera")
    page.evaluate("Object.defineProperty(window, 'isSecureContext', {value: false})")
    page.get_by_role("button", name="Use the camera").click()
    expect(page.locator("#try [role=status]")).to_contain_text("works on https and on localhost alone")


@needs_runtime
def test_that_the_model_is_ready_hides_nothing_that_was_said_meanwhile(page: Page, job: str) -> None:
    page.goto(f"/jobs/{job}")
    held: list[Route] = []
    page.route("**/*.tflite*", lambda route: held.append(route))
    with page.expect_request("**/*.tflite*"):
        page.get_by_role("button", name="Use the camera").click()
    expect(page.locator("#try [role=status]")).to_contain_text("This device has no camera")
    for route in held:
        route.continue_()
    expect(page.locator("#try")).to_have_attribute("data-engine", "wasm")
    expect(page.locator("#try [role=status]")).to_contain_text("This device has no camera")


@needs_runtime
def test_the_page_may_not_compile_programs_and_its_worker_nothing_more(page: Page, job: str) -> None:
    answer = page.goto(f"/jobs/{job}")
    assert answer is not None and "unsafe" not in answer.headers["content-security-policy"]
    worker = page.request.get(page.get_attribute("#try", "data-worker") or "")
    policy = worker.headers["content-security-policy"]
    assert policy == "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"


@needs_runtime
@pytest.mark.slow
def test_the_answers_have_no_fault_that_axe_knows(page: Page, job: str) -> None:
    page.goto(f"/jobs/{job}")
    upload(page, ("night.jpg", photo(grey=20)), ("half.jpg", photo(grey=127)))
    expect(page.locator("#try figure")).to_have_count(2)
    assert faults(page) == []


def test_without_model_tflite_the_page_says_why(page: Page, queue: Queue, job: str) -> None:
    record = queue.read(job)
    assert record is not None
    whole = record.job.files

    def without(job: Job) -> Job:
        return replace(job, files={name: row for name, row in whole.items() if name != "model.tflite"})

    queue.update(job, without)
    page.goto(f"/jobs/{job}")
    expect(page.locator("#untried")).to_contain_text("modelmail predict model.h5 photo.jpg")
    expect(page.get_by_role("link", name="Try your model")).to_have_count(0)
    queue.update(job, lambda job: replace(job, files=whole))


@needs_runtime
def test_the_browser_gives_the_answers_of_the_model(page: Page, job: str, tflite: bytes, tmp_path: Path) -> None:
    """Within 0.01, through the page: the bars hold the probabilities."""
    from ai_edge_litert.interpreter import Interpreter

    network = Interpreter(model_content=tflite)
    network.allocate_tensors()
    first = network.get_input_details()[0]["index"]
    page.goto(f"/jobs/{job}")
    pictures = {f"{grey}.jpg": photo(grey=grey, size=(640, 480)) for grey in range(118, 138, 3)}
    upload(page, *pictures.items())
    expect(page.locator("#try figure")).to_have_count(len(pictures))
    for name, data in pictures.items():
        network.set_tensor(first, read_square(io.BytesIO(data), SIZE)[None].astype(np.float32))
        network.invoke()
        wanted = network.get_tensor(network.get_output_details()[0]["index"])[0]
        meters = page.locator("#try figure").filter(has_text=name).locator("progress")
        got = meters.evaluate_all("all => all.map(one => one.value)")
        assert np.abs(np.array(got) - wanted).max() < 0.01, name
