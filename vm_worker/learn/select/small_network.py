"""A network that a job trains from scratch: one of the fixed small ones, or one that comes as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobs import wording
from vm_worker.designs.delivery import deliverable
from vm_worker.designs.grammar import parse
from vm_worker.learn.networks import designed, small, small_rows
from vm_worker.learn.networks.catalogue import Backbone
from vm_worker.results.designs import NetworkPlan

if TYPE_CHECKING:
    import keras

INSTEAD = "batch normalization was built for each LocalRespNorm, which no other program could load"
# Layers of the fixed networks: building their graphs takes so long, beside others.
_LAYERS = {"alexnet": 24, "alexnet_separable": 24, "mobilenet_v1": 85, "mobilenet_v2": 153}


@dataclass(frozen=True)
class SmallNetwork:
    """A network with its row, and its plan where it comes as text."""

    row: Backbone
    plan: NetworkPlan | None = None

    @classmethod
    def named(cls, key: str, plan: NetworkPlan | None, classes: int) -> SmallNetwork:
        """Return the network of a key. Raises KeyError, and ArchitectureError for a plan that does not fit."""
        return cls(small_rows.ROWS[key] if plan is None else designed.row(key, plan, classes), plan)

    def built(self, classes: int) -> tuple[keras.Model, keras.Model]:
        """Build it: whole, and without its last layer. Both share their weights."""
        if self.plan is None:
            return small.built(self.row.key, classes)
        return designed.built(self.plan, classes, self.row.key)

    def way(self, epochs: int) -> str:
        """Return the report's note on how it was trained, and on what was built in place of what its text says."""
        note = f"trained from scratch at {self.row.size} pixels, {wording.plural(epochs, 'epoch')}"
        changed = self.plan is not None and deliverable(parse(self.plan.architecture))[1]
        return f"{note}; {INSTEAD}" if changed else note

    @property
    def layers(self) -> int:
        """The number of its layers, about."""
        if self.plan is None:
            network, _ = small_rows.BUILDS[self.row.key]
            return _LAYERS[network]
        return 2 * len(designed.drawn(self.plan, 2).layers)  # with normalization and activation
