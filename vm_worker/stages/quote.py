"""What the user is told before the training: how long the job will take, and what that costs."""

from __future__ import annotations

from jobs.job import Stage
from vm_worker.stages.clock import JobClock
from vm_worker.stages.progress import ProgressTeller


class Quote:
    """One job's quote: made once, and repeated by every later event and attempt."""

    def __init__(self, clock: JobClock, progress: ProgressTeller, hourly_price: float) -> None:
        """`hourly_price` is the machine's; 0: it is not said."""
        self._clock, self._progress, self._hourly_price = clock, progress, hourly_price
        self.seconds: float | None = None  # from claim to outcome

    def make(self, learning: float, speed: float) -> None:
        """Quote the job: `learning` seconds of selection and tuning lie ahead of it, at so many images a second."""
        whole = self._clock.spent + learning + self._clock.after_tuning(speed)
        seconds = round(min(self._clock.allowed, whole), 1)
        self.adopt(seconds)
        price = seconds / 3600 * self._hourly_price
        money = f", {price:.2f} of machine time" if price else ""
        self._progress.tell(Stage.SELECT, 0.0, f"It will take about {max(1, round(seconds / 60))} min{money}")

    def adopt(self, seconds: float | None) -> None:
        """What was quoted stands; None: an earlier attempt did not get so far."""
        if seconds is not None:
            self.seconds = seconds
            self._progress.show(quoted_seconds=seconds)
