"""The second stage on photos of nuts with outlines: a Mask R-CNN, whose file is loaded again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jobs.limits import Limits
from vm_worker.exports import files
from vm_worker.intake.archives import list_zip
from vm_worker.intake.arrays import Pixels
from vm_worker.intake.extents import Shape
from vm_worker.intake.images import read_upright
from vm_worker.learn.budget import Budget
from vm_worker.learn.networks.weights import find
from vm_worker.tasks.detection import delivered
from vm_worker.tasks.detection.engine import network
from vm_worker.tasks.detection.engine.detect import detect
from vm_worker.tasks.detection.engine.effort import Effort
from vm_worker.tasks.detection.engine.engine import finished
from vm_worker.tasks.detection.engine.plan import planned
from vm_worker.tasks.detection.engine.scores import outline_overlaps
from vm_worker.tasks.detection.engine.training.boxing import BoxingPlan, boxed
from vm_worker.tasks.detection.engine.training.course import Course
from vm_worker.tasks.detection.engine.training.session import Photos, Session, Workplace
from vm_worker.tasks.detection.labels import BoxLabels

KEY = "efficientnet_lite0"
NUTS = Path(__file__).parents[3] / "shared" / "datasets" / "nuts.zip"
SEED = 0


def photos() -> Photos:
    """The 18 photos of nuts, of which 4 are kept for validation."""
    if not NUTS.is_file():
        pytest.skip("nuts.zip is not beside the repository")
    survey = BoxLabels().survey(list_zip(NUTS, Limits()), Limits())
    extents = [photo.extent for photo in survey.photos]

    def decode(row: int) -> Pixels:
        return read_upright(extents[row].read())

    shapes = [Shape(*decode(row).shape[1::-1]) for row in range(len(extents))]
    order = np.random.default_rng(SEED).permutation(len(extents))
    labels, classes = survey.measured(shapes).labelled, len(survey.classes)
    return Photos(labels, np.sort(order[4:]), np.sort(order[:4]), decode, classes)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_outlines_of_nuts_cover_those_of_people(tmp_path: Path) -> None:
    found, missing = find([KEY], "", download=False)
    if missing:
        pytest.skip(f"weights are missing: {missing}")
    nuts = photos()
    plan = planned(KEY, [nuts.labels[row] for row in nuts.train.tolist()], Effort(steps=200, rows=168))
    work = Workplace(tmp_path, network.pretrained(found[KEY]), Budget.of(900), SEED)
    session = Session(nuts, plan, work)
    first = session.trial(Course(plan.recipe, work.budget))
    stage = boxed(session, first, False, BoxingPlan(epochs=5))
    assert stage is not None and stage.outlines is not None  # its boxes are as good
    print(f"outlines: mean IoU {stage.outlines:.3f}; {first.point}; {stage.trained.point}")
    assert stage.outlines >= 0.6
    detector = finished(session, first, stage)
    files.save(delivered.with_one_output(detector.model), tmp_path / "model.h5")
    again = delivered.by_keras(files.load(tmp_path / "model.h5"), detector.settings.mask)
    values = []
    for row in nuts.validation.tolist():
        seen = detect(again, nuts.decode(row), detector.settings)
        values += outline_overlaps(seen, nuts.labels[row].boxes)
    assert float(np.mean(values)) == pytest.approx(stage.outlines, abs=0.05)
