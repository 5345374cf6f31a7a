"""Tune the selected network: the rule first, then a search, within the budget; what is best is trained further.

Nothing here trains. Trials run in an executor, each is offered to the parent as soon as it has ended, and one
that an earlier attempt has committed is not run again: only its result is read. A trial's weights are not
committed. The delivered model goes on from them on train+validation; where they are lost, from the recipe alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.options import Options
from vm_worker import trials
from vm_worker.executors.choice import Ahead, chosen
from vm_worker.executors.executor import Executor, OutOfMemory, TaskFailed
from vm_worker.intake.dataset import Dataset
from vm_worker.leaderboard import Board, Contender, again, gain, leads, row
from vm_worker.learn.backbones import CATALOGUE
from vm_worker.learn.budget import Budget
from vm_worker.learn.recipe import Recipe, cuts
from vm_worker.learn.rungs import Speeds, Timetable, worth_measuring
from vm_worker.learn.scores import Score
from vm_worker.learn.setting import Chosen, written
from vm_worker.results.candidates import CurvePoint
from vm_worker.results.trials import SearchSummary, TrialRow
from vm_worker.search.searcher import Outcome
from vm_worker.spec import Cluster

TUNED = "tuned.weights.h5"
ISOLATED_SECONDS = 150.0  # of time; with less, starting a process (5 to 8 s) would cost more than 5 % of it
BATCH_LEAST = 4  # half of less is no batch
LATE, NO_TIME = "it did not end in time", "the time left does not allow it"

log = logging.getLogger(__name__)

Report = Callable[[Mapping[str, Any]], None]
Commit = Callable[[str, float, Mapping[str, Any]], Mapping[str, Any]]  # key, seconds, result -> what counts


@dataclass(frozen=True)
class TuneRequest:
    """What to tune, on which photos, until when."""

    dataset: Dataset
    chosen: Chosen
    options: Options
    budget: Budget
    folder: Path
    images_per_second: float  # through the frozen network, as selection measured it
    committed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # results by key
    commit: Commit = lambda key, seconds, result: result
    entry: str = trials.ENTRY
    cluster: Cluster = field(default_factory=Cluster)


@dataclass(frozen=True)
class Tuned:
    """What came of it. The figures are of the fixed validation part, by models that had not seen it."""

    better: bool
    weights_path: Path | None  # of the whole assembled model, when better
    trials: tuple[TrialRow, ...]
    curve: tuple[CurvePoint, ...]
    validation_accuracy: float | None  # None when no trial came to its end
    validation_loss: float | None
    search: SearchSummary
    validation: NDArray[np.float32] | None = None  # (m, k): what the model of these figures says of the validation part


def tune(request: TuneRequest, report: Report) -> Tuned:
    """Run the rule, search on, and keep the best only if it beats the selected head on the validation part."""
    if request.options.trials == 0:
        return skipped(request, "no trials were asked for")
    if not worth_measuring(request.budget, request.images_per_second):
        return skipped(request, NO_TIME)
    tuning = Tuning(request, report)
    isolated = request.budget.remaining() > ISOLATED_SECONDS
    tuning.executor = chosen(request.entry, tuning.hear, request.cluster, isolated)
    try:
        return tuning.run()
    finally:
        tuning.executor.close()


def skipped(request: TuneRequest, note: str) -> Tuned:
    """Nothing was tuned, and why."""
    only = replace(row(1, "rule", None), state="skipped", note=note)
    return Tuned(False, None, (only,), (), None, None, SearchSummary(request.options.search, 0, note, ""))


class Tuning:
    """One tuning in progress."""

    executor: Executor

    def __init__(self, request: TuneRequest, report: Report) -> None:
        self.request, self._report = request, report
        self._backbone = CATALOGUE[request.chosen.weight.key]
        self._folder = request.folder / "trials"
        self._setting = written(request.dataset, request.chosen, request.options, self._folder).to_json()
        self._whole = max(request.budget.remaining(), 1e-6)
        self._board = Board()
        self._curves: dict[str, list[CurvePoint]] = {}  # by trial
        self._shown = ""  # the trial that is waited for
        self._rivals: list[list[float]] = []  # of all trials of a batch, however many run at a time
        self._message = "Measuring"
        self._outcomes: dict[str, Outcome] = {}  # of trials that were run or read, by key
        self._time: Timetable

    def run(self) -> Tuned:
        """Everything, in its order."""
        request = self.request
        try:
            survey = self._asked("survey", images_per_second=request.images_per_second)
            self._products = survey["products"]
            self._time = Timetable(Speeds.of(survey, request.dataset.counts().values()), request.budget)
            recipe = self._rule()
            cut = recipe.cut if recipe else cuts(self._backbone)[0].layer
            if recipe is None and not self._time.fits_preparing(cut):
                return skipped(request, NO_TIME)
            prepared = self._asked("prepare", cut=cut, views=self._told_views(cut))
        except (OutOfMemory, TaskFailed) as error:
            log.warning("tuning is given up: %s", error)
            return skipped(request, "it did not succeed on this machine")
        if prepared["state"] != "ended":
            return skipped(request, LATE)
        self._time.filled(cut)
        self._board.bar = Score.from_json(prepared["head"])
        outcome = self._searched(recipe) if recipe else "the time left did not allow a trial"
        return self._decided(cut, prepared, outcome)

    def hear(self, told: Mapping[str, Any]) -> None:
        """Progress from a trial's process."""
        if "epoch" in told:
            curve = self._curves.setdefault(told.get("trial") or self._shown, [])
            del curve[told["epoch"]["epoch"] - 1 :]  # a trial whose process was lost begins again
            curve.append(CurvePoint.from_json({"name": self._backbone.key, **told["epoch"]}))
        shown = {"message": self._message, "curve": list(self._curves.get(self._shown, ()))}
        self._report({"fraction": min(1.0, 1 - self.request.budget.remaining() / self._whole), **shown})

    def _asked(self, what: str, **task: Any) -> Mapping[str, Any]:
        """A task's result. Raises OutOfMemory, TaskFailed."""
        return self.executor.submit(self._task(what, **task)).result()

    def _task(self, what: str, **task: Any) -> dict[str, Any]:
        whole = {"do": what, "setting": self._setting, "search": self.request.options.search}
        return {**whole, "seconds": self.request.budget.remaining(), **task}

    def _trial(self, recipe: Recipe, key: str) -> dict[str, Any]:
        views, weights = self._told_views(recipe.cut), str(self._weights(key))
        own = {"trial": key, "recipe": recipe.to_json(), "views": views, "weights": weights}
        return self._task("trial", rivals=self._rivals, **own)

    def _told_views(self, cut: str) -> dict[str, Any]:
        views = self._time.views(cut)
        return {"count": views.count, "live": views.live}

    def _rule(self) -> Recipe | None:
        """What an earlier attempt began with, so that the search is the same; else what the time allows."""
        for result in self.request.committed.values():
            if result.get("kind") == "rule":
                return Recipe.from_json(result["recipe"])
        return self._time.rule(self._backbone, self.request.options.epochs)

    def _searched(self, rule: Recipe) -> str:
        """The rule, then what the searcher suggests; how it ended."""
        options = self.request.options
        space = trials.space(self._backbone, rule.epochs, options.epochs)
        searcher, self._ahead = trials.searcher(options.search, space, options.seed, rule), Ahead(self.executor)
        hunt = trials.Hunt(searcher, self, options.trials)
        self._outcomes[self._key(rule)] = self._run_one(rule, "rule", rule.epochs)
        hunt.know(rule, self._outcomes[self._key(rule)])
        return hunt.run()

    def announce(self, recipes: Sequence[Recipe]) -> None:
        """Let those that fit the time begin, where several run at a time."""
        self._rivals = list(self._board.rivals)
        for recipe in recipes:
            fitted = self._fitted(recipe)
            if fitted and (key := self._key(fitted)) not in self.request.committed:
                self._ahead.begin(key, self._trial(fitted, key))

    def attempt(self, recipe: Recipe) -> Outcome:
        """What comes of a suggestion, or of a shorter one where the time is short."""
        fitted = self._fitted(recipe)
        if fitted is None:
            return Outcome(None)
        key = self._key(fitted)
        if key not in self._outcomes:
            self._outcomes[key] = self._run_one(fitted, self.request.options.search, recipe.epochs)
        return self._outcomes[key]

    def _fitted(self, recipe: Recipe) -> Recipe | None:
        """What was begun or committed goes before what fits the time now; None: not even with the fewest epochs."""
        for one in self._time.shorter(recipe):
            known = self.request.committed.get(key := self._key(one), {"suggested": None})
            if key in self._ahead or known.get("suggested", one.epochs) == recipe.epochs:
                return one
        best = self._board.leader
        return self._time.fitted(recipe, replace(best.recipe, epochs=best.result["epochs"]) if best else None)

    def _key(self, recipe: Recipe) -> str:
        request = self.request
        return trials.key(recipe, request.dataset.sha256, self._backbone.key, request.options.seed)

    def _run_one(self, recipe: Recipe, kind: str, suggested: int) -> Outcome:
        """Run a trial, or read what an earlier attempt found; its row is written down. No error: it was not tried."""
        key = self._key(recipe)
        result = self.request.committed.get(key)
        if result is None:
            result = self._trained(recipe, key, {"kind": kind, "suggested": suggested})
        if result.get("score") is None:
            return self._board.skip(kind, recipe, str(result.get("note", LATE)))
        contender = self._board.enter(kind, recipe, result, self._weights(key))
        if result["state"] != "pruned":
            self._time.took(recipe, result["pace"])
        return Outcome(contender.score.error)

    def _trained(self, recipe: Recipe, key: str, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        """The committed result. Without memory the batch is halved, and the rate with it, and it is tried again."""
        self._message, self._shown = f"Trial {len(self._board.rows) + 1}", key
        started, smaller = time.monotonic(), recipe
        while True:
            try:
                result = self._ahead.result(key, self._trial(smaller, key))
                break
            except OutOfMemory:
                if smaller.batch // 2 < BATCH_LEAST:
                    return {"note": "it needs more memory than there is"}
                smaller = replace(smaller, batch=smaller.batch // 2, rate=smaller.rate / 2)
            except TaskFailed as error:
                return {"note": f"it failed: {error}"[:200]}
        if "score" not in result:
            return result
        self._time.filled(recipe.cut)
        result = {**result, **facts, "recipe": recipe.to_json()}
        if smaller is not recipe:
            result |= {"batch": smaller.batch, "rate": smaller.rate}
        return self.request.commit(key, time.monotonic() - started, result)

    def _weights(self, key: str) -> Path:
        return self._folder / f"{key}.weights.h5"

    def _decided(self, cut: str, prepared: Mapping[str, Any], outcome: str) -> Tuned:
        """Keep what is best on the validation part, trained once more with its photos where the time suffices."""
        head, viewed = Score.from_json(prepared["head"]), Score.from_json(prepared["views"])
        views = row(len(self._board.rows) + 1, "views", None, viewed)
        views = replace(views, parameters={"views": prepared["seen"]}, seconds=round(prepared["seconds"], 2))
        best, path, score, said = self._board.best, None, head, self._folder / "head.npy"
        if best and leads(best.score, viewed, head):
            said = best.weights.with_suffix(".npy")
            path, score = self._delivered(best, head), best.score
        if path is None and viewed.better_than(head):
            path, score, said = self._headed(cut), viewed, self._folder / "views.npy"
            views = replace(views, state="kept", note=gain(head, viewed) + again()) if path else views
        if path is None:
            score, said = head, self._folder / "head.npy"
        points = best.result["points"] if best else ()
        curve = tuple(CurvePoint.from_json({"name": self._backbone.key, **point}) for point in points)
        judged = np.load(said) if said.exists() else None
        rows = self._board.rows
        search = SearchSummary(self.request.options.search, len(rows), outcome, self._products)
        return Tuned(path is not None, path, (*rows, views), curve, score.accuracy, score.loss, search, judged)

    def _delivered(self, best: Contender, head: Score) -> Path | None:
        """The trial's weights: of a training on all photos, or its own; None where neither can be had."""
        recipe, result, target = best.recipe, best.result, self.request.folder / TUNED
        if self._time.fits_final(recipe, result["epochs"]):
            self._message = "Training once more with the validation photos"
            epochs = self._time.final_epochs(recipe, result["epochs"], self.request.options.epochs)
            task = {"recipe": recipe.to_json(), "epochs": epochs, "start": best.start}
            if done := self._finished(recipe.cut, target, task):
                self._board.note(best, gain(head, best.score) + again(best, done["epochs"]), kept=True)
                return target
        if best.weights.exists():
            self._board.note(best, gain(head, best.score), kept=True)
            return best.weights.replace(target)
        self._board.note(best, "an earlier attempt found this; no time was left to train it again")
        return None

    def _headed(self, cut: str) -> Path | None:
        """The weights with a head that has seen the views, fitted on all photos."""
        target = self.request.folder / TUNED
        return target if self._finished(cut, target, {}) else None

    def _finished(self, cut: str, target: Path, task: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            result = self._asked("final", cut=cut, views=self._told_views(cut), weights=str(target), **task)
        except (OutOfMemory, TaskFailed) as error:
            log.warning("the last training failed: %s", error)
            return {}
        return result if result["state"] == "ended" else {}
