"""Which pretrained network suits these photos: a head for each candidate, and the best one by validation.

Where all photos through all candidates would take longer than there is, a few photos are shown to each first,
and those that are clearly worse on them see no more. What was computed then is used again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from jobs.options import Options
from vm_worker.intake.dataset import Part
from vm_worker.learn import free_memory
from vm_worker.learn.budget import Budget
from vm_worker.learn.features import extraction
from vm_worker.learn.features.engines import BATCH
from vm_worker.learn.features.extraction import Extract, alone
from vm_worker.learn.heads import head_validation
from vm_worker.learn.heads.linear import Head, Plan
from vm_worker.learn.judge.findings import Findings, study
from vm_worker.learn.judge.suspects import named
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks.catalogue import CATALOGUE, Backbone
from vm_worker.learn.networks.weights import WeightFile
from vm_worker.learn.progress_events import LearningProgress, LearningQuote, ProgressSink
from vm_worker.learn.select import pruning, quote, ranking, scratch_candidates
from vm_worker.learn.select.candidate_features import CandidateFeatures, Photos
from vm_worker.learn.select.ranking import Candidate
from vm_worker.learn.select.scratch_candidates import ScratchCandidates, ScratchModel
from vm_worker.learn.select.selection_table import Judged, SelectionTable, left_out
from vm_worker.learn.select.time_shares import Finishing, TimeShares
from vm_worker.results.candidates import CandidateRow, CurvePoint, PruningRow, SuspectRow

TEST_PASSES = 1.5  # over the test photos: the test, and the proof of model.h5
PROBES_SHARE = 0.35  # of the time left, for showing a few photos to every candidate
LATENCY_SHARE = 0.2  # of the time left, for the latency of those that tie, where it decides
FINDINGS_SHARE = 0.15  # of the time left when the winner is known, for what its features tell about the photos


@dataclass(frozen=True)
class SelectionPolicy:
    """How much the first candidate sees at least."""

    least_images: int = 4 * BATCH  # whatever the budget


@dataclass(frozen=True)
class SelectRequest:
    """What to choose from, for which photos, until when."""

    dataset: LabelledPhotos
    weights: Mapping[str, WeightFile]
    options: Options
    budget: Budget
    folder: Path
    extract: Extract = alone  # how photos go through a network
    finishing: Finishing | None = None  # what comes after tuning: the test, the files; None: the test alone
    policy: SelectionPolicy = field(default_factory=SelectionPolicy)


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
    suspects: tuple[SuspectRow, ...]  # photos that may be in the wrong folder
    grown: ScratchModel | None = None  # the winner, where it learnt from nothing


def select(request: SelectRequest, sink: ProgressSink) -> Selection:
    """Evaluate the candidates from the cheapest on, as many as the budget allows, and choose.

    The first one always gives a head, though of fewer photos when the time does not suffice for all.
    Raises ValueError when there is no candidate. Networks from scratch, where they were asked for, come last.
    """
    wanted = [key for key in request.options.candidates or CATALOGUE if key in request.weights]
    scratch = ScratchCandidates(request.dataset, request.options, not wanted, request.budget)
    request = replace(request, budget=Budget(request.budget.deadline - scratch.seconds))
    run = _Run(request, sink, len(wanted), scratch)
    rows = sorted((CATALOGUE[key] for key in wanted), key=lambda row: (row.gflops, row.key))
    candidates = [run.candidate(row) for row in rows]
    if candidates:
        run.quote(candidates[0], rows)
        for candidate in _shortlist(run, candidates):
            _evaluate(run, candidate)
            free_memory.give_back()
    run.train_from_scratch()
    return run.selection()


class _Run:
    """One selection in progress."""

    def __init__(self, request: SelectRequest, sink: ProgressSink, expected: int, scratch: ScratchCandidates) -> None:
        """`expected`: how many pretrained candidates there are."""
        self.request = request
        self.table = SelectionTable(request.options.objective)
        self.pruning: tuple[PruningRow, ...] = ()
        self._sink = sink
        self._scratch = scratch
        self._expected = expected + scratch.expected
        self._told = 0.0  # the fraction that the page has heard of
        self.photos = Photos.of(request.dataset, request.options.seed, request.folder).by(request.extract)
        finishing = request.finishing or self._tests
        self.times = TimeShares(request.budget, len(self.photos.rows), request.options.trials != 0, finishing)
        self.plan = Plan(len(request.dataset.truth.classes), request.options.epochs, request.options.seed)

    def candidate(self, backbone: Backbone) -> CandidateFeatures:
        """A candidate that has seen nothing yet."""
        total = len(self.photos.rows)

        def tell(backbone: Backbone, seen: int, speed: float) -> None:
            self.tell(0.9 * seen / total, f"{backbone.title}: {seen} of {total} photos, {speed:.0f} a second")

        return CandidateFeatures(self.photos, self.request.weights[backbone.key], tell)

    def budget(self) -> Budget:
        """Until when the next candidate may take its images, so that the best one so far can still be tuned."""
        if not self.table.candidates:
            return Budget.of(self.times.for_first())
        best = self.table.best()
        return Budget.of(self.times.for_more(len(self.table.candidates), best.candidate.backbone, best.plain))

    def _tests(self, images_per_second: float, gflops: float) -> float:
        return TEST_PASSES * len(self.request.dataset.rows(Part.TEST)) / images_per_second

    def quote(self, first: CandidateFeatures, rows: list[Backbone]) -> None:
        """Tell how long selection and tuning will take, by the speed of the cheapest candidate."""
        options, measured = self.request.options, first.measure()
        self.times.begin(first.backbone, measured.plain)
        todo = quote.Todo(rows, len(self.photos.rows), self.plan.classes, quote.trials(options.search, options.trials))
        self._sink(LearningQuote(quote.seconds(todo, measured) + self._scratch.seconds, measured.plain))

    def tell(self, part: float, message: str) -> None:
        """Tell that this part of the current candidate is done, 0..1. The bar never goes back."""
        self._told = max(self._told, min(1.0, (len(self.table) + part) / self._expected))
        self._sink(LearningProgress(self._told, message, self.table.rows(), self.table.curve()))

    def advance(self, candidate: CandidateFeatures, until: int, budget: Budget, least: int | None = None) -> bool:
        """Show it the photos up to this one; False: it cannot see them in time, and is left out."""
        key, left = candidate.backbone.key, until - candidate.seen
        if least is None and pruning.hopeless(candidate.backbone, self.table.speeds, left, budget.remaining()):
            late = "there was no time left" if budget.over() else "it is far too slow for the time there is"
            self.drop(candidate, f"left out: {late}")
            return False
        try:
            candidate.advance(until, budget, least)
        except extraction.TooSlow as slow:
            self.table.speeds[key] = slow.speed
            self.drop(candidate, f"left out: at {slow.speed:.1f} images a second it could not finish in time")
            return False
        self.table.speeds[key] = candidate.speed
        return True

    def add(self, candidate: CandidateFeatures) -> None:
        """Validate the heads of a candidate that has seen what it will see."""
        started, key, features = time.monotonic(), candidate.backbone.key, candidate.table()
        result = head_validation.validate(features, self.plan)
        heads_seconds = time.monotonic() - started
        entry = Candidate(
            backbone=candidate.backbone,
            features=features,
            result=result,
            seconds=candidate.seconds + heads_seconds,
            images_per_second=candidate.speed,
            partial=candidate.seen < len(self.photos.rows),
            way=candidate.way,
        )
        curve = tuple(ranking.curve_points("select", key, result.history))
        self.table.add(Judged(entry, candidate.rows, candidate.plain, heads_seconds, curve))
        candidate.release()

    def drop(self, candidate: CandidateFeatures, note: str) -> None:
        """Leave it out; the note says why."""
        self.table.drop(left_out(candidate.backbone, note, candidate.seconds))
        candidate.release()

    def train_from_scratch(self) -> None:
        """Train networks from nothing, where asked for. Raises ValueError where there is no candidate at all."""
        judged, dropped = self._scratch.train(self.request.folder, lambda row: self.tell(0.0, f"{row.title}: learning"))
        for one in judged:
            self.table.add(one)
        for row in dropped:
            self.table.drop(row)
        if not self.table.candidates:
            raise ValueError("no candidate has weights, and none could be trained from scratch in the time")

    def selection(self) -> Selection:
        """Choose."""
        if self.request.options.objective != "accuracy":
            seconds = self.request.budget.remaining() * LATENCY_SHARE
            self.table.measure_leaders(self.request.folder, seconds)
        best = self.table.best()
        self.tell(0.0, f"{best.candidate.backbone.title} is the best candidate")
        grown = self._scratch.models.get(best.candidate.backbone.key)
        findings = scratch_candidates.findings(grown) if grown else self._findings(best)
        return Selection(
            winner=best.candidate.backbone.key,
            head=grown.head if grown else self._refitted(best.candidate),
            candidates=self.table.rows(),
            curve=self.table.curve(),
            note=self.table.reason(),
            images_per_second=round(best.candidate.images_per_second, 2),
            plain_images_per_second=round(best.plain, 2),
            pruning=self.pruning,
            findings=findings,
            suspects=() if grown else named(findings.suspects or (), self.request.dataset, best.rows),
            grown=grown,
        )

    def _refitted(self, best: Candidate) -> Head:
        return head_validation.refit(best.features, self.plan, best.result)

    def _findings(self, best: Judged) -> Findings:
        """A pass over the folds costs less than the validation's heads, of many strengths, did."""
        budget = self.request.budget.share(FINDINGS_SHARE)
        if budget.remaining() < best.heads_seconds:
            return Findings(None, None, None)
        return study(best.candidate.features, self.plan, best.candidate.result, budget)


