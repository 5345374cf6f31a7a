"""Detectors on photos of seals, blood cells, cars and toy squares: precision, counts, and seconds of the processor.

    MODELMAIL_DATASETS=folder python -m pytest tests/benchmarks/detection.py -o python_files='*.py' -m "" -s

The folder holds harbor_seals.zip, bccd.zip and aerial_cars.zip; the squares need none of them. MODELMAIL_SEEDS: so many
seeds. Threshold and overlap come from validation photos, drawn at random from those that are learnt from. Seconds are
of all threads and child processes, from decoding on until the test photos are counted.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import pytest
from ai_edge_litert import interpreter
from numpy.typing import NDArray

from jobs.limits import Limits
from tests.unit.detection.engine.toys import squares
from vm_worker.intake.archives import list_zip
from vm_worker.intake.dataset import Part
from vm_worker.intake.extents import Shape
from vm_worker.intake.images import read_upright
from vm_worker.learn.budget import Budget
from vm_worker.learn.latency import tflite
from vm_worker.learn.networks.fused_norms import fused
from vm_worker.learn.networks.weights import WeightFile, find
from vm_worker.tasks.detection import delivered
from vm_worker.tasks.detection.boxes import Boxes, Detections, Floats, Indices, LabelledPhoto, iou
from vm_worker.tasks.detection.engine import engine, network
from vm_worker.tasks.detection.engine.detect import Settings, candidates, counted, detect, merged
from vm_worker.tasks.detection.engine.effort import Effort
from vm_worker.tasks.detection.engine.plan import planned
from vm_worker.tasks.detection.engine.scores import DetectionScores, Judged, score
from vm_worker.tasks.detection.engine.sides import Sides
from vm_worker.tasks.detection.engine.training.course import Course, HeadTraining, Recipe, TrainingData
from vm_worker.tasks.detection.engine.training.session import Photos, Workplace
from vm_worker.tasks.detection.engine.training.targets import BACKGROUND, COLUMNS, FIRST_SIDE, WEIGHT
from vm_worker.tasks.detection.labels import BoxLabels

KEY = "efficientnet_lite0"
SEEDS = int(os.environ.get("MODELMAIL_SEEDS", "1"))
VALIDATION = 0.12  # of the photos that are not tested


@dataclass(frozen=True, eq=False)
class Labelled:
    """The photos of a set."""

    photos: list[LabelledPhoto]
    decode: Callable[[int], NDArray[np.uint8]]
    tested: NDArray[np.bool_]  # of a ready-made split
    classes: int


@pytest.fixture(scope="module")
def weight() -> WeightFile:
    found, missing = find([KEY], os.environ.get("MODELMAIL_WEIGHTS", ""), download=False)
    if missing:
        pytest.skip(f"weights are missing: {missing}")
    return found[KEY]


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_seals(weight: WeightFile, tmp_path: Path, seed: int) -> None:
    whole = _one_class(_read("harbor_seals.zip"))
    found = _measured("seals", whole, np.flatnonzero(whole.tested), Run(weight, tmp_path, seed))
    assert found.map50 >= 0.9  # of one seed; the mean of three is to be 0.94


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_blood_cells(weight: WeightFile, tmp_path: Path, seed: int) -> None:
    whole = _read("bccd.zip")
    order = np.random.default_rng(seed).permutation(len(whole.photos))
    tested = np.sort(order[: round(0.2 * len(order))])
    found = _measured("blood cells", whole, tested, Run(weight, tmp_path, seed))
    assert found.map50 >= 0.8


@pytest.mark.timeout(7200)
def test_cars_in_large_photos(weight: WeightFile, tmp_path: Path) -> None:
    whole = _read("aerial_cars.zip")
    order = np.argsort([photo.width for photo in whole.photos], kind="stable")
    tested = np.sort(order[-3:])  # three of the six large ones
    run = Run(weight, tmp_path, 0, Effort(steps=400, rows=400))
    found = _measured("cars, 3 photos of 4000 x 2250", whole, tested, run)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # GB; of this process, so run it alone
    print(f"at most {peak:.2f} GB of memory", flush=True)
    assert found.doubles <= 0.03 * found.labelled
    assert peak < 3


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_squares(weight: WeightFile, tmp_path: Path, seed: int) -> None:
    photos, pixels = squares(120, seed, 320, 240)
    whole = Labelled(photos, lambda row: pixels[row], np.zeros(120, bool), 2)
    run = Run(weight, tmp_path, seed, Effort(steps=200, rows=200))
    found = _measured("toy squares", whole, np.arange(70, 120), run)
    assert found.found >= 0.95 * found.labelled
    assert found.false <= 0.05 * (found.found + found.false)


@pytest.mark.timeout(7200)
def test_tflite(weight: WeightFile, tmp_path: Path) -> None:
    """A file of 320 x 320 pixels: the milliseconds of one core for a picture, and its boxes against Keras's."""
    photos, pixels = squares(60, 0, 320, 320)
    plan = planned(KEY, photos, Effort(steps=80, rows=80))
    given = Photos(photos, np.arange(40), np.arange(40, 60), lambda row: pixels[row], 2)
    trained = engine.train(given, plan, Workplace(tmp_path, network.pretrained(weight), Budget.of(7000), 0))
    model = delivered.with_one_output(trained.model)
    reader = interpreter.Interpreter(model_content=tflite.float32(model), num_threads=1)
    reader.allocate_tensors()
    (taken,), (given_back,) = reader.get_input_details(), reader.get_output_details()
    milliseconds: list[float] = []

    def predict(pictures: Floats) -> tuple[Floats, Floats]:
        answers = []
        for one in pictures:
            reader.set_tensor(taken["index"], one[None])
            began = time.process_time()
            reader.invoke()
            milliseconds.append(1000 * (time.process_time() - began))
            answers.append(reader.get_tensor(given_back["index"])[0])
        return delivered.divided(np.stack(answers))

    for row in range(40, 60):
        ours, theirs = (detect(one, pixels[row], trained.settings) for one in (delivered.by_keras(model), predict))
        assert len(ours) == len(theirs)
        if len(ours):
            assert iou(ours.xyxy, theirs.xyxy).max(axis=1).min() > 0.99
    found = float(np.median(milliseconds))
    print(
        f"\nTFLite, {plan.width} x {plan.height}: {found:.1f} ms of a core, the same boxes on 20 pictures", flush=True
    )
    assert (plan.width, plan.height) == (320, 320) and found <= 30


