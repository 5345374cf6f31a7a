"""The page of a service answers a photo and what the camera sees, through its own /predict."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.accessibility import faults
from tests.browser.conftest import PHONE
from tests.browser.test_try_model import photo


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, tflite: bytes) -> Iterator[str]:
    """The address of a service with the model of the fixture `tflite`."""
    folder = tmp_path_factory.mktemp("service")
    (folder / "model.tflite").write_bytes(tflite)
    (folder / "labels.txt").write_text("dark\nlight\nnever\n", encoding="utf-8")
    command = [sys.executable, "-P", "-m", "infra.cli.main", "serve", str(folder), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as running:
        assert running.stdout is not None
        told = re.search(r"http://\S+", running.stdout.readline())
        assert told is not None
        yield told[0]
        running.terminate()


def test_a_photo_and_the_camera_are_answered(with_camera: Browser, service: str, tmp_path: Path) -> None:
    page = with_camera.new_page(viewport=PHONE)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(service)
    (tmp_path / "noon.jpg").write_bytes(photo(grey=240))
    page.set_input_files("#file", tmp_path / "noon.jpg")
    expect(page.locator("#said")).to_have_text("light, 100.0 %")
    assert faults(page) == []
    page.get_by_role("button", name="Use the camera").click()
    expect(page.locator("#video")).to_be_visible()
    expect(page.locator("#said")).to_have_text(re.compile("dark"))  # the made-up camera shows a dark green
    expect(page.locator("#all dt")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.get_by_role("button", name="Stop the camera").click()
    page.set_input_files("#file", tmp_path / "noon.jpg")  # once more
    expect(page.locator("#said")).to_have_text("light, 100.0 %")
    expect(page.locator("#video")).to_be_hidden()
    page.close()
    assert [error for error in errors if "favicon" not in error and "404" not in error] == []
