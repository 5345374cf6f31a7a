"""How much work a training may be: the steps, views and input sizes that a budget allows on this machine."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from vm_worker.tasks.detection.engine.network import Base
from vm_worker.tasks.detection.engine.sides import Sides
from vm_worker.tasks.detection.engine.training.map_cache import BATCH

INPUTS = (320, 448, 640)  # pixels of the input's longer side
ROWS = 840  # views of all frames that are aimed at
STEPS = 1050  # of a whole training, at which more steps gain little
LEAST = 300  # steps that a larger input must leave time for
# Steps that are planned at least: with fewer nothing is learnt, and a training that gets no time for all ends in time.
SHORTEST = 200
# Costs in forward passes of the whole backbone by Keras, measured on EfficientNet-Lite0.
VIEW, LEARN = 0.8, 0.5  # to draw a view and compute its maps; to learn from a view once
FIXED = 30.0  # seconds for what does not depend on the photos: networks are built and graphs traced


@dataclass(frozen=True)
class Effort:
    """How much work a training may be."""

    steps: int = STEPS
    rows: int = ROWS  # views that are cached
    inputs: tuple[int, ...] = INPUTS  # that may be chosen from


def affordable(seconds: float, forward: float) -> Effort:
    """Return the effort that takes so many seconds at most.

    `forward` is the time of one picture of 320 x 320 pixels through the backbone, in seconds.
    """
    free = max(0.0, seconds - FIXED)
    inputs = tuple(side for side in INPUTS if _steps(free, forward * (side / INPUTS[0]) ** 2) >= LEAST)
    steps = _steps(free, forward)
    return Effort(int(np.clip(steps, SHORTEST, STEPS)), min(ROWS, max(1, steps * BATCH // 4)), inputs or INPUTS[:1])


def _steps(seconds: float, forward: float) -> int:
    """Return the steps that fit, where each view is drawn once for every four times that it is learnt from."""
    return int(seconds / (forward * BATCH * (LEARN + VIEW / 4)))


def measured(base: Base, pictures: int = BATCH) -> float:
    """Measure the time of one picture of 320 x 320 pixels through a network, in seconds."""
    sides = Sides(INPUTS[0], INPUTS[0])
    model, batch = base(sides), np.zeros((pictures, sides.height, sides.width, 3), np.float32)
    model.predict_on_batch(batch)  # traces the graph
    started = time.monotonic()
    model.predict_on_batch(batch)
    return (time.monotonic() - started) / pictures
