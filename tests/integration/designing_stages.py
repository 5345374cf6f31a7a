"""The stages of the product. The search for a network trains nothing; its best network trains shortly."""

from __future__ import annotations

from jobs.job import Stage
from vm_worker.learn.design.policy import DesignPolicy
from vm_worker.learn.scratch.training import TrainingPolicy
from vm_worker.learn.select.scratch_candidates import ScratchPolicy
from vm_worker.stages import table
from vm_worker.stages.context import StageContext
from vm_worker.stages.output import Output
from vm_worker.stages.select import select

SHORT = ScratchPolicy(
    networks=(),
    training=TrainingPolicy(epochs=8, steps=120, least_epochs=4, least_steps=20),
    design=DesignPolicy(isolated_seconds=10_000.0, entry="tests.unit.learn.design.stub:work"),
)


def select_soon(context: StageContext) -> Output:
    """Select as the product does, by short trainings."""
    return select(context, SHORT)


STAGES = {**table.STAGES, Stage.SELECT: select_soon}
