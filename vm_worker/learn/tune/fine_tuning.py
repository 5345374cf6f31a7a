"""Fine-tuning as a study for the search: the space of recipes, the trial of a recipe, and the use of its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jobs import wording
from jobs.json_values import JsonObject
from vm_worker.learn.networks.catalogue import Backbone
from vm_worker.learn.tune.messages import TrialResult, TrialTask
from vm_worker.learn.tune.plan import LATE
from vm_worker.learn.tune.progress import TuningProgress
from vm_worker.learn.tune.recipe import AUGMENTATIONS, EVERYTHING, MIXED, Recipe, cuts
from vm_worker.learn.tune.task_runner import TaskRunner
from vm_worker.learn.tune.timetable import Timetable
from vm_worker.learn.tune.trial_table import TrialTable
from vm_worker.search.searcher import Outcome
from vm_worker.search.space import Choice, Point, Range, Space
from vm_worker.search.study import TrialRun

EPOCHS = (0.5, 1.0, 1.5, 2.5)  # times the epochs of the rule
BATCH_LEAST = 4  # photos; the smallest batch that is tried where memory is short


@dataclass(frozen=True)
class Recipes:
    """The facts of a job on which the space of recipes and the names of trials depend."""

    backbone: Backbone
    rule: Recipe  # the first recipe that is tried
    epochs_most: int
    search: str  # the algorithm's name
    fingerprint: str  # SHA-256 of the photos
    seed: int
    share: float = 1.0  # of a trial in the logits that are delivered; less: it starts from a head of all depths


class FineTuning:
    """The study of recipes: it implements the ports `Study` and `Results` of the search."""

    def __init__(
        self, recipes: Recipes, timetable: Timetable, table: TrialTable, runner: TaskRunner, progress: TuningProgress
    ) -> None:
        self._recipes, self._timetable, self._table = recipes, timetable, table
        self._runner, self._progress = runner, progress
        self._committed: dict[str, int] = {}  # epochs of the suggestion, by the key of a committed trial

    def remember(self, committed: dict[str, TrialResult]) -> None:
        """Note the results of earlier attempts, by key: they are found again whatever fits the time now."""
        self._committed |= {key: one.suggested for key, one in committed.items() if one.suggested is not None}

    @property
    def space(self) -> Space:
        """The recipes that a search may suggest; the rule's own values may lie outside."""
        return space(self._recipes.backbone, self._recipes.rule.epochs, self._recipes.epochs_most)

    @property
    def first(self) -> Sequence[Point]:
        """The first points to try: the rule, the rule with everything unfrozen, and the rule with mixed photos.

        Photos unlike ImageNet's gain when everything is unfrozen, at a lower rate. Small sets gain from mixing.
        """
        rule = self._recipes.rule
        deeper = replace(rule, cut=EVERYTHING.layer, rate=float(f"{rule.rate / 2:.3g}"))
        return [one.to_json() for one in (rule, deeper, replace(rule, augmentation=MIXED))]

    def decode(self, point: Point) -> Recipe:
        """Return the recipe of a point."""
        return Recipe.from_json(point)

    def key(self, design: Recipe) -> str:
        """Return the first 40 hex digits of the SHA-256 of all that a result depends on, as canonical JSON."""
        recipes = self._recipes
        start = {"share": recipes.share} if recipes.share < 1 else {}  # none: as it was before there were such starts
        whole = {"recipe": design.to_json(), "dataset": recipes.fingerprint, "backbone": recipes.backbone.key, **start}
        text = json.dumps({**whole, "seed": recipes.seed}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:40]

    def task(self, design: Recipe, key: str) -> JsonObject:
        """Return the task message: train with this recipe and judge."""
        return TrialTask(
            inputs=self._runner.inputs,
            seconds=self._runner.budget.remaining(),
            key=key,
            recipe=design,
            views=self._timetable.views(design.cut),
            weights=self._weights(key),
            search=self._recipes.search,
            rivals=self._table.rivals,
        ).message()

    def fits(self, design: Recipe, begun: Container[str]) -> Recipe | None:
        """Return the recipe, or the same with fewer epochs, that fits the time; None where none does.

        A variant whose trial has begun (its key is in `begun`) or is committed is preferred.
        """
        for one in self._timetable.shorter(design):
            key = self.key(one)
            if key in begun or self._committed.get(key) == design.epochs:
                return one
        leader = self._table.leader
        best = replace(leader.recipe, epochs=leader.result.epochs) if leader else None
        return self._timetable.fitted(design, best)

    def smaller(self, design: Recipe) -> Recipe | None:
        """Return the recipe with half the batch and half the learning rate; None below the smallest batch."""
        batch = design.batch // 2
        return None if batch < BATCH_LEAST else replace(design, batch=batch, rate=design.rate / 2)

    def reached(self, goal: float | None) -> str:
        """Return that a trial has reached the goal, as a sentence; empty: none has, or there is no goal.

        One that would not be delivered, as it is not surely better than what is selected, does not count.
        """
        best = self._table.leader
        if goal is None or best is None or best.result.surely is False or best.score.value < goal:
            return ""
        return f"the goal of {wording.percent(goal, 1)} is reached"

    def batch_begins(self) -> None:
        """Compare the trials that come now with all that have ended before."""
        self._table.compare_with_ended()

    def started(self, key: str) -> None:
        """Show this trial on the status page."""
        self._progress.show(key, f"Trial {len(self._table.rows) + 1}")

    def committable(self, run: TrialRun[Recipe], result: JsonObject) -> JsonObject | None:
        """Add the recipe and its origin to the result; None where the time ended before the first epoch did."""
        if "score" not in result:
            return None
        self._timetable.filled(run.design.cut)
        trial = TrialResult.from_json(result)
        trial = replace(trial, kind=run.kind, suggested=run.suggested.epochs, recipe=run.design)
        if run.reduced != run.design:
            trial = replace(trial, batch=run.reduced.batch, rate=run.reduced.rate)
        return trial.to_json()

    def record(self, kind: str, design: Recipe, result: JsonObject) -> Outcome:
        """Enter the trial's row, and reckon with its pace from now on."""
        if result.get("score") is None:
            self._table.skip(kind, design, str(result.get("note", LATE)))
            return Outcome(None)
        found = TrialResult.from_json(result)
        trial = self._table.enter(kind, design, found, self._weights(self.key(design)))
        if not found.pruned:
            self._timetable.took(design, found.pace)
        return Outcome(trial.score.error)

    def _weights(self, key: str) -> Path:
        return self._runner.inputs.folder / f"{key}.weights.h5"


def space(backbone: Backbone, epochs: int, epochs_most: int) -> Space:
    """Return the space of recipes around a rule of so many epochs."""
    choices = tuple(sorted({max(1, min(int(share * epochs), epochs_most)) for share in EPOCHS}))
    return Space(
        (
            Choice("cut", tuple(cut.layer for cut in cuts(backbone))),
            Choice("epochs", choices),
            Range("rate", 5e-5, 2e-3, log=True),
            Choice("batch", (16, 32, 64)),
            Choice("dropout", (0.0, 0.2, 0.4)),
            Range("decay", 1e-3, 0.1, log=True),
            Choice("smoothing", (0.0, 0.05, 0.1, 0.2)),
            Choice("augmentation", AUGMENTATIONS),
        )
    )
