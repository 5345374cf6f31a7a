"""The state of one selection while it runs: its candidates, their figures, the time that is left."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vm_worker.intake.dataset import Part
from vm_worker.learn import imbalance
from vm_worker.learn.budget import Budget
from vm_worker.learn.features import extraction
from vm_worker.learn.heads import head_validation
from vm_worker.learn.heads.linear import HeadSettings
from vm_worker.learn.networks.catalogue import Backbone
from vm_worker.learn.networks.weights import EARLIER
from vm_worker.learn.progress_events import LearningProgress, LearningQuote, ProgressSink
from vm_worker.learn.select import pairs, pruning, quote, ranking, viewing
from vm_worker.learn.select.candidate_features import CandidateFeatures, Photos
from vm_worker.learn.select.pairs import PairFigures
from vm_worker.learn.select.ranking import Candidate
from vm_worker.learn.select.request import LEAST_IMAGES as LEAST_IMAGES
from vm_worker.learn.select.request import Selection as Selection
from vm_worker.learn.select.request import SelectionRequest as SelectionRequest
from vm_worker.learn.select.scratch_candidates import ScratchCandidates
from vm_worker.learn.select.selection_table import CandidateRecord, SelectionTable, left_out_row
from vm_worker.learn.select.time_shares import (
    FEW_OF_PAIRS,
    FIRST_HEADS_SHARE,
    HEADS_SHARE,
    HEADS_TIMES,
    TimeShares,
    by_gain,
    for_views,
)
from vm_worker.results.candidates import PruningRow

REACHED = "left out: the goal was reached before"  # the note of candidates after the one that reached it

log = logging.getLogger(__name__)

TEST_PASSES = 1.5  # over the test photos: the test, and the check of model.h5
LATENCY_SHARE = 0.2  # of the time left, for the latency of tied candidates, where the objective needs it
FINDINGS_SHARE = 0.15  # of the time left when the winner is known, for suspects and the learning curve


class SelectionRun:
    """The state of one selection while it runs."""

    def __init__(
        self, request: SelectionRequest, sink: ProgressSink, pretrained: int, scratch: ScratchCandidates
    ) -> None:
        """`pretrained` is the number of pretrained candidates."""
        self.request = request
        self.table = SelectionTable(request.options.objective)
        self.pruning: tuple[PruningRow, ...] = ()
        self._sink = sink
        self.scratch = scratch
        self._expected = pretrained + scratch.expected
        self._fraction = 0.0  # that was reported last
        photos = Photos.from_dataset(request.dataset, request.options.seed, request.folder, request.extract)
        passes = 2 if request.views else 1
        self.photos = replace(photos, earlier=request.earlier, slowness=request.slowness, passes=passes)
        finishing = request.finishing or self._test_seconds
        tuned = request.options.trials != 0
        pair = pairs.SECONDS if request.options.objective == "accuracy" else 0.0
        shares = TimeShares(request.budget, len(self.photos.rows), tuned, finishing)
        least = request.least_finishing
        self.times = replace(shares, least_finishing=least, pair_seconds=pair, slowness=request.slowness)
        self._setup = 0.0  # seconds until an engine was ready, at most
        self._made: dict[str, CandidateFeatures] = {}  # of the candidates that were validated, by key
        truth, options = request.dataset.truth, request.options
        balanced = imbalance.unequal(np.bincount(truth.labels))
        self.head_settings = HeadSettings(len(truth.classes), options.epochs, options.seed, balanced=balanced)

    def candidate(self, backbone: Backbone) -> CandidateFeatures:
        """Return a candidate that has no features yet."""
        total = len(self.photos.rows)

        def listener(backbone: Backbone, done: int, speed: float) -> None:
            self.report(0.9 * done / total, f"{backbone.title}: {done} of {total} photos, {speed:.0f} a second")

        return CandidateFeatures(self.photos, self.request.weight(backbone), listener)

    def budget(self, following: Backbone | None = None) -> Budget:
        """Return the time for the features of the candidate that comes now; the rest suffices to deliver a model."""
        if not self.table.candidates:
            return Budget.of(self.times.for_first())
        best = self.table.best()
        tried, backbone, times = len(self.table.candidates), best.candidate.backbone, self.times
        if following is not None and self.request.views and viewing.takes(best):
            passes = (
                len(self.photos.rows)
                / best.candidate.images_per_second
                * (1 + quote.relative_cost(following, backbone))
            )
            count = 1 if tried < FEW_OF_PAIRS else self.request.views
            times = replace(times, views_seconds=for_views(passes, 2 * best.heads_seconds, count))
        return Budget.of(times.for_more(tried, backbone, best.plain, best.heads_seconds, following))

    def budget_compared(self) -> Budget:
        """Return the time for the features of a network that an earlier model, which was judged, is compared with."""
        return Budget.of(self.times.for_compared(self.table.best().heads_seconds))

    def _test_seconds(self, images_per_second: float, gflops: float) -> float:
        return TEST_PASSES * len(self.request.dataset.rows(Part.TEST)) / images_per_second

    def send_quote(self, first: CandidateFeatures, backbones: list[Backbone]) -> None:
        """Report how long selection and tuning will take, from the speed of the first candidate."""
        options, measured = self.request.options, first.measure()
        self.times = self.times.with_speed(first.backbone, measured.plain)
        trials = quote.expected_trials(options.search, options.trials)
        work = quote.QuotedWork(backbones, len(self.photos.rows), self.head_settings.classes, trials)
        self._sink(LearningQuote(quote.seconds(work, measured) + self.scratch.seconds, measured.plain))

    def reordered(self, candidates: list[CandidateFeatures]) -> list[CandidateFeatures]:
        """Return the candidates in the order in which they are tried; the speed of the first is known."""
        first, rows = candidates[0], [candidate.backbone for candidate in candidates]
        if self.request.options.objective != "accuracy":
            return candidates
        measured = first.measure()
        order = by_gain(rows, measured, self.times)
        keys = ", ".join(row.key for row in order)
        log.info("the order is %s; %s would pass %.1f photos a second", keys, first.backbone.key, measured.speed)
        # The first one stays ready: where it comes later, it has no time for being set up again.
        return sorted(candidates, key=lambda candidate: order.index(candidate.backbone))

    def report(self, part: float, message: str) -> None:
        """Report progress: `part` is the share of the current candidate that is done, 0..1. It never decreases."""
        self._fraction = max(self._fraction, min(1.0, (len(self.table) + part) / self._expected))
        self._sink(LearningProgress(self._fraction, message, self.table.rows(), self.table.curve()))

    def extract(self, candidate: CandidateFeatures, until: int, budget: Budget, least: int | None = None) -> bool:
        """Compute the candidate's features of the photos up to this one; False: too slow, and left out."""
        key, left = candidate.backbone.key, until - candidate.done
        seconds = budget.remaining() - (0.0 if candidate.setup else self._setup)
        if least is None and pruning.surely_too_slow(candidate.backbone, self.table.speeds, left, seconds):
            late = "there was no time left" if budget.over() else "it is far too slow for the time there is"
            self.leave_out(candidate, f"left out: {late}")
            return False
        try:
            candidate.extract(until, budget, least)
        except extraction.TooSlow as slow:
            self.table.speeds[key] = slow.speed
            self.leave_out(candidate, f"left out: at {slow.speed:.1f} images a second it could not finish in time")
            return False
        finally:
            self._setup = max(self._setup, candidate.setup)
        self.table.speeds[key] = candidate.speed
        return True

    def validate(self, candidate: CandidateFeatures) -> None:
        """Train and validate heads on the candidate's features, and enter it into the table."""
        started, key, features = time.monotonic(), candidate.backbone.key, candidate.table()
        result = head_validation.validate(features, self.head_settings, self._heads_seconds(candidate))
        heads_seconds = time.monotonic() - started
        entry = Candidate(
            backbone=candidate.backbone,
            features=features,
            result=result,
            seconds=candidate.seconds + heads_seconds,
            images_per_second=candidate.speed,
            partial=candidate.done < len(self.photos.rows),
            way=candidate.way,
        )
        curve = tuple(ranking.curve_points("select", key, result.history))
        self.table.add(CandidateRecord(entry, candidate.rows, candidate.plain, heads_seconds, curve))
        passing, slowness = candidate.seconds - candidate.setup, self.request.slowness()
        took = f"setup {candidate.setup:.1f}, {candidate.done} photos {passing:.1f}, heads {heads_seconds:.1f} s"
        log.info("%s: %s, %.1f times as long as usual", key, took, slowness)
        self._made[key] = candidate
        self._release_all_but_the_best()

    def _release_all_but_the_best(self) -> None:
        """Free the networks of all but those that views may be sent through."""
        best = self.table.best()
        pair = self.pair_figures(best)
        kept = {best.candidate.backbone.key} | (set() if pair is None else {pair.partner.backbone.key})
        for key, candidate in self._made.items():
            if key not in kept:
                candidate.release()

    def _heads_seconds(self, candidate: CandidateFeatures) -> float:
        """Return the seconds that the heads of all depths of this candidate may take."""
        left = self.request.budget.remaining()
        if not self.table.candidates:
            # The network that it is compared with passes as many photos.
            compared = candidate.seconds if self.tuned_before else 0.0
            return FIRST_HEADS_SHARE * max(0.0, left - compared)
        return max(HEADS_SHARE * left, HEADS_TIMES * self.table.best().heads_seconds)

    def reached_goal(self) -> bool:
        """Return whether a candidate, or a pair that would be delivered, has the score that the user asked for."""
        goal = self.request.options.goal
        if goal is None or not self.table.candidates:
            return False
        best = self.table.best()
        pair = self.pair_figures(best)
        return (best.candidate.result if pair is None else pair).score >= goal

    def ready(self, record: CandidateRecord) -> CandidateFeatures | None:
        """Return the candidate of a record, with its network; None for a network from scratch."""
        return self._made.get(record.candidate.backbone.key)

    def leave_out(self, candidate: CandidateFeatures, note: str) -> None:
        """Leave the candidate out; the note says why."""
        self.table.leave_out(left_out_row(candidate.backbone, note, candidate.seconds))
        candidate.release()

    def train_from_scratch(self) -> None:
        """Train networks from scratch, where asked for. Raises ValueError where there is no candidate at all."""
        unneeded = REACHED if self.reached_goal() else ""
        records, left_out = self.scratch.train(self.request.folder, self.report, self.request.rooms, unneeded)
        for record in records:
            self.table.add(record)
        for row in left_out:
            self.table.leave_out(row)
        if not self.table.candidates:
            raise ValueError("no candidate has weights, and none could be trained from scratch in the time")

    @property
    def tuned_before(self) -> bool:
        """Whether there is an earlier model whose network has weights of its own."""
        return self.request.earlier is not None and self.request.earlier.tuned

    def pair_figures(self, best: CandidateRecord, partners: Sequence[Candidate] | None = None) -> PairFigures | None:
        """Return the pair that does better than the winner alone, where only the accuracy counts; None: no pair does.

        Partners are all candidates, unless some are given.
        """
        if self.request.options.objective != "accuracy":
            return None

        def affordable(partner: Candidate) -> bool:
            if any(self.request.weight(one.backbone).kind == EARLIER for one in (partner, best.candidate)):
                return False  # a model is kept for later jobs with the weights of one network at most
            speed = pairs.together(best.plain, self.table.record(partner).plain)
            gflops = best.candidate.backbone.gflops + partner.backbone.gflops
            wanted = self.times.finishing(speed, gflops) + pairs.SECONDS * self.request.slowness()
            return wanted < self.request.budget.remaining()

        return pairs.best(best.candidate, self.table.candidates if partners is None else partners, affordable)
