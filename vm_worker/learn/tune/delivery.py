"""Decide which model tuning delivers: the best trial, a head trained on augmented views, or the selected head.

The delivered model is trained once more, on the training and validation photos, where the time suffices.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vm_worker.executors.executor import OutOfMemory, TaskFailed
from vm_worker.learn.arrays import Floats
from vm_worker.learn.judge.scores import Score
from vm_worker.learn.tune.messages import Finished, LastTraining
from vm_worker.learn.tune.plan import TuningPlan
from vm_worker.learn.tune.progress import TuningProgress
from vm_worker.learn.tune.task_runner import TaskRunner
from vm_worker.learn.tune.trial_table import JudgedTrial, TrialTable, again, gain, judged_row, leads
from vm_worker.results.trials import TrialRow

# In the note of a trial that is better, but not by more than a standard error.
CHANCE, LARGER = "may be chance", "and the file with it would be larger and slower"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivered:
    """The delivered weights, and the figures on the validation part of a model that had not seen that part."""

    weights: Path | None  # of the whole assembled model; None: the selected head stays
    score: Score
    rows: tuple[TrialRow, ...]  # one for each trial, and one for the head trained on views
    validation: Floats | None  # (m, k): the probabilities of the validation photos by the model of these figures
    share: float | None = None  # of a trial in the logits, where the weights are its and a mean is delivered


class Delivery:
    """The choice of the model that is best on the validation part, and its last training."""

    def __init__(
        self, plan: TuningPlan, table: TrialTable, runner: TaskRunner, progress: TuningProgress, target: Path
    ) -> None:
        """Prepare the choice. `target` is the file that the delivered weights are written to."""
        self._plan, self._table, self._runner, self._progress = plan, table, runner, progress
        self._target = target

    def decide(self, epochs_most: int) -> Delivered:
        """Choose the best model and train it once more, for at most so many epochs."""
        prepared, best = self._plan.prepared, self._table.best
        head, viewed = prepared.head, prepared.views
        views = judged_row(len(self._table.rows) + 1, "views", {"views": prepared.seen}, viewed, prepared.seconds)
        weights, score, probabilities, share = None, head, self._folder / "head.npy", None
        rival = head if prepared.surely is False else viewed
        # A mean takes a second pass of the upper layers, and a head on views is one on the last features alone, where
        # one of all depths was selected: chance must bring neither.
        if best and best.result.surely is False and best.score.better_than(head):
            self._table.change(best, note=f"{gain(head, best.score)}: that {CHANCE}, {LARGER}")
        elif best and leads(best.score, rival, head):
            probabilities = best.weights.with_suffix(".npy")
            weights, score = self._trained(best, epochs_most), best.score
            share = self._runner.inputs.share if weights and self._runner.inputs.joins else None
        if weights is None and rival.better_than(head):
            weights, score, probabilities = self._head_on_views(), viewed, self._folder / "views.npy"
            views = replace(views, state="kept", note=gain(head, viewed) + again()) if weights else views
        if viewed.better_than(rival):
            views = replace(views, note=f"{gain(head, viewed)}: that {CHANCE}")
        if weights is None:
            score, probabilities = head, self._folder / "head.npy"
        validation = np.load(probabilities) if probabilities.exists() else None
        return Delivered(weights, score, (*self._table.rows, views), validation, share)

    @property
    def _folder(self) -> Path:
        return self._runner.inputs.folder

    def _trained(self, best: JudgedTrial, epochs_most: int) -> Path | None:
        """Train the best trial on all photos, or take its own weights; None where neither is possible."""
        timetable, recipe, gained = self._plan.timetable, best.recipe, gain(self._plan.prepared.head, best.score)
        if timetable.fits_final(recipe, best.result.epochs):
            self._progress.message = "Training once more with the validation photos"
            epochs = timetable.final_epochs(recipe, best.result.epochs, epochs_most)
            done = self._last_training(recipe.cut, LastTraining(recipe, epochs, best.start))
            if done is not None:
                self._table.change(best, state="kept", note=gained + again(best, done.epochs))
                return self._target
        if best.weights.exists():
            self._table.change(best, state="kept", note=gained)
            return best.weights.replace(self._target)
        self._table.change(best, note="an earlier attempt found this; no time was left to train it again")
        return None

    def _head_on_views(self) -> Path | None:
        """Train a head on the views of all photos; None where that does not succeed."""
        return self._target if self._last_training(self._plan.cut) is not None else None

    def _last_training(self, cut: str, training: LastTraining | None = None) -> Finished | None:
        """Run the last training; None where it does not succeed or does not end in time."""
        views = self._plan.timetable.views(cut)
        try:
            return self._runner.final(cut, views, self._target, training)
        except (OutOfMemory, TaskFailed) as error:
            log.warning("the last training failed: %s", error)
            return None
