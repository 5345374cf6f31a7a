"""Train the upper part of the backbone with the head, from the finest maps that are cached, where there is time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np

from vm_worker.as_json import AsJson
from vm_worker.learn.atomic_files import replacing
from vm_worker.learn.networks.fold_batchnorm import folded
from vm_worker.learn.networks.fused_norms import fused
from vm_worker.learn.networks.precision import product_dtype
from vm_worker.tasks.detection.boxes import Boxes, Detections
from vm_worker.tasks.detection.engine.detect import merged
from vm_worker.tasks.detection.engine.precision import precisions
from vm_worker.tasks.detection.engine.training.course import BATCH, Course, Epoch, HeadTraining, Recipe
from vm_worker.tasks.detection.engine.training.map_cache import FinestMaps
from vm_worker.tasks.detection.engine.training.session import TUNING, Progress, Session, Trained

COST = 4.5  # steps of the head alone that a step of tuning takes as long as
LONGER = ((2, 2), (4, 2))  # times the epochs and the views, of longer plans
SHARE = 0.5  # of the time that is left, at most, for a longer plan
CHOSEN = "tuning.json"  # the plan that was chosen


@dataclass(frozen=True)
class TuningPlan(AsJson):
    """How the upper part is trained."""

    epochs: int = 3
    views: int = 2  # of each frame, at most
    rate: float = 5e-4

    def seconds(self, session: Session, step: float) -> float:
        """Return how long it takes, where a step of the head alone takes `step` seconds."""
        return COST * step * self.epochs * self.rows(session) / BATCH

    def longest(self, session: Session, step: float) -> TuningPlan:
        """Return the longest such plan that takes at most half of the time that is left, else this one.

        Boxes fit better after more steps, where a search over other recipes brings little. A run that was killed goes
        on by the plan that it chose first.
        """
        path, digest = session.work.folder / CHOSEN, session.digest("head")
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            if known["of"] == digest:
                return TuningPlan.from_json(known["plan"])
        except (OSError, ValueError, KeyError, ExceptionGroup):  # there is none yet, or it is cut short
            pass
        free = SHARE * session.work.budget.remaining()
        plans = [self, *(replace(self, epochs=self.epochs * more, views=self.views * wide) for more, wide in LONGER)]
        chosen = [plan for plan in plans if plan is self or plan.seconds(session, step) <= free][-1]
        with replacing(path) as part:
            part.write_text(json.dumps({"of": digest, "plan": chosen.to_json()}), encoding="utf-8")
        return chosen

    def rows(self, session: Session) -> int:
        """Return the views that are learnt from."""
        return min(session.data.rows, session.frames * self.views)


def tuned(session: Session, trained: Trained, plan: TuningPlan) -> Trained | None:
    """Train the upper part with a trained head; None where that is no better on the validation photos.

    The session's model has the better weights afterwards. Normalisation in the backbone stays as it is.
    """
    parts, work = session.parts, session.work
    parts.head.set_weights(trained.weights)
    before = parts.upper.get_weights()
    maps = [parts.head.inputs[0]]
    upper = folded(parts.upper, product_dtype())
    model = keras.Model(maps, fused(parts.head)([maps[0], *_listed(upper(maps[0]))]))
    data = replace(session.data, maps=FinestMaps(session.training_maps), rows=plan.rows(session))

    def tell(epoch: Epoch) -> None:
        work.tell(Progress(TUNING, epoch.number / epoch.of, epoch))

    recipe = Recipe(plan.epochs, 1.0, plan.rate)
    digest = f"{session.digest('head')} {plan} {trained.losses}"
    course = Course(recipe, work.budget, tell, work.folder / "tuned.npz", digest)
    losses = HeadTraining(model, data).run(course)
    raw = session.candidates(model, FinestMaps(session.validation))
    if precision(session, raw) > precision(session, trained.raw):
        return session.judged((*trained.losses, *losses), raw)
    parts.upper.set_weights(before)
    parts.head.set_weights(trained.weights)
    return None


def _listed(maps: object) -> list[object]:
    return list(maps) if isinstance(maps, list | tuple) else [maps]


def precision(session: Session, raw: Sequence[Detections]) -> float:
    """Return the mAP of candidates on the validation photos: counts of a few photos vary too much to choose by."""
    truth: list[Boxes] = [session.photos.labels[row].boxes for row in session.photos.validation.tolist()]
    settings = session.plan.settings
    found = precisions([merged(one, settings) for one in raw], truth, session.photos.classes)
    return float(np.mean([one.ap for one in found if one] or [0.0]))
