"""What tuning hands over: the best trial, a head that has seen the views, or nothing better than the selected head.

What is handed over is trained once more, on train+validation, where the time suffices.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vm_worker.executors.executor import OutOfMemory, TaskFailed
from vm_worker.learn.judge.scores import Score
from vm_worker.learn.tune.messages import Finished, LastTraining
from vm_worker.learn.tune.plan import Plan
from vm_worker.learn.tune.progress import TuningProgress
from vm_worker.learn.tune.task_runner import TaskRunner
from vm_worker.learn.tune.trial_table import JudgedTrial, TrialTable, again, gain, judged_row, leads
from vm_worker.results.trials import TrialRow

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivered:
    """What is handed over, and its figures on the validation part, by a model that had not seen it."""

    weights: Path | None  # of the whole assembled model; None: the selected head stays
    score: Score
    rows: tuple[TrialRow, ...]  # of all trials, and of the views
    validation: NDArray[np.float32] | None  # (m, k): what the model of these figures says of the validation part


class Delivery:
    """Decides what is best on the validation part, and has it trained once more."""

    def __init__(
        self, plan: Plan, table: TrialTable, runner: TaskRunner, progress: TuningProgress, target: Path
    ) -> None:
        """`target`: where the weights go."""
        self._plan, self._table, self._runner, self._progress = plan, table, runner, progress
        self._target = target

    def decide(self, epochs_most: int) -> Delivered:
        """Hand over what is best."""
        prepared, best = self._plan.prepared, self._table.best
        head, viewed = prepared.head, prepared.views
        views = judged_row(len(self._table.rows) + 1, "views", {"views": prepared.seen}, viewed, prepared.seconds)
        path, score, said = None, head, self._folder / "head.npy"
        if best and leads(best.score, viewed, head):
            said = best.weights.with_suffix(".npy")
            path, score = self._trained(best, epochs_most), best.score
        if path is None and viewed.better_than(head):
            path, score, said = self._headed(), viewed, self._folder / "views.npy"
            views = replace(views, state="kept", note=gain(head, viewed) + again()) if path else views
        if path is None:
            score, said = head, self._folder / "head.npy"
        return Delivered(path, score, (*self._table.rows, views), np.load(said) if said.exists() else None)

    @property
    def _folder(self) -> Path:
        return self._runner.inputs.folder

    def _trained(self, best: JudgedTrial, epochs_most: int) -> Path | None:
        """The trial's weights: of a training on all photos, or its own; None where neither can be had."""
        timetable, recipe, brought = self._plan.timetable, best.recipe, gain(self._plan.prepared.head, best.score)
        if timetable.fits_final(recipe, best.result.epochs):
            self._progress.message = "Training once more with the validation photos"
            epochs = timetable.final_epochs(recipe, best.result.epochs, epochs_most)
            done = self._finished(recipe.cut, LastTraining(recipe, epochs, best.start))
            if done is not None:
                self._table.change(best, state="kept", note=brought + again(best, done.epochs))
                return self._target
        if best.weights.exists():
            self._table.change(best, state="kept", note=brought)
            return best.weights.replace(self._target)
        self._table.change(best, note="an earlier attempt found this; no time was left to train it again")
        return None

    def _headed(self) -> Path | None:
        """The weights with a head that has seen the views, fitted on all photos."""
        return self._target if self._finished(self._plan.cut) is not None else None

    def _finished(self, cut: str, training: LastTraining | None = None) -> Finished | None:
        """The last training; None where it does not succeed or does not end in time."""
        views = self._plan.timetable.views(cut)
        try:
            return self._runner.final(cut, views, self._target, training)
        except (OutOfMemory, TaskFailed) as error:
            log.warning("the last training failed: %s", error)
            return None
