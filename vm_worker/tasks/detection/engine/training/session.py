"""A detector in training: the maps of all views computed, ready for trials of recipes.

All that took time lies in a folder, so a run that was killed goes on from there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.arrays import Pixels
from vm_worker.intake.memory_maps import created, give_back
from vm_worker.learn.budget import Budget
from vm_worker.learn.networks.fused_norms import fused
from vm_worker.tasks.detection.boxes import Detections, Floats, Indices, LabelledPhoto
from vm_worker.tasks.detection.engine import network
from vm_worker.tasks.detection.engine.detect import Settings, part_of_photo
from vm_worker.tasks.detection.engine.frames import Frame, FrameLabels, labelled, picture
from vm_worker.tasks.detection.engine.operating_point import OperatingPoint, searched
from vm_worker.tasks.detection.engine.plan import EnginePlan
from vm_worker.tasks.detection.engine.sides import STRIDES, Sides
from vm_worker.tasks.detection.engine.tiling import joined
from vm_worker.tasks.detection.engine.training import frozen, map_cache, views
from vm_worker.tasks.detection.engine.training.course import Course, Epoch, HeadTraining, Maps, TrainingData
from vm_worker.tasks.detection.engine.training.map_cache import BATCH, Filling, MapCache, Pictures
from vm_worker.tasks.detection.engine.training.targets import Targets

STORED = 1.25  # times the input's sides: pictures are kept so large, for views that enlarge
SOFT = 0.4  # share of the time after which no more maps are computed, but what there is is learnt from
FLAT = 30.0  # logit behind which a probability is 0 or 1
SAMPLE = 4  # pictures on which engines are compared
PREPARING, TRAINING, TUNING, BOXING, JUDGING = "preparing", "training", "tuning", "boxing", "judging"


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
class Trained:
    """A head that was trained."""

    weights: tuple[Floats, ...]
    losses: tuple[float, ...]  # of each epoch
    raw: tuple[Detections, ...]  # candidates of each validation photo, doubles included
    point: OperatingPoint  # that suits the validation photos best


@dataclass(frozen=True, eq=False)
class FrameList:
    """The frames of some photos, one a row."""

    frames: tuple[Frame, ...]
    photos: Indices  # (n,) the photo of each frame, a row of the labels

    @classmethod
    def of(cls, photos: Photos, rows: Indices, plan: EnginePlan) -> FrameList:
        """List the frames of these photos."""
        labels = photos.labels
        each = [plan.tiling.frames(labels[row].width, labels[row].height) for row in rows.tolist()]
        return cls(sum(each, ()), np.repeat(rows, [len(one) for one in each]).astype(np.int64))

    def pictures(self, photos: Photos, sides: Sides, path: Path) -> NDArray[np.uint8]:
        """Decode the photos, each once, and keep the frames as pictures in a memory map: (n, height, width, 3)."""
        pixels = created(path, np.uint8, (len(self.frames), sides.height, sides.width, 3))
        last, photo = -1, np.zeros((1, 1, 3), np.uint8)
        for index, (row, frame) in enumerate(zip(self.photos.tolist(), self.frames, strict=True)):
            if row != last:
                last, photo = row, photos.decode(row)
            pixels[index] = picture(photo, frame, sides)
            give_back(pixels)
        return pixels


class Session:
    """A network whose maps of the photos are known."""

    def __init__(self, photos: Photos, plan: EnginePlan, work: Workplace) -> None:
        """Decode the photos and compute the maps. Raises OutOfTime, and OSError for a full disk."""
        keras.utils.set_random_seed(work.seed)
        work.folder.mkdir(parents=True, exist_ok=True)
        self.photos, self.plan, self.work = photos, plan, work
        self.parts = network.detector(work.base, plan.sides, photos.classes, plan.borders.strides)
        self._run: map_cache.Run | None = None
        self._judged = FrameList.of(photos, photos.validation, plan)
        self.training_maps, self.data, self.labels = self._training_data()
        self._training = HeadTraining(fused(self.parts.head), self.data)
        plain = partial(self._judged.pictures, photos, plan.sides, work.folder / "judged.npy")
        unchanged = [[views.View()] * len(self._judged.frames)]
        self.validation = self._maps(Pictures(plain, unchanged, plan.sides), "validation")

    def trial(self, course: Course) -> Trained:
        """Train the head anew, and judge it on the validation photos."""
        return self.judged(self._training.run(course), self.candidates(self.parts.head, self.validation))

    def judged(self, losses: tuple[float, ...], raw: tuple[Detections, ...]) -> Trained:
        """Search the point that suits these candidates best, of the head as it is now."""
        truth = [self.photos.labels[row].boxes for row in self.photos.validation.tolist()]
        point = searched(raw, truth, bool(self.plan.tiling.side))
        return Trained(tuple(np.array(one) for one in self.parts.head.get_weights()), losses, raw, point)

    def candidates(self, model: keras.Model, maps: Maps) -> tuple[Detections, ...]:
        """Return the candidates of each validation photo by a model that gives logits and distances for these maps."""

        def outputs(rows: Indices) -> tuple[Floats, Floats]:
            logits, distances = model.predict_on_batch(maps.batch(rows))
            scores = 1 / (1 + np.exp(-np.clip(np.asarray(logits, np.float32), -FLAT, FLAT)))
            return np.asarray(scores, np.float32), np.asarray(distances, np.float32)

        return self.candidates_by(outputs, self.plan.settings)

    def candidates_by(
        self, outputs: Callable[[Indices], tuple[Floats, Floats]], settings: Settings
    ) -> tuple[Detections, ...]:
        """Return the candidates of each validation photo by a function from BATCH rows of frames to their outputs."""
        found: dict[int, list[Detections]] = {row: [] for row in self.photos.validation.tolist()}
        rows = np.arange(len(self._judged.frames), dtype=np.int64)
        for start in range(0, len(rows), BATCH):
            some = rows[start : start + BATCH]
            # Padded to one length: one graph suffices.
            scores, rest = outputs(np.resize(some, BATCH))
            for index, row in enumerate(some.tolist()):
                photo = int(self._judged.photos[row])
                label = self.photos.labels[photo]
                sides = (label.width, label.height)
                one = scores[index], rest[index]
                found[photo].append(part_of_photo(one, self._judged.frames[row], sides, settings))
        return tuple(joined(parts) for parts in found.values())

    @property
    def frames(self) -> int:
        """The number of frames that are learnt from; each has some views."""
        return -(-self.data.rows // self.plan.views)

    def digest(self, of: str) -> str:
        """Return a digest of all that the kept maps, or a kept head, depend on."""
        facts = self.plan.to_json()
        if of != "head":
            facts = {name: value for name, value in facts.items() if name not in ("recipe", "borders", "cut_ones")}
        rows = [self.photos.train.tolist(), self.photos.validation.tolist()]
        whole = {"plan": facts, "seed": self.work.seed, "photos": self.photos.sha256, "rows": rows, "of": of}
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()

    def _training_data(self) -> tuple[MapCache, TrainingData, Callable[[int], FrameLabels]]:
        photos, plan = self.photos, self.plan
        random = np.random.default_rng(self.work.seed)
        # In any order: where the time is short, the first frames are a sample of all.
        listed = FrameList.of(photos, random.permutation(photos.train), plan)
        cell = STRIDES[-1]
        sides = Sides(*(int(np.ceil(side * STORED / cell)) * cell for side in (plan.height, plan.width)))
        pictures = partial(listed.pictures, photos, sides, self.work.folder / "frames.npy")
        drawn = views.drawn(len(listed.frames), plan.views, plan.upright, random)
        maps = self._maps(Pictures(pictures, drawn, plan.sides), "training")
        # At the inner border of a tile cut objects are objects, whatever is labelled at a photo's edge.
        cut_ones = plan.cut_ones or bool(plan.tiling.side)
        labels = [
            labelled(photos.labels[row].boxes, frame, sides, cut_ones)
            for row, frame in zip(listed.photos.tolist(), listed.frames, strict=True)
        ]
        viewer, targets = views.Viewer(sides, plan.sides, cut_ones), Targets(plan.sides, plan.borders)

        def of(row: int) -> FrameLabels:
            view, frame = divmod(row, len(labels))
            return viewer.labels(labels[frame], drawn[view][frame])

        data = TrainingData(maps, lambda row: targets.of(of(row)), maps.rows, photos.classes, self.work.seed)
        return maps, data, of

    def _maps(self, pictures: Pictures, name: str) -> MapCache:
        backbone, work = self.parts.backbone, self.work
        shapes = tuple(tuple(int(side) for side in one.shape[1:]) for one in backbone.outputs)
        filling = Filling(work.folder / name, self.digest(name), work.budget, lambda part: None)
        if name == "training":
            soft = work.budget.share(SOFT)
            filling = replace(filling, tell=lambda part: work.tell(Progress(PREPARING, part)), soft=soft)
        return map_cache.fill(lambda: self._runner(pictures), pictures, shapes, filling)

    def _runner(self, pictures: Pictures) -> map_cache.Run:
        """Return the network below the pyramid, which is prepared once."""
        if self._run is None:
            sample = pictures.batch(0)[:SAMPLE]
            self._run = frozen.runner(self.parts.backbone, sample, len(pictures), self.work.folder)
        return self._run