@pytest.mark.timeout(7200)
def test_steps_with_fused_norms(weight: WeightFile) -> None:
    """Steps of a head's training with Keras' normalisation and with the fused one: milliseconds of the processor."""
    times: dict[str, list[float]] = {"Keras": [], "fused": []}
    losses = []
    for name in (*times, *times):
        training = _training(weight, fused if name == "fused" else lambda head: head)
        training.run(Course(Recipe(5, 1.0, 1e-3), Budget.of(7000)))
        began = _processor()
        losses.append(training.run(Course(Recipe(50, 1.0, 1e-3), Budget.of(7000))))
        times[name].append(1000 * (_processor() - began) / 50)
    shown = {name: [round(one, 1) for one in some] for name, some in times.items()}
    print(f"\na step of 8 views of 320 x 256 pixels, in ms: {shown}", flush=True)
    for other in losses[1:]:
        np.testing.assert_allclose(other, losses[0], rtol=0.05)


def _training(weight: WeightFile, chosen: Callable[[keras.Model], keras.Model]) -> HeadTraining:
    """Return the training of a head on eight views of noise, all in one batch."""
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    head = network.detector(network.pretrained(weight), Sides(256, 320), 3).head
    maps = [random.normal(size=(8, *one.shape[1:])).astype(np.float32) for one in head.inputs]
    targets = np.zeros((8, head.outputs[0].shape[1], COLUMNS), np.float32)
    targets[:, :, 0], targets[:, :, WEIGHT] = BACKGROUND, 1.0
    targets[:, :100, 0], targets[:, :100, FIRST_SIDE:] = 1.0, 2.0
    return HeadTraining(chosen(head), TrainingData(_Same(maps), lambda row: targets[row], 8, 3, 0))


