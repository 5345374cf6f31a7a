"""The design of networks as a study for the search: the space, the training of a network, and the use of its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jobs.json_values import JsonObject
from vm_worker.learn.budget import Budget
from vm_worker.learn.design.messages import DesignInputs, NetworkResult, NetworkTask, Training
from vm_worker.learn.design.spaces.space import DesignSpace
from vm_worker.learn.design.table import NetworkTable
from vm_worker.search.searcher import Outcome
from vm_worker.search.space import Point, Space
from vm_worker.search.study import TrialRun

LATE = "the time left did not suffice"
START_SECONDS = 4.0  # of a training, for its graphs


@dataclass(frozen=True)
class Subject:
    """The facts of a job on which networks and the names of their trainings depend."""

    space: DesignSpace
    inputs: DesignInputs
    rungs: tuple[int, ...]
    fingerprint: str  # SHA-256 of the photos


class NetworkStudy:
    """The study of networks: it implements the ports `Study` and `Results` of the search."""

    def __init__(
        self, subject: Subject, table: NetworkTable, budget: Budget, show: Callable[[str], None] = lambda text: None
    ) -> None:
        """`budget` is the time of all trainings; `show` is called with what is done next."""
        self._subject, self._table, self.budget, self._show = subject, table, budget, show
        self.undecided: float | None = None  # of the designer that suggested what is recorded next

    @property
    def inputs(self) -> DesignInputs:
        """The files and settings of the search."""
        return self._subject.inputs

    @property
    def space(self) -> Space:
        """The choices of a designer."""
        return self._subject.space.space

    @property
    def first(self) -> Sequence[Point]:
        """No points: nothing is known before."""
        return ()

    def decode(self, point: Point) -> Training:
        """Return the first training of the network that a point stands for."""
        return Training(str(self._subject.space.decode(point)), self._subject.rungs[0])

    def key(self, design: Training) -> str:
        """Return the first 40 hex digits of the SHA-256 of all that a result depends on, as canonical JSON."""
        inputs = self._subject.inputs
        whole = {"network": design.to_json(), "photos": self._subject.fingerprint, "side": inputs.side}
        settings = {"seed": inputs.seed, "mirror": inputs.mirror, "rungs": self._subject.rungs}
        text = json.dumps(whole | settings, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:40]

    def task(self, design: Training, key: str) -> JsonObject:
        """Return the task: train for so many epochs, on from the rung below where its weights are there."""
        rungs, lower = self._subject.rungs, self._lower(design)
        start = self._weights(replace(design, epochs=lower)) if lower and not design.halves else None
        return NetworkTask(
            inputs=self._subject.inputs,
            training=design,
            seconds=self.budget.remaining(),
            key=key,
            weights=None if design.halves or design.epochs == rungs[-1] else self._weights(design),
            start=start,
            begun=lower,
        ).message()

    def fits(self, design: Training, begun: Container[str]) -> Training | None:
        """Return the training where it fits the time, measured by its own epochs or those of the others; else None."""
        if self.key(design) in begun:
            return design
        return design if self.seconds(design) < self.budget.remaining() else None

    def seconds(self, design: Training) -> float:
        """Return the seconds that a training is expected to take."""
        epochs = design.epochs - (0 if design.halves else self._lower(design))
        return START_SECONDS + epochs * self._table.pace(design.architecture)

    def _lower(self, design: Training) -> int:
        """Return the epochs of the rung below; 0 for the first one."""
        return max((epochs for epochs in self._subject.rungs if epochs < design.epochs), default=0)

    def smaller(self, design: Training) -> Training | None:
        """Return None: a network that does not fit the memory is not tried."""
        return None

    def batch_begins(self) -> None:
        """Do nothing: no training is given up because of others."""

    def started(self, key: str) -> None:
        """Show what is done on the status page."""
        self._show(f"Networks designed for your photos: {len(self._table.rows)} tried")

    def committable(self, run: TrialRun[Training], result: JsonObject) -> JsonObject | None:
        """Add the network and who suggested it; None where the time ended first."""
        if "score" not in result:
            return None
        return replace(NetworkResult.from_json(result), kind=run.kind, training=run.design).to_json()

    def record(self, kind: str, design: Training, result: JsonObject) -> Outcome:
        """Enter the result. The error is what the validation score lacks to 1."""
        if "score" not in result:
            self._table.fail(kind, design, str(result.get("note", LATE)))
            return Outcome(None)
        found = NetworkResult.from_json(result)
        self._table.enter(kind, design, found, self.undecided)
        return Outcome(round(1 - found.score, 6))

    def _weights(self, design: Training) -> Path:
        return self._subject.inputs.folder / f"{self.key(design)}.weights.h5"
