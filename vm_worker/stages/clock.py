"""The clock of an attempt: the end of its budget, and the time that each part may take."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from jobs.job import Stage
from vm_worker.exports import formats
from vm_worker.exports.formats import Format
from vm_worker.intake.dataset import Part
from vm_worker.learn.budget import Budget
from vm_worker.learn.crowding import Crowding
from vm_worker.learn.networks.catalogue import UPPER
from vm_worker.spec import Spec
from vm_worker.stages.committed import CommittedResults
from vm_worker.stages.inputs import Inputs

FINISH_SECONDS = 4.0  # seconds for small files, plots and uploads
# Starts of the machine learning libraries: that of the clean process, and what building, loading and tracing takes.
STARTS = 2.5
START_SECONDS = 5.0  # seconds for such a start when none was measured
PAIR_SECONDS = 12.0  # of building, tracing and loading a second network in evaluate and export
CONTENDER_SECONDS = 6.0  # of building, tracing and loading a network that only answers the test photos
COPY_SECONDS = 4.0  # of the same for a tuned copy of the winner's upper layers
PICTURE_SECONDS = 8.0  # of the pictures with photos, which a job does without where its time is over
# Time limit of a clean process, which is there to end one that hangs: model.h5 is proved even when the time is short.
CLEAN_SECONDS = 300.0
EXTRAS_SHARE = 0.25  # share of the whole budget, at most, for the formats other than .h5 and .keras
SMALL_GFLOPS = 0.4  # GFLOP for an image, assumed while no network is chosen
PLAIN_SPEED = 10.0  # images a second by Keras, assumed when selection measured none
PROOF_LEAST = 50  # test images that each file is proved on, even when the time is short
# Test images that time is set aside for to prove each file on; where more time is left, all prove it. To learn for
# longer is worth more than to prove a file on many hundred photos.
PROOF_PLANNED = 100


class JobClock:
    """The time of one attempt. Moments are in seconds of the monotonic clock."""

    def __init__(self, spec: Spec, results: CommittedResults, inputs: Inputs, began: float) -> None:
        self._spec, self._results, self._inputs = spec, results, inputs
        self.began = began
        # The time that the machine learning libraries took to start in this process, without the wait for a turn.
        self.start_seconds: float | None = None
        self.crowd: Callable[[], float] = Crowding().factor  # how many times as long as alone work takes now

    @property
    def end(self) -> float:
        """The moment at which the budget ends."""
        return self.began + self._spec.seconds

    @property
    def allowed(self) -> float:
        """The budget in seconds, from claim to outcome."""
        return self._spec.options.minutes * 60.0

    @property
    def spent(self) -> float:
        """The seconds since the claim, those of earlier attempts included."""
        return self.allowed - self._spec.seconds + time.monotonic() - self.began

    @property
    def plain_speed(self) -> float:
        """The speed of the winner in Keras in images a second: as selection measured it, in the crowd of now."""
        selected = self._results.selected
        passes = 1 + UPPER if self._has_copy else 1.0
        return (selected.plain_images_per_second or PLAIN_SPEED) * (selected.crowding or 1.0) / (passes * self.crowd())

    @property
    def _has_copy(self) -> bool:
        return Stage.TUNE in self._results and self._results.tuned.share is not None

    @property
    def fixed_seconds(self) -> float:
        """The seconds that the end of a job needs for any number of photos.

        They grow on a slow or busy machine.
        """
        pair = PAIR_SECONDS if Stage.SELECT in self._results and self._inputs.partner else 0.0
        copy = COPY_SECONDS * self._has_copy
        return self.crowd() * (FINISH_SECONDS + STARTS * self._start + pair + copy) + self.contender_seconds

    @property
    def contender_seconds(self) -> float:
        """The seconds in which networks that are not delivered answer the test photos; before selection, of one."""
        if Stage.SELECT not in self._results:
            return self.crowd() * CONTENDER_SECONDS if self._spec.options.design else 0.0
        contenders = self._inputs.contenders
        photos = len(self._inputs.dataset().rows(Part.TEST)) if contenders else 0
        seconds = (CONTENDER_SECONDS + photos / max(row.images_per_second, 1e-6) for row in contenders)
        return self.crowd() * sum(seconds)

    @property
    def slowness(self) -> float:
        """How many times as long as usual work takes here, 1 at least: on a slow machine, or beside other programs."""
        return max(1.0, self.crowd() * self._start / START_SECONDS)

    @property
    def start(self) -> float:
        """The seconds of a start of the machine learning libraries, in the crowd of now."""
        return self.crowd() * self._start

    @property
    def _start(self) -> float:
        """The seconds of a start of the machine learning libraries, alone on this machine."""
        selected = self._results.selected.start_seconds if Stage.SELECT in self._results else None
        return self.start_seconds or selected or START_SECONDS

    def select_budget(self) -> Budget:
        """Return the time for learning, until the moment at which the last stages must begin.

        Selection leaves a part of it to tuning.
        """
        return Budget(self.end - self.fixed_seconds)

    def tune_budget(self, copied: bool = False) -> Budget:
        """Return the time for tuning, until the moment at which evaluate, export and report must begin.

        These take longer where tuning adds a copy of the winner's upper layers.
        """
        passes, setup = (1 + UPPER, self.crowd() * COPY_SECONDS) if copied else (1.0, 0.0)
        wanted = self.after_tuning(self.plain_speed / passes, passes * self._inputs.delivered.gflops)
        return Budget(self.end - setup - wanted)

    def finish_seconds(self) -> float:
        """Return the seconds that evaluate, export and report will need, at the speed that selection measured."""
        return self.after_tuning(self.plain_speed, self._inputs.delivered.gflops)

    def after_tuning(self, speed: float, gflops: float = SMALL_GFLOPS) -> float:
        """Return the seconds of evaluate, export and report; `speed` is in images a second by Keras."""
        return self.fixed_seconds + self.finishing(speed, gflops)

    def finishing(self, speed: float, gflops: float) -> float:
        """Return the part of these seconds that depends on the photos and the network."""
        photos = len(self._inputs.dataset().rows(Part.TEST))
        shown, asked = min(PROOF_PLANNED, photos), formats.wanted(self._spec.options.exports)
        extras = [row for row in asked if row.key not in formats.BY_KERAS]
        wanted = formats.seconds(extras, formats.Pace(speed, gflops, shown))
        wanted += self.start if extras else 0.0  # of the process that makes them
        by_keras = photos + shown * (len(asked) - len(extras) - 1)  # the test is the proof of model.h5
        return by_keras / speed + min(wanted, self.allowed * EXTRAS_SHARE)

    def least_finishing(self, speed: float, gflops: float) -> float:
        """Return the same for what no job does without: the test, which is the proof of model.h5, too."""
        return len(self._inputs.dataset().rows(Part.TEST)) / speed

    @property
    def clean_seconds(self) -> float:
        """The time limit of a clean process that proves files; beside other programs its libraries start later, too."""
        return CLEAN_SECONDS * self.crowd()

    def export_time(self) -> float:
        """Return the seconds that are left to make and prove files; negative when the budget is used up.

        Of the starts only the report's is still to come: that of a clean process is a part of what the formats take.
        """
        return self.end - time.monotonic() - self.crowd() * FINISH_SECONDS - self.start

    def allows_contenders(self) -> bool:
        """Return whether networks that are not delivered may answer the test photos beside what must be made."""
        return self.contender_seconds < self.export_time()

    def allows_pictures(self) -> bool:
        """Return whether the pictures with photos fit beside what must be made: the small files and the report."""
        return self.crowd() * PICTURE_SECONDS < self.export_time()

    def proof(self, images: int, chosen: Sequence[Format], gflops: float) -> slice:
        """Return the test images that prove these files: all of them, or every n-th one when the time is short.

        `gflops` is the work of the delivered network for one image.
        """
        unproved, one = (formats.seconds(chosen, formats.Pace(self.plain_speed, gflops, photos)) for photos in (0, 1))
        possible = max(PROOF_LEAST, (self.export_time() - unproved) / max(one - unproved, 1e-9))
        return slice(None, None, max(1, math.ceil(images / possible)))
