"""Design a network for the photos of a job, within a budget: set up the search, run it, and gather what it found."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vm_worker.designs.layers import Given
from vm_worker.executors.choice import chosen
from vm_worker.learn import imbalance
from vm_worker.learn.budget import Budget
from vm_worker.learn.design.messages import DesignInputs, Training, write_inputs
from vm_worker.learn.design.policy import POLICY, DesignPolicy
from vm_worker.learn.design.search import DesignSearch, Times
from vm_worker.learn.design.sides import side_for
from vm_worker.learn.design.spaces.table import SPACES
from vm_worker.learn.design.study import NetworkStudy, Subject
from vm_worker.learn.design.table import NetworkTable
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import devices
from vm_worker.results.designs import Designed
from vm_worker.search.designers import DESIGNERS
from vm_worker.search.half_random import HalfRandomSearcher
from vm_worker.search.random import RandomSearcher
from vm_worker.search.trial_runner import Committed, TrialRunner
from vm_worker.spec import Cluster

OTHER_SEED = 7_919  # what the seed of the random half is greater by


@dataclass(frozen=True)
class Rooms:
    """Where trainings run, and what earlier attempts have committed."""

    committed: Committed = field(default_factory=Committed)
    cluster: Cluster = field(default_factory=Cluster)


@dataclass(frozen=True)
class Wish:
    """What a user asks for."""

    designer: str  # a name in DESIGNERS
    most: int | None  # networks; None: as many as the time allows
    minutes: int  # of the whole job: with more of them the space is larger
    mirror: bool  # whether a mirrored photo shows the same class
    seed: int

    def expected(self, seconds: float) -> int:
        """Return how many networks are expected to be tried, at so many seconds each, on every machine alike."""
        return self.most or max(1, round(self.minutes * 60 / seconds))


@dataclass(frozen=True)
class DesignRequest:
    """The photos, the wish and the budget of a search for a network."""

    dataset: LabelledPhotos
    wish: Wish
    budget: Budget
    folder: Path
    rooms: Rooms = field(default_factory=Rooms)
    policy: DesignPolicy = POLICY
    show: Callable[[float, str], None] = lambda share, text: None  # the share of the time that is over, and a sentence


def design(request: DesignRequest) -> Designed:
    """Search for a network in the time; the last part of it is left for training the best one for longer."""
    began, policy, whole = time.monotonic(), request.policy, request.budget.remaining()
    times = Times(
        Budget(request.budget.deadline - (policy.judging_share + policy.final_share) * whole),
        Budget(request.budget.deadline - policy.final_share * whole),
    )
    progress = _Progress(request, times.judging)
    isolated, processes = whole > policy.isolated_seconds, devices.processes(policy.processes)
    executor = chosen(policy.entry, progress.hear, request.rooms.cluster, isolated, processes)
    try:
        search = _search(request, times, executor, progress)
        outcome = search.run()
    finally:
        executor.close()
    return _gathered(request, search, outcome, time.monotonic() - began)


def _search(request: DesignRequest, times: Times, executor: Any, progress: _Progress) -> DesignSearch:
    wish, policy, inputs = request.wish, request.policy, _inputs(request)
    expected = wish.expected(policy.training_seconds)
    space = SPACES[policy.space](Given(inputs.side, inputs.classes), expected)
    table = NetworkTable(policy)
    subject = Subject(space, inputs, policy.rungs, request.dataset.sha256)
    study = NetworkStudy(subject, table, times.judging, progress.show)
    designer = DESIGNERS[wish.designer](study.space, wish.seed, expected)
    searcher = HalfRandomSearcher(designer, RandomSearcher(study.space, wish.seed + OTHER_SEED))
    runner: TrialRunner[Training] = TrialRunner(study, study, executor, request.rooms.committed, wish.designer)
    return DesignSearch(study, table, runner, searcher, wish.designer, policy, times, wish.most)


def _inputs(request: DesignRequest) -> DesignInputs:
    dataset, side = request.dataset, side_for(request.dataset)
    inputs = DesignInputs(
        pixels=dataset.images[side],
        folder=request.folder / "networks",
        side=side,
        classes=len(dataset.truth.classes),
        mirror=request.wish.mirror,
        seed=request.wish.seed,
        epoch_steps=request.policy.epoch_steps,
        epoch_most=request.policy.epoch_most,
        balanced=imbalance.unequal(np.bincount(dataset.truth.labels)),
    )
    write_inputs(dataset, inputs)
    return inputs


def _gathered(request: DesignRequest, search: DesignSearch, outcome: str, seconds: float) -> Designed:
    wish, policy, table, inputs = request.wish, request.policy, search.table, search.study.inputs
    counts = [len(inputs.parts(number).judged) for number in range(1, policy.judgements + 1)]
    best = table.best()
    return Designed(
        designer=wish.designer,
        space=policy.space,
        side=inputs.side,
        networks=tuple(table.rows.values()),
        best=None if best is None else best.number,
        seconds=round(seconds, 1),
        outcome=outcome,
        rungs=policy.rungs,
        chance=table.chance,
        metric=imbalance.metric(inputs.balanced),
        comparison=table.comparison(wish.designer, counts),
        values=search.searcher.designer.leanings() or None,
    )


class _Progress:
    """What the status page shows of a search."""

    def __init__(self, request: DesignRequest, end: Budget) -> None:
        self._show, self._end, self._whole = request.show, end, max(end.remaining(), 1e-6)
        self._text = "Designing networks"

    def show(self, text: str) -> None:
        """Show a sentence."""
        self._text = text
        self._show(1 - self._end.remaining() / self._whole, text)

    def hear(self, told: Mapping[str, object]) -> None:
        """Show how far a training is. Any thread may call."""
        self._show(1 - self._end.remaining() / self._whole, f"{self._text}; epoch {told['trained']} of {told['of']}")
