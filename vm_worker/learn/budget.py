"""The time that a stage of a job may take, as a deadline."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """A moment on this process's monotonic clock by which the work must be over."""

    deadline: float  # time.monotonic() seconds

    @classmethod
    def of(cls, seconds: float) -> Budget:
        """Return the budget that ends so many seconds from now."""
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Return the seconds left; negative once the deadline has passed."""
        return self.deadline - time.monotonic()

    def over(self) -> bool:
        """Return whether the deadline has passed."""
        return self.remaining() <= 0

    def share(self, fraction: float) -> Budget:
        """Return the budget that ends when this fraction (0..1) of the time left now is spent."""
        return Budget.of(self.remaining() * fraction)
