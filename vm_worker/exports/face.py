"""The port that gives the facts which an exported model and its service show to users."""

from __future__ import annotations

from typing import Protocol, TypeVar

from vm_worker.as_json import AsJson
from vm_worker.exports.service.runtime.bundle import About
from vm_worker.intake.truth import Truth

T_contra = TypeVar("T_contra", bound=Truth, contravariant=True)
E_contra = TypeVar("E_contra", bound=AsJson, contravariant=True)


class ServiceFace(Protocol[T_contra, E_contra]):
    """The labels and the facts of a task's models, as their services show them."""

    def labels(self, truth: T_contra) -> tuple[str, ...]:
        """Return a name for each number of the model's output, in order. These are the lines of labels.txt."""
        ...

    def about(self, evaluated: E_contra) -> About:
        """Return the score of the model, from the result of the evaluate stage."""
        ...
