"""How long the last stages of a detector's job take: testing, files and report.

That is reckoned from the speed that this machine has just shown, the photos to test, and the files that are asked for.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace

import numpy as np

from vm_worker.exports import formats
from vm_worker.intake.dataset import Dataset, Part
from vm_worker.learn.budget import Budget
from vm_worker.stages.clock import JobClock
from vm_worker.stages.context import StageContext
from vm_worker.stages.select import START_LEAST
from vm_worker.tasks.detection.engine.effort import INPUTS
from vm_worker.tasks.detection.engine.plan import EnginePlan
from vm_worker.tasks.detection.exporting import PROVING
from vm_worker.tasks.detection.truth import BoxTruth

WHOLE = 1.6  # times as long as its backbone alone takes the whole detector, photo by photo
# Starts of the libraries that the rest of what must be done takes as long as: the clean process is one, the network is
# loaded and traced in two stages, the training's last candidates are judged, figures and pictures are drawn.
STARTS = 3.5
DECODED = 0.03  # seconds to decode a photo of a million pixels and to put its boxes together
# Added to how many times as long as alone work takes now: an idle machine may become busy.
ROOM = 0.4
FILES_SHARE = 0.15  # of the time beside what must be done, at most, for the files other than model.h5
START_MOST = 15.0  # seconds of a start that are believed: the first one on a machine reads from a cold disk

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ToTest:
    """The photos that the detector is to be tested on."""

    photos: int
    frames: int  # parts of them that go through the network
    megapixels: float  # of all together

    @classmethod
    def of(cls, dataset: Dataset[BoxTruth], plan: EnginePlan | None) -> ToTest:
        """Count the test photos. Without a plan each is taken for one frame."""
        photos = [dataset.truth.photos[row] for row in dataset.rows(Part.TEST).tolist()]
        frames = sum(len(plan.tiling.frames(one.width, one.height)) if plan else 1 for one in photos)
        return cls(len(photos), frames, sum(one.width * one.height for one in photos) / 1e6)


@dataclass(frozen=True)
class Speed:
    """The speed of this machine while nothing else runs on it."""

    frame: float  # seconds of a frame through the whole detector by Keras
    gflops: float  # multiply-adds of the network, in 1e9, as the formats reckon with them
    start: float  # seconds of a start of the machine learning libraries

    def of_plan(self, plan: EnginePlan) -> Speed:
        """Return the speed with the input of a plan, where this is the one with the least input."""
        return replace(self, frame=self.frame * plan.height * plan.width / INPUTS[0] ** 2)


@dataclass(frozen=True)
class LastStages:
    """The seconds of the last stages on an idle machine."""

    must: float  # the test, the proof of model.h5 and the report, which no job does without
    files: float  # to make and prove the other files that were asked for

    @classmethod
    def of(cls, tested: ToTest, speed: Speed, exports: tuple[str, ...]) -> LastStages:
        """Reckon with these photos, this speed, and these formats of the job's options."""
        proved = min(PROVING, tested.photos)
        # The test; then answers and boxes of model.h5, and once more its answers in a clean process.
        passes = tested.frames + 3 * proved
        must = STARTS * speed.start + passes * speed.frame + DECODED * tested.megapixels
        asked = formats.wanted(exports)
        others = [row for row in asked if row.key not in formats.BY_KERAS]
        files = (len(asked) - len(others) - 1) * proved * speed.frame  # by the process that proves model.h5
        if others:
            files += speed.start + formats.seconds(others, formats.Pace(1 / speed.frame, speed.gflops, proved))
        return cls(must, files)

    def kept(self, crowd: float, left: float) -> float:
        """Return the seconds to keep, of `left` to the end of the budget, where work takes `crowd` times as long."""
        must = (crowd + ROOM) * self.must
        return must + min((crowd + ROOM) * self.files, FILES_SHARE * max(0.0, left - must))

    def budget(self, clock: JobClock) -> Budget:
        """Return the time for training, until the moment at which the last stages must begin."""
        crowd, left = clock.crowd(), clock.end - time.monotonic()
        kept = self.kept(crowd, left)
        log.info(
            "%.0f s are left: %.0f s for training, %.0f s for testing, files and report, "
            "which take %.0f s and %.0f s for files on this machine alone; work takes %.1f times as long now",
            left,
            left - kept,
            kept,
            self.must,
            self.files,
            crowd,
        )
        return Budget(clock.end - kept)

    def longest(self, clock: JobClock) -> Budget:
        """Return the same where files are left out, and nothing is kept for a machine that becomes busier."""
        return Budget(clock.end - clock.crowd() * self.must)


def begun(clock: JobClock) -> None:
    """Note how long this process took to start, libraries included. The first stage that runs calls this first."""
    if clock.start_seconds is None:
        took = (time.monotonic() - clock.began) / clock.crowd()
        clock.start_seconds = float(np.clip(took, START_LEAST, START_MOST))


def shown_speed(clock: JobClock, forward: float, gflops: float) -> Speed:
    """Return the speed by what a picture of the least input through the backbone has just taken, in seconds."""
    crowd = clock.crowd()
    return Speed(WHOLE * forward / crowd, gflops, clock.start / crowd)


def known_speed(context: StageContext) -> Speed:
    """Return the speed with the input of the plan, as the select stage has seen it."""
    clock, crowd = context.clock, context.clock.crowd()
    return Speed(1 / (clock.plain_speed * crowd), context.inputs.winner.gflops, clock.start / crowd)
