"""The port that says what an exported model, and the service that runs it, tell of themselves."""

from __future__ import annotations

from typing import Protocol, TypeVar

from vm_worker.as_json import AsJson
from vm_worker.exports.service.runtime.bundle import About
from vm_worker.intake.truth import Truth

T_contra = TypeVar("T_contra", bound=Truth, contravariant=True)
E_contra = TypeVar("E_contra", bound=AsJson, contravariant=True)


class ServiceFace(Protocol[T_contra, E_contra]):
    """What a task's models say of themselves."""

    def labels(self, truth: T_contra) -> tuple[str, ...]:
        """A name for each number that the model gives, in their order: the lines of labels.txt."""
        ...

    def about(self, evaluated: E_contra) -> About:
        """The score of the model, from what the evaluate stage committed."""
        ...
