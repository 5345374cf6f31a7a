"""The side of the pictures that networks which come as text are made for."""

from __future__ import annotations

from typing import Any

from vm_worker.intake.dataset import Dataset

SMALL, LARGE = 32, 64  # pixels
SIDES = frozenset((SMALL, LARGE))
SMALL_UP_TO = 40  # pixels of the photos' own shorter side, for which the smaller one suffices


def side_for(dataset: Dataset[Any]) -> int:
    """Return the side of the pictures: the photos' own, 32 or 64."""
    small = 0 < dataset.side <= SMALL_UP_TO
    return SMALL if small and SMALL in dataset.images else LARGE
