"""Search for a network: half of the trainings are random, the best train on, the finalists are judged again.

Every network trains for the first rung; of each rung the best third goes on to the next one. That is asynchronous: it
goes by the networks that came so far, in the order in which they were asked for, so it does not depend on how many run
at a time. All trainings are those of one study, so they run by any executor and are committed like trials of tuning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from vm_worker.learn.budget import Budget
from vm_worker.learn.design.messages import Training
from vm_worker.learn.design.policy import DesignPolicy
from vm_worker.learn.design.study import START_SECONDS, NetworkStudy
from vm_worker.learn.design.table import NetworkTable
from vm_worker.results.designs import RANDOM, NetworkRow
from vm_worker.search.half_random import HalfRandomSearcher
from vm_worker.search.searcher import Outcome
from vm_worker.search.space import Point

PATIENCE = 60  # batches without a new network, after which the search is over


class Runner(Protocol):
    """The port to whoever runs trainings."""

    def announce(self, designs: Sequence[Training]) -> None:
        """Begin trainings early, where several run at a time."""
        ...

    def run(self, kind: str, suggested: Training, design: Training) -> Outcome:
        """Run a training, or read its committed result, and record it."""
        ...


@dataclass(frozen=True)
class Times:
    """When each part of the search ends."""

    search: Budget  # for new networks, and for those that train on
    judging: Budget  # for the finalists


@dataclass
class DesignSearch:
    """One search."""

    study: NetworkStudy
    table: NetworkTable
    runner: Runner
    searcher: HalfRandomSearcher
    name: str  # of the designer
    policy: DesignPolicy
    times: Times
    most: int | None = None  # networks; None: as many as the time allows
    known: dict[str, Outcome] = field(default_factory=dict)  # by architecture, after the first rung
    begun: set[Training] = field(default_factory=set)  # that train on

    def run(self) -> str:
        """Search, and judge the finalists again. Return how the search ended, as a sentence."""
        outcome = self._explored()
        self._train_on(last=True)
        self._judge_again()
        return outcome

    def _explored(self) -> str:
        idle = 0
        while idle < PATIENCE:
            points = self.searcher.ask()
            if not points:
                return "there is no other network in the space"
            if reason := self._over():
                return reason
            before = len(self.known)
            self._announce(points)
            self._train_on()
            outcomes = [self._tried(point, number) for number, point in enumerate(points)]
            if any(outcome is None for outcome in outcomes):
                return self._over() or "the time for new networks was over"
            self.searcher.tell([outcome for outcome in outcomes if outcome is not None])
            idle = idle + 1 if len(self.known) == before else 0
        return "the designer asked for nothing new"

    def _over(self) -> str:
        if self.most is not None and len(self.table.rows) >= self.most:
            return "as many networks as were asked for"
        return "the time for new networks was over" if self.times.search.over() else ""

    def _announce(self, points: Sequence[Point]) -> None:
        new = [self.study.decode(point) for point in points]
        self.runner.announce([*self.table.due(self.begun), *(one for one in new if one.architecture not in self.known)])

    def _tried(self, point: Point, number: int) -> Outcome | None:
        """Return the outcome of a point's network; None where it is new and there is no time for it."""
        training = self.study.decode(point)
        if training.architecture not in self.known:
            late = bool(self.known) and self.study.seconds(training) > self.times.search.remaining()
            if late or self._over():
                return None
            by = RANDOM if number < self.searcher.drawn else self.name
            self.study.undecided = self.searcher.designer.undecided if by != RANDOM else None
            self.known[training.architecture] = self.runner.run(by, training, training)
        return self.known[training.architecture]

    def _train_on(self, last: bool = False) -> None:
        """Let the best of each rung train on, as far as the time allows; all of them when no new ones come."""
        while due := self.table.due(self.begun, last):
            if last:
                self.runner.announce([one for one in due if self.study.seconds(one) < self.times.search.remaining()])
            for training in due:
                self.begun.add(training)
                if self.study.seconds(training) < self.times.search.remaining():
                    self.runner.run(self.table.rows[training.architecture].by, training, training)

    def _judge_again(self) -> None:
        """Judge the finalists on other halves of the photos, all of them once before any of them twice."""
        finalists = self._finalists()
        for halves in range(1, self.policy.judgements + 1):
            again = [Training(row.architecture, self.policy.judged_epochs, halves) for row in finalists]
            if not again or self._judging_seconds(finalists) > self.times.judging.remaining():
                return
            self.runner.announce(again)
            for row, training in zip(finalists, again, strict=True):
                self.runner.run(row.by, training, training)
            finalists = [row for row in self.table.rows.values() if row.again]

    def _finalists(self) -> list[NetworkRow]:
        """Return as many finalists as the time allows; none where that is not even the least number."""
        for most in range(self.policy.finalists, self.policy.finalists_least - 1, -1):
            finalists = self.table.finalists(most)
            if self._judging_seconds(finalists) < self.times.judging.remaining():
                return finalists
        return []

    def _judging_seconds(self, rows: Sequence[NetworkRow]) -> float:
        """Return the seconds in which networks are judged again, once each."""
        return sum(START_SECONDS + self.policy.judged_epochs * self.table.pace(row.architecture) for row in rows)
