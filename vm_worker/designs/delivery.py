"""What is built of a network so that other programs can load its file."""

from __future__ import annotations

from dataclasses import replace

from vm_worker.designs.grammar import Architecture, Branch, Join, Named, Step, words_of
from vm_worker.designs.words import Plain

OURS, INSTEAD = Plain("LocalRespNorm"), Plain("BatchNorm")


def deliverable(architecture: Architecture) -> tuple[Architecture, bool]:
    """Return the network with batch normalization for each local response normalization, and whether there was one.

    Keras has no layer for the latter, and a file with a layer of our own is of no use to other programs.
    """
    if OURS not in words_of(architecture.steps):
        return architecture, False
    return replace(architecture, steps=_steps(architecture.steps)), True


def _steps(steps: Branch) -> Branch:
    return tuple(_step(step) for step in steps)


def _step(step: Step) -> Step:
    if isinstance(step, Named):
        inner = _step(step.step)
        return step if isinstance(inner, Named) else replace(step, step=inner)
    if isinstance(step, Join):
        return replace(step, branches=tuple(map(_steps, step.branches)))
    return INSTEAD if step == OURS else step
