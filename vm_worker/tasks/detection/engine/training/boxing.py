"""Train the second stage of a Mask R-CNN on a detector that is trained, and take it where it is better."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from vm_worker.as_json import AsJson
from vm_worker.intake.memory_maps import created, taken
from vm_worker.learn.arrays import Floats
from vm_worker.tasks.detection.boxes import Indices
from vm_worker.tasks.detection.engine.scores import outline_overlaps
from vm_worker.tasks.detection.engine.second_stage import MASK, SIDE, Boxed, Wanted, second_stage
from vm_worker.tasks.detection.engine.training.course import (
    BATCH,
    Course,
    Epoch,
    HeadTraining,
    Maps,
    Recipe,
    TrainingData,
)
from vm_worker.tasks.detection.engine.training.losses import BOX_WEIGHT, overlaps, quality_focal
from vm_worker.tasks.detection.engine.training.map_cache import FinestMaps, MapCache
from vm_worker.tasks.detection.engine.training.proposals import FIRST_CELL, FIRST_SIDE, OUTLINED, WEIGHT, Proposals
from vm_worker.tasks.detection.engine.training.session import BOXING, Progress, Session, Trained
from vm_worker.tasks.detection.engine.training.tuning import precision

# Steps of the first stage's head that a step of the second one takes as long as, with 32 boxes; without masks and with.
COST, MASKED_COST = 1.0, 3.0
ROOM = 1.5  # boxes that are proposed, for each object of the fullest frame
ROIS = 16  # boxes that are proposed, at least
MOST = 128 * 1024**2  # numbers of the weights of a batch's samples: half a gigabyte
MASK_WEIGHT = 2.0  # of the masks' loss against the classes'
WORSE = 0.01  # of mAP, that boxes may lose where outlines are won


@dataclass(frozen=True)
class BoxingPlan(AsJson):
    """How a second stage is trained."""

    epochs: int = 8
    rows: int = 400  # views that are learnt from, at most
    rate: float = 1e-3

    def seconds(self, session: Session, step: float) -> float:
        """Return how long it takes, where a step of the first stage's head takes `step` seconds.

        Infinite where the fullest frame has too many objects for the memory.
        """
        rows, needed = min(self.rows, session.data.rows), wanted(session)
        rois, cost = needed.rois, MASKED_COST if needed.masks else COST
        (height, width), *_ = session.plan.sides.cells()
        if BATCH * rois * SIDE**2 * height * width > MOST:
            return math.inf
        return step * rows / BATCH * (1 + cost * rois / 32 * self.epochs)


@dataclass(frozen=True, eq=False)
class BoxedStage:
    """A second stage that was trained, with what it gives on the validation photos."""

    parts: Boxed
    wanted: Wanted
    trained: Trained  # its `weights` are not used: they are in the parts
    outlines: float | None  # mean intersection over union of found outlines with labelled ones; None: there are none

    @property
    def mask(self) -> int:
        """The cells of a mask along each side; 0: there are none."""
        return MASK if self.wanted.masks else 0


def wanted(session: Session) -> Wanted:
    """Return what a second stage has to be built for."""
    plan, photos = session.plan, session.photos
    labels = [photos.labels[row].boxes for row in photos.train.tolist()]
    most = max(len(session.labels(row).boxes) for row in range(session.frames))
    rois = max(ROIS, round(ROOM * most))
    return Wanted(
        plan.sides, plan.borders.strides, photos.classes, rois, any(map(any, (one.polygons for one in labels)))
    )


def boxed(session: Session, first: Trained, tuned: bool, plan: BoxingPlan) -> BoxedStage | None:
    """Train a second stage; None where the boxes on the validation photos are better without it.

    The session's model holds the first stage. `tuned`: its upper part is not the one that the kept maps are of.
    """
    known, work = wanted(session), session.work
    parts = second_stage(session.parts, known)
    count = min(plan.rows, session.data.rows)
    finest, boxes = _stems(session, parts, tuned, count)
    learnt = Proposals(boxes, session.labels, known.sides, MASK if known.masks else 0, work.seed)
    data = TrainingData(_Given(finest, learnt), learnt.targets, count, known.classes, work.seed)

    def tell(epoch: Epoch) -> None:
        work.tell(Progress(BOXING, epoch.number / epoch.of, epoch))

    digest = f"{session.digest('head')} {plan} {first.losses}"
    course = Course(Recipe(plan.epochs, 1.0, plan.rate), work.budget, tell, work.folder / "boxes.npz", digest)
    losses = HeadTraining(parts.heads, data, _loss(known)).run(course)
    settings = replace(session.plan.settings, rois=known.rois, mask=learnt.mask)
    raw = session.candidates_by(_outputs(session, parts, tuned), settings)
    allowed = WORSE if known.masks else 0.0
    if precision(session, raw) <= precision(session, first.raw) - allowed:
        return None
    trained = session.judged((*first.losses, *losses), raw)
    return BoxedStage(parts, known, trained, _outlines(session, trained))


def _outlines(session: Session, trained: Trained) -> float | None:
    labels = [session.photos.labels[row].boxes for row in session.photos.validation.tolist()]
    found = [one.above(trained.point.threshold) for one in trained.raw]
    every = [value for one, truth in zip(found, labels, strict=True) for value in outline_overlaps(one, truth)]
    return float(np.mean(every)) if every else None


@dataclass(frozen=True, eq=False)
class _Given:
    """The inputs of the heads: the finest maps and the boxes."""

    finest: NDArray[np.float16]
    proposals: Proposals

    def batch(self, rows: Indices) -> list[Floats]:
        """Return the maps (m, h, w, c) and the boxes (m, rois, 4) of these rows."""
        maps = np.asarray(taken(self.finest, rows), np.float32)
        return [maps, np.stack([self.proposals.given(row) for row in rows.tolist()])]


def _source(session: Session, parts: Boxed, tuned: bool, cache: MapCache) -> tuple[keras.Model, Maps]:
    """Return the model that gives the stem's outputs, and the maps that it takes."""
    if not tuned:
        return parts.stem, cache
    finest = session.parts.upper.input
    upper = session.parts.upper(finest)
    maps = [finest, *(upper if isinstance(upper, list | tuple) else [upper])]
    return keras.Model([finest], parts.stem(maps)), FinestMaps(cache)


