"""Train a detector on labelled photos: frames, maps of a frozen network, a head, and the point it works at.

All that took time lies in a folder, so a run that was killed goes on from there. Every random choice comes from the
seed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from vm_worker.intake.arrays import Pixels
from vm_worker.intake.memory_maps import created, give_back
from vm_worker.learn.budget import Budget
from vm_worker.tasks.detection.boxes import Detections, Floats, Indices, LabelledPhoto
from vm_worker.tasks.detection.engine import frozen, map_cache, network, views
from vm_worker.tasks.detection.engine.detect import Predict, Settings, all_candidates, merged
from vm_worker.tasks.detection.engine.frames import Frame, FrameLabels, Frames, labelled, picture
from vm_worker.tasks.detection.engine.map_cache import Filling, MapCache, Pictures
from vm_worker.tasks.detection.engine.operating_point import OperatingPoint, searched
from vm_worker.tasks.detection.engine.plan import EnginePlan
from vm_worker.tasks.detection.engine.scores import DetectionScores, Judged, score
from vm_worker.tasks.detection.engine.sides import STRIDES, Sides
from vm_worker.tasks.detection.engine.targets import Targets
from vm_worker.tasks.detection.engine.training import Epoch, HeadTraining, TrainingData

STORED = 1.25  # times the input's sides: pictures are kept so large, for views that enlarge
SAMPLE = 4  # pictures on which engines are compared
PREPARING, TRAINING, JUDGING = "preparing", "training", "judging"


@dataclass(frozen=True, eq=False)
class Photos:
    """The photos of a job, with their labels."""

    labels: Sequence[LabelledPhoto]
    train: Indices  # rows of `labels` that are learnt from
    validation: Indices  # rows that threshold and overlap are searched on
    decode: Callable[[int], Pixels]  # the upright photo of a row, (h, w, 3) uint8 at its full size
    classes: int
    sha256: str = ""  # of the upload: what is kept of another one is not used


@dataclass(frozen=True)
class Progress:
    """How far a phase has come."""

    phase: str
    part: float  # 0..1
    epoch: Epoch | None = None  # that has just ended


@dataclass(frozen=True)
class Workplace:
    """Where a training works, by when it ends, and who hears of it."""

    folder: Path
    base: network.Base  # the network of the plan
    budget: Budget
    seed: int
    tell: Callable[[Progress], None] = lambda progress: None


@dataclass(frozen=True, eq=False)
class TrainedDetector:
    """A trained detector. The model has built-in layers alone."""

    model: keras.Model  # pictures (None, h, w, 3) float32 0..255 -> scores and distances
    settings: Settings
    point: OperatingPoint  # on the validation photos
    validation: DetectionScores
    raw: tuple[Detections, ...]  # candidates of the validation photos, doubles included
    losses: tuple[float, ...]  # of each epoch

    @property
    def predict(self) -> Predict:
        """The function that runs the model."""
        return frozen.by_keras(self.model)


def train(photos: Photos, plan: EnginePlan, work: Workplace) -> TrainedDetector:
    """Train as planned, or shorter where the time is short. Raises OutOfTime where not even the maps fit the time."""
    keras.utils.set_random_seed(work.seed)
    parts = network.detector(work.base, plan.sides, photos.classes)
    data = _training_data(photos, plan, work, parts.backbone)
    training = HeadTraining(parts.head, data, plan.recipe)

    def tell(epoch: Epoch) -> None:
        work.tell(Progress(TRAINING, epoch.number / epoch.of, epoch))

    losses = training.run(work.budget, tell, work.folder / "head.npz", _digest(photos, plan, work.seed))
    work.tell(Progress(JUDGING, 0.0))
    raw = all_candidates(frozen.by_keras(parts.whole), photos.decode, photos.validation.tolist(), plan.settings)
    return finished(parts.whole, photos, plan, raw, losses)


def finished(
    model: keras.Model, photos: Photos, plan: EnginePlan, raw: Sequence[Detections], losses: tuple[float, ...]
) -> TrainedDetector:
    """Search the point at which the model works, on candidates of the validation photos, and score it there."""
    labels = [photos.labels[row] for row in photos.validation.tolist()]
    point = searched(raw, [one.boxes for one in labels], bool(plan.tiling.side))
    settings = plan.settings.with_decoding(point.decoding(plan.settings.decoding.least))
    judged = [
        Judged(one.width, one.height, one.boxes, merged(found, settings))
        for one, found in zip(labels, raw, strict=True)
    ]
    scores = score(judged, photos.classes, point.threshold)
    return TrainedDetector(model, settings, point, scores, tuple(raw), losses)


def _training_data(photos: Photos, plan: EnginePlan, work: Workplace, backbone: keras.Model) -> TrainingData:
    frames = framed(photos, plan, work.folder)
    random = np.random.default_rng(work.seed)
    drawn = views.drawn(len(frames), plan.views, plan.upright, random)
    maps = _maps(
        frames, Pictures(frames.pixels, drawn, plan.sides), work, backbone, _digest(photos, plan, work.seed, "maps")
    )
    viewer = views.Viewer(frames.sides, plan.sides, plan.cut_ones)
    targets = Targets(plan.sides, plan.borders)

    def of(row: int) -> Floats:
        view, frame = divmod(row, len(frames))
        return targets.of(viewer.labels(frames.labels[frame], drawn[view][frame]))

    return TrainingData(maps, of, plan.views * len(frames), photos.classes, work.seed)


def _maps(frames: Frames, pictures: Pictures, work: Workplace, backbone: keras.Model, digest: str) -> MapCache:
    shapes = tuple(tuple(int(side) for side in one.shape[1:]) for one in backbone.outputs)
    run = frozen.runner(backbone, pictures.batch(0)[:SAMPLE], len(pictures), work.folder)
    filling = Filling(work.folder, digest, work.budget, lambda part: work.tell(Progress(PREPARING, part)))
    return map_cache.fill(run, pictures, shapes, filling)


def framed(photos: Photos, plan: EnginePlan, folder: Path) -> Frames:
    """Decode the training photos and keep their frames as pictures in a memory map."""
    cell = STRIDES[-1]
    sides = Sides(*(int(np.ceil(side * STORED / cell)) * cell for side in (plan.height, plan.width)))
    rows: list[tuple[int, Frame]] = [
        (row, frame)
        for row in photos.train.tolist()
        for frame in plan.tiling.frames(photos.labels[row].width, photos.labels[row].height)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    pixels = created(folder / "frames.npy", np.uint8, (len(rows), sides.height, sides.width, 3))
    labels: list[FrameLabels] = []
    last, photo = -1, np.zeros((1, 1, 3), np.uint8)
    for index, (row, frame) in enumerate(rows):
        if row != last:
            last, photo = row, photos.decode(row)
        pixels[index] = picture(photo, frame, sides)
        give_back(pixels)
        labels.append(labelled(photos.labels[row].boxes, frame, sides, plan.cut_ones or bool(plan.tiling.side)))
    return Frames(pixels, tuple(labels), np.array([row for row, _ in rows], np.int64))


def _digest(photos: Photos, plan: EnginePlan, seed: int, of: str = "head") -> str:
    """Return a digest of all that the kept maps, or the kept head, depend on."""
    facts = plan.to_json()
    if of == "maps":
        facts = {name: value for name, value in facts.items() if name not in ("recipe", "borders", "cut_ones")}
    rows = [photos.train.tolist(), photos.validation.tolist()]
    whole = {"plan": facts, "seed": seed, "photos": photos.sha256, "rows": rows, "of": of}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
