"""Run the tasks of one tuning by its executor, one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vm_worker.executors.executor import Executor
from vm_worker.learn.budget import Budget
from vm_worker.learn.tune.messages import (
    FinalTask,
    Finished,
    LastTraining,
    Prepared,
    PrepareTask,
    Surveyed,
    SurveyTask,
    TuningTask,
    late,
)
from vm_worker.learn.tune.recipe import Views
from vm_worker.learn.tune.tuning_inputs import TuningInputs


class TaskRunner:
    """A client of the executor: it submits a task and waits for the result."""

    def __init__(self, executor: Executor, inputs: TuningInputs, budget: Budget) -> None:
        self.executor, self.inputs, self.budget = executor, inputs, budget

    def survey(self, images_per_second: float) -> Surveyed:
        """Measure the network. Raises OutOfMemory, TaskFailed."""
        task = SurveyTask(self.inputs, self.budget.remaining(), images_per_second)
        return Surveyed.from_json(self._ask(task))

    def prepare(self, cut: str, views: Views) -> Prepared | None:
        """Compute activations and judge heads; None where the time ends first. Raises OutOfMemory, TaskFailed."""
        result = self._ask(PrepareTask(self.inputs, self.budget.remaining(), cut, views))
        return None if late(result) else Prepared.from_json(result)

    def final(self, cut: str, views: Views, weights: Path, training: LastTraining | None) -> Finished | None:
        """Train on all photos, or the head alone; None where the time ends first. Raises OutOfMemory, TaskFailed."""
        result = self._ask(FinalTask(self.inputs, self.budget.remaining(), cut, views, weights, training))
        return None if late(result) else Finished.from_json(result)

    def _ask(self, task: TuningTask) -> Mapping[str, Any]:
        return self.executor.submit(task.message()).result()