def _shortlist(run: _Run, candidates: list[CandidateFeatures]) -> Iterator[CandidateFeatures]:
    """Who is shown all photos, in this order: the cheapest first, or, after probes, the most promising."""
    rows = [candidate.backbone for candidate in candidates]
    photos = len(run.photos.rows)
    if not pruning.possible(photos, len(candidates)):
        yield from candidates
        return
    # Each candidate's beginning is the beginning of its features: nothing is computed twice.
    first = candidates[0]
    run.advance(first, pruning.PROBE_IMAGES, run.budget(), run.request.policy.least_images)
    seconds = run.times.for_more(len(run.table.candidates), first.backbone, first.plain)
    if first.seen == pruning.PROBE_IMAGES and pruning.worth_it(photos, first.speed, rows, seconds):
        candidates = _probed(run, candidates)
    yield from candidates


def _probed(run: _Run, candidates: list[CandidateFeatures]) -> list[CandidateFeatures]:
    """Show the others a few photos too; who is not clearly worse goes on."""
    end = run.request.budget.share(PROBES_SHARE)
    scored = {candidates[0]: candidates[0].scored()}
    for candidate in candidates[1:]:
        if run.advance(candidate, pruning.PROBE_IMAGES, end):
            scored[candidate] = candidate.scored()
    losers = pruning.losers(list(scored.values()))
    run.pruning = tuple(pruning.table(list(scored.values()), losers))
    for candidate in scored:
        if candidate.backbone.key in losers:
            run.drop(candidate, losers[candidate.backbone.key])
    left = [candidate for candidate in scored if candidate.backbone.key not in losers]
    # The most promising first, but none that cannot end before one that can: the first one always counts.
    seconds = run.budget().remaining()

    def place(candidate: CandidateFeatures) -> tuple[bool, float, float]:
        late = (len(run.photos.rows) - candidate.seen) / candidate.speed > seconds
        return late, -scored[candidate].accuracy, candidate.backbone.gflops

    return sorted(left, key=place)


def _evaluate(run: _Run, candidate: CandidateFeatures) -> None:
    least = None if run.table.candidates else max(0, run.request.policy.least_images - candidate.seen)
    if run.advance(candidate, len(run.photos.rows), run.budget(), least):
        run.tell(0.9, f"{candidate.backbone.title}: training heads")
        run.add(candidate)
