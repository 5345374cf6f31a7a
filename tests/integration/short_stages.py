"""The stages of the product, with short trainings of networks from scratch."""

from __future__ import annotations

from jobs.job import Stage
from vm_worker.learn.scratch.training import TrainingPolicy
from vm_worker.learn.select.scratch_candidates import ScratchPolicy
from vm_worker.stages import table
from vm_worker.stages.context import StageContext
from vm_worker.stages.output import Output
from vm_worker.stages.select import select

SHORT = ScratchPolicy(training=TrainingPolicy(epochs=12, steps=50, least_epochs=6, least_steps=30))


def select_soon(context: StageContext) -> Output:
    """Select as the product does, by short trainings."""
    return select(context, SHORT)


STAGES = {**table.STAGES, Stage.SELECT: select_soon}
