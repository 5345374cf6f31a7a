"""A network of full size answers in the browser as model.h5 does, on as many photos as a job tests on."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from infra.local.stack import Stack
from jobs import browser_runtime
from jobs.installation import open_queue
from jobs.queue import Queue
from tests.browser.test_report_page import finish
from tests.sources import ROOT
from tests.unit.report import samples
from vm_worker.exports import files
from vm_worker.intake.images import read_square

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(browser_runtime.missing()), reason="LiteRT.js could not be fetched here"),
]
PHOTOS = ROOT.parent / "shared" / "datasets" / "trashnet.zip"
SHARE = 5  # one photo in so many, as a job keeps for its test
AT_ONCE = 20
NETWORK = "efficientnet_lite0"
CLASSES = ("cardboard", "glass", "metal", "paper", "plastic", "trash")
PATIENCE = 120_000  # milliseconds


@pytest.fixture(scope="module")
def queue(stack: Stack) -> Iterator[Queue]:
    """The stack's records and buckets."""
    yield open_queue(stack.settings)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EfficientNet-Lite0 with a head that is unsure of many photos, as model.h5 and model.tflite."""
    return made(tmp_path_factory.mktemp("lite0"))


def made(folder: Path) -> Path:
    """Write the two files into the folder; the weights are the network's own where this machine has them."""
    import keras

    from vm_worker.learn.latency import tflite
    from vm_worker.learn.networks import build, weights

    keras.utils.set_random_seed(0)
    found, _ = weights.find([NETWORK], "", download=False)
    extractor = build.extractor(NETWORK, found.get(NETWORK))
    head = keras.layers.Dense(len(CLASSES), activation="softmax")
    model = keras.Model(extractor.input, head(extractor.output))
    files.save(model, folder / files.H5)
    (folder / "model.tflite").write_bytes(tflite.float32(model))
    return folder


@pytest.fixture(scope="module")
def job(stack: Stack, queue: Queue, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A finished job with that model."""
    away = tmp_path_factory.mktemp("away")
    (folder / files.H5).rename(away / files.H5)  # `finish` writes another there
    job_id = finish(stack, queue, folder, CLASSES, replace(samples.facts(CLASSES), size=224))
    (away / files.H5).rename(folder / files.H5)
    return job_id


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The photos, as files."""
    if not PHOTOS.is_file():
        pytest.skip(f"there is no {PHOTOS.name} beside this checkout")
    target = tmp_path_factory.mktemp("photos")
    found: list[Path] = []
    with zipfile.ZipFile(PHOTOS) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith(".jpg")]
        for name in names[::SHARE]:
            found.append(target / f"{len(found):04d}.jpg")
            found[-1].write_bytes(archive.read(name))
    return found


def test_every_photo_gets_the_answer_of_model_h5(page: Page, job: str, folder: Path, photos: list[Path]) -> None:
    model = files.load(folder / files.H5)
    figures = page.locator("#try figure")
    wrong, largest = [], 0.0
    for start in range(0, len(photos), AT_ONCE):
        some = photos[start : start + AT_ONCE]
        wanted = model.predict(np.stack([read_square(path, 224) for path in some]).astype(np.float32), verbose=0)
        page.goto(f"/jobs/{job}")
        page.set_input_files("[data-part=files]", some)
        expect(figures).to_have_count(len(some), timeout=PATIENCE)
        for path, shares in zip(some, wanted, strict=True):
            meters = figures.filter(has_text=path.name).locator("progress")
            got = np.array(meters.evaluate_all("all => all.map(one => one.value)"))
            largest = max(largest, float(np.abs(got - shares).max()))
            if got.argmax() != shares.argmax() and np.sort(shares)[-1] - np.sort(shares)[-2] > 0.001:
                wrong.append(path.name)
    print(f"{len(photos)} photos; largest difference of a probability: {largest:.6f}")
    assert (wrong, largest < 0.01) == ([], True)


def fetched(page: Page, job: str, photo: Path) -> tuple[int, float]:
    """The bytes that a page fetches to try its first photo, and the seconds from the choice of it to its answer."""
    page.goto(f"/jobs/{job}")
    page.wait_for_load_state("load")
    counted = [0]

    def count(event: Any) -> None:
        counted[0] += int(event["encodedDataLength"])

    session = page.context.new_cdp_session(page)
    session.on("Network.loadingFinished", count)
    session.send("Network.enable")
    began = page.evaluate("performance.now()")
    page.set_input_files("[data-part=files]", photo)
    expect(page.locator("#try figure")).to_have_count(1, timeout=PATIENCE)
    seconds = (page.evaluate("performance.now()") - began) / 1000
    # What the worker loads is told by itself: its scripts and the program.
    entries = "performance.getEntriesByType('resource').reduce((sum, one) => sum + one.transferSize, 0)"
    inside = sum(int(worker.evaluate(entries)) for worker in page.workers if "try-worker" in worker.url)
    session.detach()
    return counted[0] + inside, seconds


def test_the_page_fetches_the_model_and_the_runtime_and_hardly_more(
    page: Page, job: str, folder: Path, photos: list[Path]
) -> None:
    cold, first = fetched(page, job, photos[0])
    warm = [fetched(page, job, photos[0]) for _ in range(3)]
    whole = (folder / "model.tflite").stat().st_size + browser_runtime.fetched_bytes()
    print(f"cold: {cold} bytes of {whole}, {first:.1f} s; warm: {warm}")
    assert 0.9 * whole < cold <= 1.5 * whole
