"""The clock of an attempt: when its budget ends, and how much time each part may take."""

from __future__ import annotations

import math
import time

from jobs.job import Stage
from vm_worker.exports import formats
from vm_worker.intake.dataset import Part
from vm_worker.learn.budget import Budget
from vm_worker.spec import Spec
from vm_worker.stages.committed import CommittedResults
from vm_worker.stages.inputs import Inputs

FINISH_SECONDS = 4.0  # small files, plots and uploads
STARTS = 3.0  # evaluate, export and report cost so many starts of the learning besides: one is the clean process's own
START_SECONDS = 5.0  # of the learning's start, where none was measured
FINISH_PASSES = 3.0  # forward passes over the test images in evaluate and export
EXTRAS_SHARE = 0.25  # of the whole budget, at most, for the formats beside .h5 and .keras
SMALL_GFLOPS = 0.4  # of a network that is not chosen yet
PLAIN_SPEED = 10.0  # images a second by Keras, where selection measured none
PROOF_LEAST = 50  # test images that each file is proved on, whatever the time


class JobClock:
    """The time of one attempt; moments are seconds of the monotonic clock."""

    def __init__(self, spec: Spec, results: CommittedResults, inputs: Inputs, began: float) -> None:
        self._spec, self._results, self._inputs = spec, results, inputs
        self.began = began
        self.start_seconds: float | None = None  # that the learning took to start, here

    @property
    def end(self) -> float:
        """When the budget ends."""
        return self.began + self._spec.seconds

    @property
    def allowed(self) -> float:
        """Seconds from claim to outcome."""
        return self._spec.options.minutes * 60.0

    @property
    def spent(self) -> float:
        """Seconds since the claim, those of earlier attempts included."""
        return self.allowed - self._spec.seconds + time.monotonic() - self.began

    @property
    def plain_speed(self) -> float:
        """Images a second through the winner by Keras, as selection measured it."""
        return self._results.selected.plain_images_per_second or PLAIN_SPEED

    @property
    def fixed_seconds(self) -> float:
        """Seconds that the end of a job needs whatever the photos; more on a busy machine, as the start has shown."""
        selected = self._results.selected.start_seconds if Stage.SELECT in self._results else None
        return FINISH_SECONDS + STARTS * (self.start_seconds or selected or START_SECONDS)

    def select_budget(self) -> Budget:
        """Until when learning may go on; selection leaves tuning its part of it."""
        return Budget(self.end - self.fixed_seconds)

    def tune_budget(self) -> Budget:
        """Until when tuning may train: what comes after it is paid first."""
        return Budget(self.end - self.finish_seconds())

    def finish_seconds(self) -> float:
        """Seconds that evaluate, export and report will need, by the speed that selection measured."""
        return self.after_tuning(self.plain_speed, self._inputs.winner.gflops)

    def after_tuning(self, speed: float, gflops: float = SMALL_GFLOPS) -> float:
        """Seconds of evaluate, export and report, at so many images a second by Keras."""
        return self.fixed_seconds + self.finishing(speed, gflops)

    def finishing(self, speed: float, gflops: float) -> float:
        """The part of these seconds that depends on the photos and the network."""
        photos = len(self._inputs.dataset().rows(Part.TEST))
        extras = [row for row in formats.wanted(self._spec.options.exports) if row.key not in formats.ALWAYS]
        wanted = formats.seconds(extras, formats.Pace(speed, gflops, photos))
        return FINISH_PASSES * photos / speed + min(wanted, self.allowed * EXTRAS_SHARE)

    def export_time(self) -> float:
        """Seconds that are left for making and proving files; negative when the budget is used up."""
        return self.end - time.monotonic() - self.fixed_seconds

    def proof(self, images: int, models: int) -> slice:
        """Which of the test images prove the files: all, or every so many where the time is short."""
        possible = max(PROOF_LEAST, self.export_time() * self.plain_speed / max(1, models))
        return slice(None, None, max(1, math.ceil(images / possible)))
