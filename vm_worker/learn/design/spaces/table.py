"""A table of the spaces of networks, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vm_worker.designs.layers import Given
from vm_worker.learn.design.spaces.cells import CellsSpace
from vm_worker.learn.design.spaces.layers import LayersSpace, places_for, widths_for
from vm_worker.learn.design.spaces.space import DesignSpace
from vm_worker.learn.design.spaces.widths import WidthsSpace

# Each takes the pictures and classes, and how many trainings are expected.
SPACES: Mapping[str, Callable[[Given, int], DesignSpace]] = {
    "layers": lambda given, trainings: LayersSpace(given, places_for(trainings), widths_for(trainings)),
    "cells": lambda given, trainings: CellsSpace(given),
    "widths": lambda given, trainings: WidthsSpace(given),
}
