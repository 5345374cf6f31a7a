"""The quote that the user gets before the training: the job's time and its price."""

from __future__ import annotations

from jobs.job import Stage
from vm_worker.stages.clock import JobClock
from vm_worker.stages.progress import ProgressTeller


class Quote:
    """The quote of a job. It is made once, and repeated by every later event and attempt."""

    def __init__(self, clock: JobClock, progress: ProgressTeller, hourly_price: float) -> None:
        """Keep the clock; `hourly_price` is the price of the machine for an hour, 0 when it is not known."""
        self._clock, self._progress, self._hourly_price = clock, progress, hourly_price
        self.seconds: float | None = None  # the quoted time from claim to outcome

    def make(self, learning: float, speed: float) -> None:
        """Make the quote.

        `learning` is the seconds that selection and tuning will take, `speed` the images a second by Keras.
        """
        whole = self._clock.spent + learning + self._clock.after_tuning(speed)
        seconds = round(min(self._clock.allowed, whole), 1)
        self.adopt(seconds)
        price = seconds / 3600 * self._hourly_price
        money = f", {price:.2f} of machine time" if price else ""
        self._progress.tell(Stage.SELECT, 0.0, f"It will take about {max(1, round(seconds / 60))} min{money}")

    def adopt(self, seconds: float | None) -> None:
        """Repeat the quote of an earlier attempt; None when that attempt made none."""
        if seconds is not None:
            self.seconds = seconds
            self._progress.expect_end_in(seconds - self._clock.spent)
            self._progress.show(quoted_seconds=seconds)
