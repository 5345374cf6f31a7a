"""Train a detector on labelled photos, by one recipe or by a search over recipes.

Every random choice comes from the seed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import keras

from vm_worker.tasks.detection.boxes import Detections
from vm_worker.tasks.detection.engine.certainty import Certainty
from vm_worker.tasks.detection.engine.detect import Predict, Settings, merged
from vm_worker.tasks.detection.engine.operating_point import OperatingPoint
from vm_worker.tasks.detection.engine.plan import EnginePlan
from vm_worker.tasks.detection.engine.scores import DetectionScores, Judged, counts, score
from vm_worker.tasks.detection.engine.training import frozen
from vm_worker.tasks.detection.engine.training.boxing import BoxedStage
from vm_worker.tasks.detection.engine.training.course import Course, Epoch
from vm_worker.tasks.detection.engine.training.expecting import expected_counts
from vm_worker.tasks.detection.engine.training.session import BOXING as BOXING
from vm_worker.tasks.detection.engine.training.session import JUDGING as JUDGING
from vm_worker.tasks.detection.engine.training.session import PREPARING as PREPARING
from vm_worker.tasks.detection.engine.training.session import TRAINING as TRAINING
from vm_worker.tasks.detection.engine.training.session import TUNING as TUNING
from vm_worker.tasks.detection.engine.training.session import Photos as Photos
from vm_worker.tasks.detection.engine.training.session import Progress as Progress
from vm_worker.tasks.detection.engine.training.session import Session, Trained
from vm_worker.tasks.detection.engine.training.session import Workplace as Workplace
from vm_worker.tasks.detection.engine.training.tuning import TuningPlan, tuned
from vm_worker.tasks.detection.photographs import photographs


@dataclass(frozen=True, eq=False)
class TrainedDetector:
    """A trained detector. The model has built-in layers alone."""

    model: keras.Model  # pictures (None, h, w, 3) float32 0..255 -> scores and distances
    settings: Settings
    point: OperatingPoint  # on the validation photos
    validation: DetectionScores
    raw: tuple[Detections, ...]  # candidates of the validation photos, doubles included
    losses: tuple[float, ...]  # of each epoch
    certainty: Certainty  # of counts, from the validation photos

    @property
    def predict(self) -> Predict:
        """The function that runs the model."""
        return frozen.by_keras(self.model)


def train(photos: Photos, plan: EnginePlan, work: Workplace, tuning: TuningPlan | None = None) -> TrainedDetector:
    """Train as planned, or shorter where the time is short; then tune the upper part of the network, if that fits.

    Raises OutOfTime where not even the maps fit the time.
    """

    def tell(epoch: Epoch) -> None:
        work.tell(Progress(TRAINING, epoch.number / epoch.of, epoch))

    session = Session(photos, plan, work)
    course = Course(plan.recipe, work.budget, tell, work.folder / "head.npz", session.digest("head"))
    started = time.monotonic()
    trained = session.trial(course)
    step = (time.monotonic() - started) / max(1, plan.recipe.epochs * plan.recipe.steps(session.data.rows))
    if tuning and tuning.seconds(session, step) < work.budget.remaining():
        trained = tuned(session, trained, tuning) or trained
    work.tell(Progress(JUDGING, 1.0))
    return finished(session, trained)


def finished(session: Session, trained: Trained, stage: BoxedStage | None = None) -> TrainedDetector:
    """Put a trained head into the whole model, with the settings that suit the validation photos best.

    With a second stage, which was trained on that head, the model is that of both.
    """
    session.parts.head.set_weights(trained.weights)
    trained = stage.trained if stage else trained
    photos, plan, point = session.photos, session.plan, trained.point
    settings = plan.settings.with_decoding(point.decoding(plan.settings.decoding.least))
    if stage:
        settings = replace(settings, rois=stage.wanted.rois, mask=stage.mask)
    labels = [photos.labels[row] for row in photos.validation.tolist()]
    settings = settings.with_expected(expected_counts(trained.raw, [one.boxes for one in labels], settings))
    judged = [
        Judged(one.width, one.height, one.boxes, merged(found, settings))
        for one, found in zip(labels, trained.raw, strict=True)
    ]
    scores = score(judged, photos.classes, point.threshold)
    keys = photographs([one.name for one in photos.labels])
    certainty = Certainty.of(
        *counts(judged, photos.classes, point.threshold), [keys[row] for row in photos.validation.tolist()]
    )
    model = stage.parts.whole if stage else session.parts.whole
    return TrainedDetector(model, settings, point, scores, trained.raw, trained.losses, certainty)