def _stems(session: Session, parts: Boxed, tuned: bool, count: int) -> tuple[NDArray[np.float16], Floats]:
    """Compute the finest maps and the proposals of the first `count` views."""
    model, maps = _source(session, parts, tuned, session.training_maps)
    shape, rois = parts.stem.outputs[0].shape[1:], parts.stem.outputs[2].shape[1]
    finest = created(session.work.folder / "finest.npy", np.float16, (count, *shape))
    boxes = np.zeros((count, rois, 4), np.float32)
    for start in range(0, count, BATCH):
        rows = np.arange(start, min(start + BATCH, count), dtype=np.int64)
        found, _, proposed = model.predict_on_batch(maps.batch(np.resize(rows, BATCH)))
        finest[rows], boxes[rows] = found[: len(rows)], proposed[: len(rows)]
    return finest, boxes


def _outputs(session: Session, parts: Boxed, tuned: bool) -> Callable[[Indices], tuple[Floats, Floats]]:
    model, maps = _source(session, parts, tuned, session.validation)

    def outputs(rows: Indices) -> tuple[Floats, Floats]:
        scores, *rest = parts.post.predict_on_batch(model.predict_on_batch(maps.batch(rows)))
        return np.asarray(scores, np.float32), np.concatenate(rest, axis=-1).astype(np.float32)

    return outputs


def _loss(known: Wanted) -> Callable[[Any, Any], Any]:
    """Return the loss of a batch of targets (m, rois, 7 + cells) and outputs (m, rois, classes + 4 + cells)."""
    classes = known.classes

    def of(targets: Any, outputs: Any) -> Any:
        logits, changes, cells = (
            outputs[..., :classes],
            outputs[..., classes : classes + 4],
            outputs[..., classes + 4 :],
        )
        positive = ops.cast(targets[..., 0] >= 0, "float32")
        count = ops.maximum(ops.sum(positive), 1.0)
        # Distances from the box's middle to its changed sides.
        distances = 0.5 + changes * ops.convert_to_tensor([-1.0, -1.0, 1.0, 1.0])
        overlap, generalized = overlaps(targets[..., FIRST_SIDE:OUTLINED], distances)
        kind = ops.one_hot(ops.cast(targets[..., 0], "int32"), classes)
        quality = kind * ops.stop_gradient(ops.clip(overlap, 0.0, 1.0))[..., None]
        total = ops.sum(quality_focal(quality, logits) * targets[..., WEIGHT, None])
        total += BOX_WEIGHT * ops.sum(positive * (1.0 - generalized))
        if known.masks:
            entropy = ops.binary_crossentropy(targets[..., FIRST_CELL:], cells, from_logits=True)
            total += MASK_WEIGHT * ops.sum(targets[..., OUTLINED] * ops.mean(entropy, axis=-1))
        return total / count

    return of
