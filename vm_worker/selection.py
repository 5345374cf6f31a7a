"""Which pretrained network suits these photos: a head for each candidate, and the best one by validation.

Where all photos through all candidates would take longer than there is, a few photos are shown to each first,
and those that are clearly worse on them see no more. What was computed then is used again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.options import Options
from vm_worker.allotment import Allotment, Finishing
from vm_worker.intake.dataset import Dataset, Part
from vm_worker.learn import contest, features, from_scratch, heap, latency, prune, quote, standings
from vm_worker.learn.backbones import CATALOGUE, Backbone
from vm_worker.learn.budget import Budget
from vm_worker.learn.engines import BATCH
from vm_worker.learn.entrant import Entrant, Extract, Photos, alone
from vm_worker.learn.findings import Findings, study
from vm_worker.learn.from_scratch import Grown, Nursery
from vm_worker.learn.heads import Head, Plan
from vm_worker.learn.standings import Entry
from vm_worker.learn.suspects import named
from vm_worker.learn.weights import WeightFile
from vm_worker.results.candidates import CandidateRow, CurvePoint, PruningRow, SuspectRow

TEST_PASSES = 1.5  # over the test photos: the test, and the proof of model.h5
LEAST_IMAGES = 4 * BATCH  # the first candidate sees so many, whatever the budget

PROBES_SHARE = 0.35  # of the time left, for showing a few photos to every candidate
LATENCY_SHARE = 0.2  # of the time left, for the latency of those that tie, where it decides
FINDINGS_SHARE = 0.15  # of the time left when the winner is known, for what its features tell about the photos

Report = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class SelectRequest:
    """What to choose from, for which photos, until when."""

    dataset: Dataset
    weights: Mapping[str, WeightFile]
    options: Options
    budget: Budget
    folder: Path
    extract: Extract = alone  # how photos go through a network
    finishing: Finishing | None = None  # what comes after tuning: the test, the files; None: the test alone


@dataclass(frozen=True)
class Selection:
    """The winner, its head, and how the others did."""

    winner: str
    head: Head  # the winner's, trained on train+validation after the figures below were taken
    candidates: tuple[CandidateRow, ...]
    curve: tuple[CurvePoint, ...]
    note: str  # why it won, and what ties with it
    images_per_second: float  # through the winner
    plain_images_per_second: float  # the same by Keras, as tests and training run it
    pruning: tuple[PruningRow, ...]  # what a few photos said of each candidate; empty where all saw all
    findings: Findings
    suspects: tuple[SuspectRow, ...]  # photos that may be in the wrong folder, by name
    grown: Grown | None = None  # the winner, where it learnt from nothing


def select(request: SelectRequest, report: Report) -> Selection:
    """Evaluate the candidates from the cheapest on, as many as the budget allows, and choose.

    The first one always gives a head, though of fewer photos when the time does not suffice for all.
    Raises ValueError when there is no candidate. Networks from scratch, where they were asked for, come last.
    """
    wanted = [key for key in request.options.candidates or CATALOGUE if key in request.weights]
    nursery = Nursery(request.dataset, request.options, not wanted, request.budget)
    request = replace(request, budget=Budget(request.budget.deadline - nursery.seconds))
    board = _Board(request, report, len(wanted), nursery)
    rows = sorted((CATALOGUE[key] for key in wanted), key=lambda row: (row.gflops, row.key))
    entrants = [board.entrant(row) for row in rows]
    if entrants:
        board.quote(entrants[0], rows)
        for entrant in _shortlist(board, entrants):
            _evaluate(board, entrant)
            heap.trim()
    board.grow()
    return board.selection()


class _Board:
    """Who has been evaluated, who was dropped, and what the page shows of it."""

    def __init__(self, request: SelectRequest, report: Report, expected: int, nursery: Nursery) -> None:
        self.request = request
        self.entries: list[Entry] = []
        self.dropped: list[CandidateRow] = []
        self.pruning: list[PruningRow] = []
        self._report = report
        self._nursery = nursery
        self._expected = expected + nursery.expected
        self._heads_seconds: dict[str, float] = {}
        self._rows: dict[str, NDArray[np.int64]] = {}  # the photos that each candidate was judged on
        self._plain: dict[str, float] = {}  # images a second by Keras
        self._speeds: dict[str, float] = {}  # images a second of who has seen some
        self._told = 0.0
        self.photos = Photos.of(request.dataset, request.options.seed, request.folder).by(request.extract)
        finishing = request.finishing or self._tests
        self.times = Allotment(request.budget, len(self.photos.rows), request.options.trials != 0, finishing)
        self.plan = Plan(len(request.dataset.classes), request.options.epochs, request.options.seed)

    def entrant(self, backbone: Backbone) -> Entrant:
        """A candidate that has seen nothing yet."""
        total = len(self.photos.rows)

        def tell(backbone: Backbone, seen: int, speed: float) -> None:
            self.tell(0.9 * seen / total, f"{backbone.title}: {seen} of {total} photos, {speed:.0f} a second")

        return Entrant(self.photos, self.request.weights[backbone.key], tell)

    def budget(self) -> Budget:
        """Until when the next candidate may take its images, so that the best one so far can still be tuned."""
        if not self.entries:
            return Budget.of(self.times.for_first())
        best = standings.winner(self.entries, self.request.options.objective)
        return Budget.of(self.seconds_for_all(best.backbone, self._plain[best.backbone.key]))

    def seconds_for_all(self, backbone: Backbone, images_per_second: float) -> float:
        """What is left for candidates if this one, of that speed by Keras, is to be tuned, tested and delivered."""
        return self.times.for_more(len(self.entries), backbone, images_per_second)

    def _tests(self, images_per_second: float, gflops: float) -> float:
        return TEST_PASSES * len(self.request.dataset.rows(Part.TEST)) / images_per_second

    def quote(self, first: Entrant, rows: list[Backbone]) -> None:
        """Tell how long selection and tuning will take, by the speed of the cheapest candidate."""
        options, measured = self.request.options, first.measure()
        self.times.begin(first.backbone, measured.plain)
        todo = quote.Todo(rows, len(self.photos.rows), self.plan.classes, quote.trials(options.search, options.trials))
        event = {
            "quoted_seconds": quote.seconds(todo, measured) + self._nursery.seconds,
            "plain_images_per_second": measured.plain,
        }
        self._report({"fraction": 0.0, "message": "Measuring", **event})

    def tell(self, part: float, message: str) -> None:
        """This part of the current candidate is done, 0..1. The bar never goes back."""
        done = (len(self.entries) + len(self.dropped) + part) / self._expected
        self._told = max(self._told, min(1.0, done))
        facts = {"candidates": self.table(), "curve": self.curve()}
        self._report({"fraction": self._told, "message": message, **facts})

    def advance(self, entrant: Entrant, until: int, budget: Budget, least: int | None = None) -> bool:
        """Show it the photos up to this one; False: it cannot see them in time, and is out."""
        key, left = entrant.backbone.key, until - entrant.seen
        if least is None and prune.hopeless(entrant.backbone, self._speeds, left, budget.remaining()):
            late = "there was no time left" if budget.over() else "it is far too slow for the time there is"
            self.drop(entrant, f"left out: {late}")
            return False
        try:
            entrant.advance(until, budget, least)
        except features.TooSlow as slow:
            self._speeds[key] = slow.speed
            self.drop(entrant, f"left out: at {slow.speed:.1f} images a second it could not finish in time")
            return False
        self._speeds[key] = entrant.speed
        return True

    def add(self, entrant: Entrant) -> None:
        """Judge the heads of one that has seen what it will see."""
        started, key, material = time.monotonic(), entrant.backbone.key, entrant.material()
        verdict = contest.judge(material, self.plan)
        self._plain[key] = entrant.plain
        partial = entrant.seen < len(self.photos.rows)
        self._rows[key], self._heads_seconds[key] = entrant.rows, time.monotonic() - started
        seconds = entrant.seconds + self._heads_seconds[key]
        self.entries.append(Entry(entrant.backbone, material, verdict, seconds, entrant.speed, partial, entrant.way))
        entrant.release()

    def grow(self) -> None:
        """Networks from scratch, where asked for. Raises ValueError where there is no candidate at all."""
        grown, dropped = self._nursery.grow(self.request.folder, lambda row: self.tell(0.0, f"{row.title}: learning"))
        self._plain |= {entry.backbone.key: entry.images_per_second for entry in grown}
        self.entries, self.dropped = self.entries + grown, self.dropped + dropped
        if not self.entries:
            raise ValueError("no candidate has weights, and none could be trained from scratch in the time")

    def drop(self, entrant: Entrant, note: str) -> None:
        """It is out; the note says why."""
        row = CandidateRow.without_figures(entrant.backbone, "dropped", note, round(entrant.seconds, 2))
        self.dropped.append(row)
        entrant.release()

    def table(self) -> list[CandidateRow]:
        """A row for each candidate so far, the best first."""
        evaluated = standings.table(self.entries, self.request.options.objective) if self.entries else []
        return evaluated + self.dropped

    def curve(self) -> list[CurvePoint]:
        """The epochs of each candidate's chosen head, or of the whole network."""
        return [
            row
            for entry in self.entries
            for row in self._nursery.curve(entry)
            or standings.curve_rows("select", entry.backbone.key, entry.verdict.history)
        ]

    def selection(self) -> Selection:
        """The outcome."""
        objective = self.request.options.objective
        if objective != "accuracy":
            self._measure_leaders()
        best = standings.winner(self.entries, objective)
        self.tell(0.0, f"{best.backbone.title} is the best candidate")
        grown = self._nursery.grown.get(best.backbone.key)
        findings = from_scratch.findings(grown) if grown else self._findings(best)
        return Selection(
            winner=best.backbone.key,
            head=grown.head if grown else contest.refit(best.material, self.plan, best.verdict),
            candidates=tuple(self.table()),
            curve=tuple(self.curve()),
            note=standings.reason(self.entries, objective),
            images_per_second=round(best.images_per_second, 2),
            plain_images_per_second=round(self._plain[best.backbone.key], 2),
            pruning=tuple(self.pruning),
            findings=findings,
            suspects=()
            if grown
            else named(findings.suspects or (), self.request.dataset, self._rows[best.backbone.key]),
            grown=grown,
        )

    def _measure_leaders(self) -> None:
        """How fast and small those are that tie for the first place, as TFLite models."""
        seconds = self.request.budget.remaining() * LATENCY_SHARE
        latency.fill([entry.backbone.key for entry in standings.leaders(self.entries)], self.request.folder, seconds)
        memory = latency.Memory()
        self.entries = [replace(entry, figures=memory.get(entry.backbone.key)) for entry in self.entries]

    def _findings(self, best: Entry) -> Findings:
        """A pass over the folds costs less than the contest's heads, of many strengths, did."""
        budget = self.request.budget.share(FINDINGS_SHARE)
        if budget.remaining() < self._heads_seconds[best.backbone.key]:
            return Findings(None, None, None)
        return study(best.material, self.plan, best.verdict, budget)


