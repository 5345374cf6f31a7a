"""try.html is one file that runs a model without any server, from a folder, and contacts nobody."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from jobs import browser_runtime
from tests.browser.accessibility import faults
from tests.browser.conftest import PHONE
from tests.browser.test_try_model import CLASSES, SIZE, photo
from tests.unit.report import samples
from vm_worker import report
from vm_worker.exports import try_page

pytestmark = pytest.mark.skipif(bool(browser_runtime.missing()), reason="LiteRT.js could not be fetched here")
HOSTILE = "</script><script>alert(1)</script>"


def kept(folder: Path, tflite: bytes, classes: tuple[str, ...] = CLASSES) -> Path | None:
    """The file for a job with these classes."""
    (folder / "model.tflite").write_bytes(tflite)
    return try_page.write(folder, json.loads(json.dumps(report.build(replace(samples.facts(classes), size=SIZE)))))


def test_the_file_answers_photos_and_camera_without_a_network(
    with_camera: Browser, tmp_path: Path, tflite: bytes
) -> None:
    path = kept(tmp_path, tflite)
    assert path is not None
    context = with_camera.new_context(offline=True, viewport=PHONE)
    page = context.new_page()
    trouble, requests = [], []
    page.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.goto(path.as_uri())
    page.on("request", lambda request: None if request.url.startswith("blob:") else requests.append(request.url))
    files = [{"name": "night.jpg", "mimeType": "image/jpeg", "buffer": photo(grey=20)}]
    page.set_input_files("[data-part=files]", files)  # type: ignore[arg-type]
    expect(page.locator("#try figure b")).to_have_text("dark, 100 %")
    assert faults(page) == []
    page.get_by_role("button", name="Use the camera").click()
    expect(page.locator("[data-part=answer]")).to_contain_text(" %")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    context.close()
    assert (trouble, requests) == ([], [])


def test_class_names_stay_text(browser: Browser, tmp_path: Path, tflite: bytes) -> None:
    path = kept(tmp_path, tflite, (HOSTILE, '"><img src=x onerror=alert(1)>', "-->]]>"))
    assert path is not None and HOSTILE not in path.read_text(encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    files = [{"name": "night.jpg", "mimeType": "image/jpeg", "buffer": photo(grey=20)}]
    page.set_input_files("[data-part=files]", files)  # type: ignore[arg-type]
    expect(page.locator("#try figure b")).to_have_text(f"{HOSTILE}, 100 %")
    assert page.locator("img").count() == 0
    page.close()