@dataclass(frozen=True)
class _Same:
    """Maps that are always the same."""

    maps: list[Floats]

    def batch(self, rows: Indices) -> list[Floats]:
        return self.maps


@dataclass(frozen=True)
class Run:
    """What a run works with."""

    weight: WeightFile
    folder: Path
    seed: int
    effort: Effort | None = None


def _measured(name: str, whole: Labelled, tested: NDArray[np.int64], run: Run) -> DetectionScores:
    """Train on all but the tested photos, and print a row of figures."""
    began, clock = _processor(), time.monotonic()
    pool = np.setdiff1d(np.arange(len(whole.photos)), tested)
    order = np.random.default_rng(run.seed).permutation(pool)
    count = max(1, round(VALIDATION * len(order)))
    validation, train = np.sort(order[:count]), np.sort(order[count:])
    plan = planned(KEY, [whole.photos[row] for row in train.tolist()], run.effort)
    photos = Photos(whole.photos, train, validation, whole.decode, whole.classes)
    work = Workplace(run.folder, network.pretrained(run.weight), Budget.of(7000), run.seed)
    trained = engine.train(photos, plan, work)
    rows = tested.tolist()
    raw = [candidates(trained.predict, whole.decode(row), trained.settings) for row in rows]
    judged = [
        Judged(photo.width, photo.height, photo.boxes, merged(one, trained.settings))
        for photo, one in zip([whole.photos[row] for row in rows], raw, strict=True)
    ]
    found = score(judged, whole.classes, trained.settings.decoding.threshold)
    seconds = _processor() - began
    parts = "/".join(str(len(rows)) for rows in (train, validation, tested))
    alone = _by_threshold(whole, rows, raw, trained.settings)
    print(
        f"\n{name} (seed {run.seed}, {parts} photos, {plan.width} x {plan.height}, tiles {plan.tiling.side}, "
        f"{plan.views} views, {plan.recipe.epochs} epochs): mAP50 {found.map50:.3f}, mAP {found.map:.3f}, "
        f"found {found.found} of {found.labelled}, false {found.false} ({found.edge} at the edge, "
        f"{found.doubles} doubles), mean count error {found.count_error:.2f} (bias {found.bias:+.2f}; "
        f"{found.inner_count_error:.2f} without the edge, {alone:.2f} by the threshold alone), "
        f"{seconds:.0f} CPU s, {time.monotonic() - clock:.0f} s",
        flush=True,
    )
    return found


def _by_threshold(whole: Labelled, rows: Sequence[int], raw: Sequence[Detections], settings: Settings) -> float:
    """Return the mean error of counts that are not those that are expected."""
    alone = settings.with_expected(None)
    pairs = zip(rows, raw, strict=True)
    return float(np.mean([abs(len(counted(one, alone)) - len(whole.photos[row].boxes)) for row, one in pairs]))


def _processor() -> float:
    """Seconds of the processor of this process and its children."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _read(name: str) -> Labelled:
    path = Path(os.environ.get("MODELMAIL_DATASETS", "")) / name
    if not path.is_file():
        pytest.skip(f"{name} is missing; set MODELMAIL_DATASETS")
    limits = Limits()
    survey = BoxLabels().survey(list_zip(path, limits), limits)
    extents = [photo.extent for photo in survey.photos]

    def decode(row: int) -> NDArray[np.uint8]:
        return read_upright(extents[row].read())

    survey = survey.measured([_shape(decode(row)) for row in range(len(extents))])
    tested = np.array([photo.part is Part.TEST for photo in survey.photos])
    return Labelled(list(survey.labelled), decode, tested, len(survey.classes))


def _shape(pixels: NDArray[np.uint8]) -> Shape:
    return Shape(pixels.shape[1], pixels.shape[0])


def _one_class(whole: Labelled) -> Labelled:
    """All classes as one: one of the seals' has 22 boxes."""
    photos = [
        replace(photo, boxes=Boxes(photo.boxes.xyxy, np.zeros(len(photo.boxes), np.int64))) for photo in whole.photos
    ]
    return replace(whole, photos=photos, classes=1)
