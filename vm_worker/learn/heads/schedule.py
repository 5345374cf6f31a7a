"""What the trainings of heads share: the strengths, the classes, and how long they train."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """The course of a training of heads."""

    classes: int
    strengths: tuple[float, ...]  # L2 strengths of the heads that are trained together
    weighed: bool  # whether every class counts alike in the training
    epochs: int  # of the whole course
    seed: int