def _shortlist(board: _Board, entrants: list[Entrant]) -> Iterator[Entrant]:
    """Who is shown all photos, in this order: the cheapest first, or, after probes, the most promising."""
    rows = [entrant.backbone for entrant in entrants]
    if not prune.possible(len(board.photos.rows), len(entrants)):
        yield from entrants
        return
    # Each candidate's beginning is the beginning of its features: nothing is computed twice.
    first = entrants[0]
    board.advance(first, prune.PROBE_IMAGES, board.budget(), LEAST_IMAGES)
    seconds = board.seconds_for_all(first.backbone, first.plain)
    if first.seen == prune.PROBE_IMAGES and prune.worth_it(len(board.photos.rows), first.speed, rows, seconds):
        entrants = _probed(board, entrants)
    yield from entrants


def _probed(board: _Board, entrants: list[Entrant]) -> list[Entrant]:
    """Show the others a few photos too; who is not clearly worse goes on."""
    end = board.request.budget.share(PROBES_SHARE)
    scored = {entrants[0]: entrants[0].scored()}
    for entrant in entrants[1:]:
        if board.advance(entrant, prune.PROBE_IMAGES, end):
            scored[entrant] = entrant.scored()
    losers = prune.losers(list(scored.values()))
    board.pruning = prune.table(list(scored.values()), losers)
    for entrant in scored:
        if entrant.backbone.key in losers:
            board.drop(entrant, losers[entrant.backbone.key])
    left = [entrant for entrant in scored if entrant.backbone.key not in losers]
    # The most promising first, but none that cannot end before one that can: the first one always counts.
    seconds = board.budget().remaining()

    def place(entrant: Entrant) -> tuple[bool, float, float]:
        late = (len(board.photos.rows) - entrant.seen) / entrant.speed > seconds
        return late, -scored[entrant].accuracy, entrant.backbone.gflops

    return sorted(left, key=place)


def _evaluate(board: _Board, entrant: Entrant) -> None:
    least = None if board.entries else max(0, LEAST_IMAGES - entrant.seen)
    if board.advance(entrant, len(board.photos.rows), board.budget(), least):
        board.tell(0.9, f"{entrant.backbone.title}: training heads")
        board.add(entrant)
