"""The search over trainings of a detector: the paper's four genes, of which the threshold needs no training.

Sobolevskii (2020) varies the epochs, the steps of an epoch, the learning rate and the detection threshold, with the
fitness 1 / RMSE of the count. Here every trial is judged at its best threshold, which is then its fourth gene.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Container, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from jobs.json_values import JsonObject
from vm_worker.as_json import AsJson
from vm_worker.executors.executor import Result
from vm_worker.learn.atomic_files import replacing
from vm_worker.learn.features.activations import OutOfTime
from vm_worker.search.searcher import Outcome
from vm_worker.search.space import Choice, Point, Range, Space
from vm_worker.search.study import TrialRun
from vm_worker.tasks.detection.engine.operating_point import OperatingPoint
from vm_worker.tasks.detection.engine.training.course import Course, Epoch, Recipe
from vm_worker.tasks.detection.engine.training.session import TRAINING, Progress, Session, Trained

EPOCHS = (0.4, 0.7, 1.0, 1.4)  # times the epochs of the plan
SHARES = (0.5, 0.75, 1.0)  # of the views in an epoch
RATES = (5e-4, 5e-3)
TIE = 1e-6  # how much a trial's F1 adds to its error: it decides between equal counts
LATE = "the time ended first"
SLACK = 1.1  # times the time that a trial is expected to take, for the time left


@dataclass(frozen=True)
class TrialFacts(AsJson):
    """A trial of the search, with the four genes of the paper."""

    number: int  # from 1
    kind: str  # rule, or the search that suggested it
    recipe: Recipe
    epochs: int  # that were trained
    steps: int  # of an epoch
    rate: float
    point: OperatingPoint | None  # threshold, overlap, RMSE and F1; None: it was not tried
    seconds: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class TrialTask(AsJson):
    """A trial to run."""

    key: str
    recipe: Recipe


@dataclass(frozen=True)
class TrialOutcome(AsJson):
    """The result of a trial."""

    point: OperatingPoint
    seconds: float
    epochs: int  # that were trained


class DetectionStudy:
    """The study of recipes on a session: it implements the ports `Study` and `Results` of the search."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.rows: list[TrialFacts] = []
        self.best: tuple[str, Recipe, OperatingPoint] | None = None  # its key, recipe and point
        counts = [len(session.photos.labels[row].boxes) for row in session.photos.validation.tolist()]
        # The mean square of the labelled counts: the error of a detector that finds nothing is 1.
        self._nothing = max(float(np.square(counts).mean()), 1.0)
        self.pace: float | None = None  # seconds a step, as the last trial took
        self._kept = 0.0
        # Seconds that the last trial takes that was not started, and that were left for it; None: all were started.
        self.refused: tuple[float, float] | None = None

    @property
    def space(self) -> Space:
        """The recipes that a search may suggest."""
        return Space((Choice("epochs", self._epochs()), Choice("share", SHARES), Range("rate", *RATES, log=True)))

    def _epochs(self) -> tuple[int, ...]:
        planned = self.session.plan.recipe.epochs
        return tuple(sorted({max(1, round(share * planned)) for share in EPOCHS}))

    @property
    def first(self) -> Sequence[Point]:
        """The plan's own recipe."""
        return [self.session.plan.recipe.to_json()]

    def decode(self, point: Point) -> Recipe:
        """Return the recipe of a point."""
        return Recipe.from_json(point)

    def key(self, design: Recipe) -> str:
        """Return the first 40 hex digits of the SHA-256 of all that a result depends on."""
        whole = {"recipe": design.to_json(), "session": self.session.digest("head")}
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:40]

    def task(self, design: Recipe, key: str) -> JsonObject:
        """Return the task of a trial."""
        return TrialTask(key, design).to_json()

    def fits(self, design: Recipe, begun: Container[str]) -> Recipe | None:
        """Return the recipe, or the same with fewer epochs, that fits the time left; None where none does."""
        if self.pace is None or self.key(design) in begun:
            return design
        epoch, left = SLACK * self.pace * design.steps(self.session.data.rows), self._left()
        possible, least = int(left / epoch), min(design.epochs, self._epochs()[0])
        if possible >= least:
            return replace(design, epochs=min(design.epochs, possible))
        self.refused = least * epoch, left
        return None

    def _left(self) -> float:
        """Return the seconds that are left for trials; negative where less is left than what follows needs."""
        return self.session.work.budget.remaining() - self._kept

    def keep(self, seconds: float) -> None:
        """Leave so much of the time for what follows the search."""
        self._kept = seconds

    def smaller(self, design: Recipe) -> Recipe | None:
        """Return None: a head's batches are small already."""
        return None

    def batch_begins(self) -> None:
        """Do nothing: trials are not compared while they run."""

    def started(self, key: str) -> None:
        """Do nothing: a trial tells of itself."""

    def committable(self, run: TrialRun[Recipe], result: JsonObject) -> JsonObject | None:
        """Return the result as it is; None where the time ended first."""
        return result if "point" in result else None

    def record(self, kind: str, design: Recipe, result: JsonObject) -> Outcome:
        """Enter the trial's row, and return how wrong its counts are, against those of finding nothing."""
        steps = design.steps(self.session.data.rows)
        row = TrialFacts(len(self.rows) + 1, kind, design, design.epochs, steps, design.rate, None)
        if "point" not in result:
            self.rows.append(replace(row, note=str(result.get("note", LATE))))
            return Outcome(None)
        outcome = TrialOutcome.from_json(result)
        point = outcome.point
        short = f"{outcome.epochs} of {design.epochs} epochs fitted into the time"
        note = short if outcome.epochs < design.epochs else ""
        self.rows.append(replace(row, epochs=outcome.epochs, point=point, seconds=outcome.seconds, note=note))
        self.pace = outcome.seconds / max(1, outcome.epochs * steps)
        if self.best is None or self._error(point) < self._error(self.best[2]):
            self.best = (self.key(design), design, point)
        return Outcome(self._error(point))

    def _error(self, point: OperatingPoint) -> float:
        return point.rmse**2 / self._nothing + TIE * (1 - point.f1)


