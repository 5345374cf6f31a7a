"""How long the upper part of a network is tuned, by the time that is left."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from tests.unit.detection.engine.toys import squares
from vm_worker.learn.budget import Budget
from vm_worker.tasks.detection.engine.effort import Effort
from vm_worker.tasks.detection.engine.plan import planned
from vm_worker.tasks.detection.engine.sides import Sides
from vm_worker.tasks.detection.engine.training.session import Photos, Session, Workplace
from vm_worker.tasks.detection.engine.training.tuning import CHOSEN, TuningPlan

LEAST = TuningPlan()


def _base(sides: Sides) -> keras.Model:
    """Five convolutions in place of a network."""
    x = image = keras.Input((sides.height, sides.width, 3))
    for _ in range(5):
        x = keras.layers.Conv2D(4, 3, strides=2, padding="same")(x)
    return keras.Model(image, x, name="tiny")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    labels, pixels = squares(10, 0)
    photos = Photos(labels, np.arange(6), np.arange(6, 10), lambda row: pixels[row], 2)
    plan = planned("tiny", labels, Effort(steps=4, rows=48, inputs=(96,)))
    assert plan.views > 4  # so that a longer plan has more of them
    return Session(photos, plan, Workplace(tmp_path_factory.mktemp("engine"), _base, Budget.of(10_000), 0))


def _longest(session: Session, step: float) -> TuningPlan:
    """Choose anew."""
    (session.work.folder / CHOSEN).unlink(missing_ok=True)
    return LEAST.longest(session, step)


def test_much_time_makes_a_longer_plan(session: Session) -> None:
    half = 0.5 * session.work.budget.remaining()
    twice, four_times = (replace(LEAST, epochs=3 * more, views=4) for more in (2, 4))
    assert twice.seconds(session, 1.0) == 4 * LEAST.seconds(session, 1.0)
    assert _longest(session, 0.9 * half / four_times.seconds(session, 1.0)) == four_times
    assert _longest(session, 1.1 * half / four_times.seconds(session, 1.0)) == twice
    assert _longest(session, 1.1 * half / twice.seconds(session, 1.0)) == LEAST
    assert _longest(session, 10 * half) == LEAST  # whoever asks compares that with the time


def test_a_killed_run_goes_on_by_the_plan_that_it_chose(session: Session) -> None:
    chosen = _longest(session, 1e-6)
    assert chosen != LEAST
    assert LEAST.longest(session, 1e6) == chosen
    path = session.work.folder / CHOSEN
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: len(text) // 2], encoding="utf-8")
    assert LEAST.longest(session, 1e6) == LEAST
    path.write_text(text.replace(session.digest("head"), "of other photos"), encoding="utf-8")
    assert LEAST.longest(session, 1e6) == LEAST
