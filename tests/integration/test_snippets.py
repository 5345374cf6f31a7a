"""The programs that the report shows under each file run exactly as it shows them, on files that were really made."""

from __future__ import annotations

import contextlib
import functools
import html
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from infra import browser_runtime, npm
from tests.unit.report import samples
from vm_worker import report
from vm_worker.exports import convert
from vm_worker.exports.conversion import Conversion
from vm_worker.exports.conversion import convert as convert_all
from vm_worker.exports.formats import FORMATS
from vm_worker.exports.tflite_metadata import ModelFacts
from vm_worker.results.exported import FileRow

pytestmark = pytest.mark.slow
LABELS = ("red", "green", "蓝")
SIZE = 32
NAMED = 8080  # port that the programs name
MADE = ("model.h5", "model.keras", *(FORMATS[key].file for key in convert.MAKERS))
PYTHON = [file for file in MADE if file != "service.pyz"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model in every format, its labels, and a photo of each class."""
    import keras

    made = tmp_path_factory.mktemp("made")
    photo = keras.Input((SIZE, SIZE, 3))
    means = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 25.0)(photo))
    network = keras.Model(photo, keras.layers.Softmax()(means))
    network.save(made / "model.h5")
    network.save(made / "model.keras")
    squares = np.random.default_rng(0).integers(0, 256, (40, SIZE, SIZE, 3)).astype(np.uint8)
    np.save(made / "squares.npy", squares)
    facts = ModelFacts("tiny", "", LABELS)
    paths = {key: made / FORMATS[key].file for key in convert.MAKERS}
    shown = np.arange(40)
    request = Conversion(made / "model.h5", paths, made / "squares.npy", shown, made, 300.0, facts)
    assert [note.note for _, note in convert_all(request)] == [""] * len(paths)
    (made / "labels.txt").write_text("".join(f"{name}\n" for name in LABELS), encoding="utf-8")
    for name in ("red", "blue"):
        Image.new("RGB", (90, 60), name).save(made / f"{name}.png")
    return made


def shown(file: str, title: str) -> tuple[str, str, str]:
    """The name, the last command and the text of a program, as they stand in the report's HTML."""
    facts = samples.facts(LABELS)
    rows = tuple(FileRow(name, 1000, "0" * 64) for name in (*MADE, "labels.txt", "service.pyz"))
    built = report.build(replace(facts, size=SIZE, export=replace(facts.export, files=rows)))
    part = report.page(built, {}).split('<ul class="formats">')[1].partition("</ul>")[0]
    (item,) = (one for one in part.split("<li>") if f">{file}</a>" in one)
    (details,) = (one for one in item.split("<details>") if f"<summary>{title}" in one)
    found = re.search(r'<code data-program="([^"]+)">(.*?)</code></pre>', details, re.S)
    assert found is not None
    commands = re.search(r"<code data-commands>(.*?)</code>", details, re.S)
    assert commands is not None
    return found[1], html.unescape(commands[1]).splitlines()[-1], html.unescape(found[2])


def ran(command: list[str], folder: Path) -> str:
    quiet = {"NO_PROXY": "*", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "PYTHONIOENCODING": "utf-8"}
    env = {**os.environ, **quiet}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


TITLES = {"model.onnx": "Python, by ONNX Runtime", "model.savedmodel.zip": "Python, by TensorFlow"}


@pytest.mark.parametrize("file", PYTHON)
def test_python(folder: Path, file: str) -> None:
    title = "Python, by LiteRT" if file.endswith(".tflite") else TITLES.get(file, "Python, by Keras")
    name, command, text = shown(file, title)
    (folder / name).write_text(text, encoding="utf-8")
    assert command == f"python {name} photo.jpg"
    lines = ran([sys.executable, name, "red.png", "blue.png"], folder).splitlines()
    firsts = [line for line in lines if "not sure" not in line][::3]
    assert [line.partition(" (")[0] for line in firsts] == ["red.png: red", "blue.png: 蓝"]


@pytest.fixture
def service(folder: Path) -> Iterator[str]:
    """The port of a service of the same model: that which the programs name, or a free one."""
    with socket.socket() as probe:
        taken = probe.connect_ex(("127.0.0.1", NAMED)) == 0
    command = [sys.executable, "-P", "-m", "infra.cli.main", "serve", str(folder)]
    command += ["--port", "0" if taken else str(NAMED)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as running:
        assert running.stdout is not None
        told = re.search(r"http://127.0.0.1:(\d+)", running.stdout.readline())
        assert told is not None
        yield told[1]
        running.terminate()


def test_the_service_by_curl_and_by_node(folder: Path, service: str) -> None:
    (folder / "photo.jpg").write_bytes((folder / "red.png").read_bytes())
    name, command, text = shown("service.pyz", "curl")
    assert (name, command) == ("terminal", f"python3 service.pyz --host 127.0.0.1 --port {NAMED}")
    assert '"label":"red"' in ran(["bash", "-c", text.replace(str(NAMED), service)], folder)
    name, command, text = shown("service.pyz", "JavaScript")
    (folder / name).write_text(text.replace(str(NAMED), service), encoding="utf-8")
    node, *rest = command.split()
    assert ran([*npm.program(node), *rest], folder).startswith("photo.jpg: red (")


@pytest.fixture
def server(folder: Path) -> Iterator[str]:
    """What `python3 -m http.server` serves in that folder, with the two packages of npm beside the model."""
    try:
        for package in (browser_runtime.CORE, browser_runtime.LOADER):
            for name, data in npm.members(package, browser_runtime.ARCHIVES).items():
                path = folder / "node_modules" / package.name / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
    except npm.NpmError as error:
        pytest.skip(str(error))
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def tab() -> Iterator[Page]:
    """A tab of a browser."""
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import launched

    with contextlib.ExitStack() as stack:
        browser = launched(stack.enter_context(sync_playwright()).chromium)
        yield browser.new_page()
        browser.close()


@pytest.mark.parametrize("file", ["model.tflite", "model_float16.tflite", "model_int8.tflite"])
def test_javascript_in_a_web_page(folder: Path, server: str, tab: Page, file: str) -> None:
    name, _, text = shown(file, "JavaScript")
    (folder / name).write_text(text, encoding="utf-8")
    tab.goto(f"{server}/{name}")
    expect(tab.locator("#answer")).to_have_text("Choose a photo.", timeout=20_000)
    for photo, label in (("red", "red"), ("blue", "蓝")):
        tab.set_input_files("#photo", folder / f"{photo}.png")
        expect(tab.locator("#answer")).to_contain_text(f"{label} (")
