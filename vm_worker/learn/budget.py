"""The time that a stage may take."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """A moment on this process's monotonic clock by which the work must be over."""

    deadline: float  # time.monotonic() seconds

    @classmethod
    def of(cls, seconds: float) -> Budget:
        """The budget that ends so many seconds from now."""
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds left; negative once the deadline has passed."""
        return self.deadline - time.monotonic()

    def over(self) -> bool:
        """The deadline has passed."""
        return self.remaining() <= 0

    def share(self, fraction: float) -> Budget:
        """The budget that ends when this fraction of what is left now is spent."""
        return Budget.of(self.remaining() * fraction)