class SessionExecutor:
    """An executor that runs trials in this process, on the session's maps, and keeps each trial's weights."""

    workers = 1

    def __init__(self, session: Session) -> None:
        self._session = session

    def submit(self, task: JsonObject) -> Future[Result]:
        """Run the trial; its result is known when this method returns."""
        future: Future[Result] = Future()
        future.set_result(self._run(TrialTask.from_json(task)))
        return future

    def _run(self, task: TrialTask) -> Result:
        started = time.monotonic()
        if self._session.work.budget.over():
            return {"note": LATE}
        trained = trained_again(self._session, task.key, task.recipe)
        save(self._session.work.folder / f"{task.key}.npz", trained)
        return TrialOutcome(trained.point, time.monotonic() - started, len(trained.losses)).to_json()

    def close(self) -> None:
        """Do nothing, as no process was started."""


def trained_again(session: Session, key: str, recipe: Recipe) -> Trained:
    """Train by a recipe, from the epoch on that a killed run of this trial came to."""

    def tell(epoch: Epoch) -> None:
        session.work.tell(Progress(TRAINING, epoch.number / epoch.of, epoch))

    return session.trial(Course(recipe, session.work.budget, tell, session.work.folder / "trial.npz", key))


def save(path: Path, trained: Trained) -> None:
    """Keep a trial's weights."""
    values: dict[str, Any] = {f"v{index}": value for index, value in enumerate(trained.weights)}
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, **values, losses=np.array(trained.losses))


def of_best(study: DetectionStudy) -> tuple[Recipe, Trained]:
    """Return the best trial's recipe and head; where its file is lost it is trained again.

    Raises OutOfTime where no trial came to its end.
    """
    if study.best is None:
        raise OutOfTime
    key, recipe, point = study.best
    path, session = study.session.work.folder / f"{key}.npz", study.session
    if not path.is_file():
        return recipe, trained_again(session, key, recipe)
    with np.load(path, allow_pickle=False) as file:
        weights = tuple(file[f"v{index}"] for index in range(len(file.files) - 1))
        losses = tuple(float(one) for one in file["losses"])
    session.parts.head.set_weights(weights)
    return recipe, Trained(weights, losses, session.candidates(session.parts.head, session.validation), point)
