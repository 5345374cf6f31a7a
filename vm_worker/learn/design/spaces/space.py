"""The port of a space of networks, and what all spaces share."""

from __future__ import annotations

from typing import Protocol

from vm_worker.designs.grammar import Architecture, Branch, Join
from vm_worker.designs.layers import Given
from vm_worker.designs.shapes import Cost
from vm_worker.designs.words import Plain, Word, word
from vm_worker.search.space import Point, Space

STEM_FROM = 40  # pixels; of larger pictures the first layer takes every second pixel
# What any network of a space costs at most, for pictures of 64 pixels; the slowest trains five times as long as most.
LIMITS = Cost(parameters=2_000_000, multiply_adds=150_000_000, values=2_000_000)


class DesignSpace(Protocol):
    """A space of networks."""

    @property
    def space(self) -> Space:
        """The choices that a designer has."""
        ...

    def decode(self, point: Point) -> Architecture:
        """Return the network of a point. Several points may stand for one network."""
        ...


def convolution(kind: str, kernel: int, filters: int, step: int = 1, activation: str = "RELU") -> Word:
    """Return a normalized convolution that keeps the size of the maps, or divides it by the step."""
    return word(f"{kind}:{kernel}X{kernel}:{step}X{step}:SAME:{filters}:BN:{activation}")


def added(*branches: Branch) -> Join:
    """Return the sum of branches."""
    return Join(branches, "Add")


def first_step(given: Given) -> int:
    """Return the step of the first layer."""
    return 2 if given.pixels > STEM_FROM else 1


SOFTMAX, RELU, IDENTITY = Plain("SOFTMAX"), Plain("RELU"), Plain("IDENTITY")
