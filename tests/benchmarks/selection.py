"""Selection on features that are computed once, against training through the frozen bases in every epoch.

    MODELMAIL_WEIGHTS=folder MODELMAIL_PHOTOS=photos.zip python -m pytest tests/benchmarks/selection.py \
        -o python_files='*.py' -m "" -s

The same photos, networks, split, epochs and heads (softmax regression, the same optimiser and strengths) on
both sides. Without MODELMAIL_PHOTOS the photos are tiles of textures. MODELMAIL_EACH: so many photos of each class.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from jobs.limits import Limits
from jobs.options import Options
from tests.benchmarks.shrunk import shrunk
from tests.unit.learn.photos import textures
from vm_worker.intake.dataset import Part
from vm_worker.intake.take_in import IntakeRequest
from vm_worker.learn.budget import Budget
from vm_worker.learn.features import extraction
from vm_worker.learn.heads import courses, linear
from vm_worker.learn.heads.linear import Bank, FeatureRows, HeadSettings, Space
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import build
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.networks.weights import WeightFile, find
from vm_worker.learn.select.selection import Selection, SelectionRequest, select
from vm_worker.tasks.uploads import take_in

KEYS = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2", "mobilenet")
EPOCHS = 10
EACH = int(os.environ.get("MODELMAIL_EACH", "40"))


@dataclass(frozen=True)
class Naive:
    """What training through one frozen base came to."""

    accuracy: float
    seconds: float
    forward: float  # seconds of one bare pass over the photos, by Keras


@pytest.fixture(scope="module")
def weights() -> dict[str, WeightFile]:
    found, missing = find(KEYS, os.environ.get("MODELMAIL_WEIGHTS", ""), download=False)
    if missing:
        pytest.skip(f"weights are missing: {missing}; set MODELMAIL_WEIGHTS")
    return found


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> LabelledPhotos:
    folder = tmp_path_factory.mktemp("photos")
    sizes = tuple(sorted({CATALOGUE[key].size for key in KEYS}))
    source = os.environ.get("MODELMAIL_PHOTOS")
    if not source:
        return textures(folder, sizes, 2 * EACH)
    part = shrunk(Path(source), folder, EACH, 0)
    return take_in(IntakeRequest(part, folder / "cache", sizes, 0, Limits(), 2), lambda done, text: None)


@pytest.mark.timeout(3600)
def test_selection_against_training_through_frozen_bases(
    photos: LabelledPhotos, weights: dict[str, WeightFile], tmp_path: Path
) -> None:
    """Prints one table; the accuracies are of the same fixed validation part."""
    options = Options(candidates=KEYS, epochs=EPOCHS, trials=0)
    chosen, ours = _timed(
        lambda: select(SelectionRequest(photos, weights, options, Budget.of(3600), tmp_path), lambda event: None)
    )
    naive = {key: _trained_through(photos, weights[key]) for key in KEYS}
    cached = {key: _on_cached(photos, key, tmp_path) for key in KEYS}
    count = len(photos.rows(Part.TRAIN)) + len(photos.rows(Part.VALIDATION))
    print(f"\n{count} photos, {len(photos.truth.classes)} classes, {EPOCHS} epochs")
    print(f"{'network':<20}{'through the base':>18}{'on features':>13}{'seconds':>9}{'one pass':>10}{'selection':>11}")
    seconds = {row.name: row.seconds for row in chosen.candidates}
    for key in KEYS:
        one = naive[key]
        print(
            f"{key:<20}{one.accuracy:>18.3f}{cached[key]:>13.3f}{one.seconds:>9.1f}{one.forward:>10.1f}"
            f"{seconds[key]:>11.1f}"
        )
    total, forward = (sum(getattr(one, name) for one in naive.values()) for name in ("seconds", "forward"))
    gap = float(np.mean([cached[key] - naive[key].accuracy for key in KEYS]))
    print(f"selection {ours:.1f} s, with findings; through the bases {total:.1f} s: {total / ours:.1f} times")
    print(f"one bare pass of each {forward:.1f} s: selection takes {ours / forward:.2f} of it")
    print(f"mean difference of validation accuracy {100 * gap:+.2f} points; chosen: {_told(chosen)}")
    assert abs(gap) <= 0.01


def _timed(work: Callable[[], Selection]) -> tuple[Selection, float]:
    started = time.monotonic()
    return work(), time.monotonic() - started


def _trained_through(photos: LabelledPhotos, weight: WeightFile) -> Naive:
    """Every epoch sends every photo through the base, as the usual recipe does; then the heads learn from it."""
    model = build.extractor(weight.key, weight)
    pixels, train, validation = _parts(photos, weight.key)
    extraction.forward(model, pixels, train[:1])  # traces
    started = time.monotonic()
    settings = HeadSettings(len(photos.truth.classes), EPOCHS, 0)
    space: Space | None = None
    passes = []
    for _ in range(EPOCHS):
        began = time.monotonic()
        seen = _through(model, pixels, train)
        # The same features each time: only the first epoch needs to hand them to the heads.
        if space is None:
            space = Space(FeatureRows(seen, photos.truth.labels[train]), settings)
            bank = Bank(space.learnt, settings)
        checked = _through(model, pixels, validation)
        passes.append(time.monotonic() - began)
        with threadpool_limits(**linear.ONE_THREAD):  # as selection's heads have it
            bank.epoch()
            judged = bank.logits(space.prepared(FeatureRows(checked, photos.truth.labels[validation])))
    seconds = time.monotonic() - started
    right = (judged.argmax(-1) == photos.truth.labels[validation][:, None]).mean(axis=0)
    return Naive(float(right.max()), seconds, float(np.median(passes)))


def _through(model: object, pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    parts = [
        extraction.forward(model, pixels, rows[at : at + extraction.BATCH])
        for at in range(0, len(rows), extraction.BATCH)
    ]
    return np.concatenate(parts)


def _on_cached(photos: LabelledPhotos, key: str, folder: Path) -> float:
    """The same heads on the features that selection left behind."""
    wide: NDArray[np.float16] = np.load(folder / f"features-{key}.npy", mmap_mode="r")
    found = wide[:, : CATALOGUE[key].features].astype(np.float32)  # of the last layer alone
    _, train, validation = _parts(photos, key)
    learnt = FeatureRows(found[: len(train)], photos.truth.labels[train])
    unseen = FeatureRows(found[len(train) :], photos.truth.labels[validation])
    settings = HeadSettings(len(photos.truth.classes), EPOCHS, 0)
    logits = courses.course(courses.prepared(((learnt, unseen), settings)), settings)
    return float(linear.score(logits[-1], unseen.labels).accuracy.max())


def _parts(photos: LabelledPhotos, key: str) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    return photos.pixels(CATALOGUE[key].size), photos.rows(Part.TRAIN), photos.rows(Part.VALIDATION)


def _told(chosen: Selection) -> str:
    row = next(row for row in chosen.candidates if row.name == chosen.winner)
    return f"{chosen.winner} {row.validation_accuracy:.3f} by folds"
