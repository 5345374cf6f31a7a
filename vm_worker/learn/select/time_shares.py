"""How the time is shared between trying candidates, tuning the best one, and what comes after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vm_worker.learn.budget import Budget
from vm_worker.learn.networks.catalogue import Backbone

HEADS_SHARE = 0.1  # of the time left, kept for training a candidate's heads
TUNE_SECONDS = 15.0  # what tuning and the rest need whatever the number of photos: graphs, files
TUNE_PASSES = 9.0  # what they need besides, in forward passes of the best network over the photos: two views
# of each, eight epochs above the cut, and the test. Unfreezing brings more than one more candidate does.
TUNE_SHARE = 0.6  # of the time for both, at most
FEW = 2  # candidates that a slow machine shall try, too: up to them that share is of the time that is left

Finishing = Callable[[float, float], float]  # images a second by Keras, GFLOP of an image -> seconds


@dataclass
class TimeShares:
    """Who may take how long; speeds are in images a second by Keras."""

    budget: Budget
    photos: int  # of train+validation
    tuned: bool  # at all
    finishing: Finishing  # what comes after tuning: the test, the files
    _after_first: float = 0.0  # what finishing the first candidate would take
    _both: float = 0.0  # seconds for selection and tuning, when the first one's speed was known

    def begin(self, first: Backbone, speed: float) -> None:
        """The first candidate's speed is known."""
        self._after_first = self.finishing(speed, first.gflops)
        self._both = self.budget.remaining() - self._after_first

    def for_first(self) -> float:
        """Seconds that the first candidate may take: it is tried in any case."""
        return self.budget.remaining() * (1 - HEADS_SHARE) - self._after_first

    def for_more(self, judged: int, best: Backbone, speed: float) -> float:
        """Seconds for candidates after so many, if this one is to be tuned, tested and delivered afterwards."""
        tuning = TUNE_SECONDS + TUNE_PASSES * self.photos / speed
        remaining = self.budget.remaining() - self.finishing(speed, best.gflops)
        both = remaining if judged < FEW else max(self._both, remaining)
        wanted = min(tuning, TUNE_SHARE * both) if self.tuned else 0.0
        return max(0.0, remaining * (1 - HEADS_SHARE) - wanted)
