"""A study that is no fine-tuning: architectures by depth and width, with costs, through the shared search loop."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from jobs.json_values import JsonObject
from vm_worker.executors.executor import MessageSink
from vm_worker.executors.serial import SerialExecutor
from vm_worker.search.loop import EndPolicy, SearchLoop
from vm_worker.search.rule import RuleSearcher
from vm_worker.search.searcher import Outcome
from vm_worker.search.space import Choice, Point, Space
from vm_worker.search.study import TrialRun
from vm_worker.search.trial_runner import Committed, TrialRunner

SPACE = Space((Choice("depth", (1, 2, 4)), Choice("width", (16, 64, 256))))
NOTHING = Committed()  # no result of an earlier attempt
WIDEST = 64  # channels that still fit the memory


@dataclass(frozen=True)
class Architecture:
    """A design: so many layers of so many channels."""

    depth: int
    width: int

    @property
    def latency_ms(self) -> float:
        """Return the time of one photo."""
        return 0.01 * self.depth * self.width


@dataclass(frozen=True)
class Architectures:
    """The study. Networks slower than `slowest` milliseconds do not fit."""

    slowest: float = 100.0
    space: Space = SPACE
    first: Sequence[Point] = ({"depth": 1, "width": 16},)

    def decode(self, point: Point) -> Architecture:
        return Architecture(int(point["depth"]), int(point["width"]))

    def key(self, design: Architecture) -> str:
        return f"{design.depth:020x}{design.width:020x}"

    def task(self, design: Architecture, key: str) -> JsonObject:
        return {"depth": design.depth, "width": design.width}

    def fits(self, design: Architecture, begun: Container[str]) -> Architecture | None:
        return design if design.latency_ms <= self.slowest else None

    def smaller(self, design: Architecture) -> Architecture | None:
        return replace(design, width=design.width // 4) if design.width > 16 else None


@dataclass
class Kept:
    """The results in the order in which they came."""

    runs: list[TrialRun[Architecture]] = field(default_factory=list)
    started_keys: list[str] = field(default_factory=list)

    def batch_begins(self) -> None:
        pass

    def started(self, key: str) -> None:
        self.started_keys.append(key)

    def committable(self, run: TrialRun[Architecture], result: JsonObject) -> JsonObject:
        self.runs.append(run)
        return result

    def record(self, kind: str, design: Architecture, result: JsonObject) -> Outcome:
        costs: Any = result.get("costs", {})
        error: Any = result.get("error")
        return Outcome(error, costs)


class Listening(RuleSearcher):
    """A searcher of given points that keeps what it is told."""

    def __init__(self, points: Sequence[Point]) -> None:
        super().__init__(points)
        self.told: list[Outcome] = []

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        super().tell(outcomes)
        self.told += outcomes


def work(task: Mapping[str, Any], tell: MessageSink) -> Mapping[str, Any]:
    """Try an architecture: deeper is better. A network that is too wide needs too much memory."""
    if task["width"] > WIDEST:
        raise MemoryError
    costs = {"latency_ms": Architecture(task["depth"], task["width"]).latency_ms, "bytes": 4 * task["width"] ** 2}
    return {"error": 0.5 / task["depth"], "costs": costs}


Searched = Callable[..., tuple[Listening, Kept, str]]


@pytest.fixture
def searched() -> Searched:
    """Search these points; return the searcher, the results, and the end of the search."""

    def run(*points: Point, study: Architectures = Architectures(), known: Committed = NOTHING) -> Any:
        searcher, kept = Listening(points), Kept()
        runner = TrialRunner(study, kept, SerialExecutor(f"{__name__}:work", lambda told: None), known, "rule")
        return searcher, kept, SearchLoop(searcher, study.decode, runner, EndPolicy()).run()

    return run


def point(depth: int, width: int) -> Point:
    return {"depth": depth, "width": width}


def test_the_searcher_is_told_errors_and_costs(searched: Searched) -> None:
    searcher, _, end = searched(point(1, 16), point(4, 64))
    assert [outcome.error for outcome in searcher.told] == [0.5, 0.125]
    assert [outcome.costs for outcome in searcher.told] == [
        {"latency_ms": pytest.approx(0.16), "bytes": 1024},
        {"latency_ms": pytest.approx(2.56), "bytes": 16384},
    ]
    assert end == "only the rule was tried"


def test_a_design_that_does_not_fit_is_not_tried(searched: Searched) -> None:
    searcher, kept, end = searched(point(1, 16), point(4, 64), study=Architectures(slowest=1.0))
    assert [run.design for run in kept.runs] == [Architecture(1, 16)]
    assert end.startswith("no other trial fitted the time")
    assert len(searcher.told) == 1


def test_a_design_that_needs_too_much_memory_is_tried_smaller(searched: Searched) -> None:
    _, kept, _ = searched(point(2, 256))
    (run,) = kept.runs
    assert (run.suggested, run.design, run.reduced) == (
        Architecture(2, 256),
        Architecture(2, 256),
        Architecture(2, 64),
    )


def test_a_committed_result_is_read_and_not_made_again(searched: Searched) -> None:
    key = Architectures().key(Architecture(2, 16))
    searcher, kept, _ = searched(point(2, 16), known=Committed({key: {"error": 0.2, "costs": {"bytes": 7}}}))
    assert (kept.runs, kept.started_keys) == ([], [])
    assert searcher.told == [Outcome(0.2, {"bytes": 7})]
