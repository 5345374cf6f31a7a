"""Which pretrained network suits these photos: a head for each candidate, and the best one by validation."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jobs.options import Options
from vm_worker.intake.dataset import Dataset, Part
from vm_worker.learn import contest, features, folds, networks, standings
from vm_worker.learn.backbones import CATALOGUE, Backbone
from vm_worker.learn.budget import Budget
from vm_worker.learn.contest import Material
from vm_worker.learn.heads import Head, Plan
from vm_worker.learn.standings import Entry
from vm_worker.learn.weights import WeightFile

HEADS_SHARE = 0.1  # of the time left, kept for training a candidate's heads
TUNE_SECONDS = 15.0  # what tuning and the rest need whatever the number of photos: graphs, files
TUNE_PASSES = 9.0  # what they need besides, in forward passes of the best network over the photos: two views
# of each, eight epochs above the cut, and the test. Unfreezing brings more than one more candidate does.
LEAST_IMAGES = 4 * features.BATCH  # the first candidate sees so many, whatever the budget

Report = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class SelectRequest:
    """What to choose from, for which photos, until when."""

    dataset: Dataset
    weights: Mapping[str, WeightFile]
    options: Options
    budget: Budget
    folder: Path


@dataclass(frozen=True)
class Selection:
    """The winner, its head, and how the others did."""

    winner: str
    head: Head  # the winner's, trained on train+validation after the figures below were taken
    candidates: tuple[dict[str, Any], ...]
    curve: tuple[dict[str, Any], ...]
    note: str  # why it won, and what ties with it
    images_per_second: float  # through the winner


def select(request: SelectRequest, report: Report) -> Selection:
    """Evaluate the candidates from the cheapest on, as many as the budget allows, and choose.

    The first one always gives a head, though of fewer photos when the time does not suffice for all.
    Raises ValueError when there is no candidate.
    """
    wanted = [key for key in request.options.candidates or CATALOGUE if key in request.weights]
    if not wanted:
        raise ValueError("no candidate has weights")
    board = _Board(request, report, len(wanted))
    for key in sorted(wanted, key=lambda key: (CATALOGUE[key].gflops, key)):
        _evaluate(board, CATALOGUE[key])
    return board.selection()


class _Board:
    """Who has been evaluated, who was dropped, and what the page shows of it."""

    def __init__(self, request: SelectRequest, report: Report, expected: int) -> None:
        self.request = request
        self.entries: list[Entry] = []
        self.dropped: list[dict[str, Any]] = []
        self._report = report
        self._expected = expected
        dataset = request.dataset
        self.rows = np.concatenate([dataset.rows(Part.TRAIN), dataset.rows(Part.VALIDATION)])
        self.train = len(dataset.rows(Part.TRAIN))
        self.plan = Plan(len(dataset.classes), request.options.epochs, request.options.seed)

    def budget(self) -> Budget:
        """Until when the next candidate may take its images, so that the best one so far can still be tuned."""
        budget = self.request.budget
        if not self.entries or self.request.options.trials == 0:
            return budget.share(1 - HEADS_SHARE)
        best = standings.winner(self.entries, self.request.options.objective)
        tuning = TUNE_SECONDS + TUNE_PASSES * len(self.rows) / best.images_per_second
        return Budget.of(max(0.0, budget.remaining() * (1 - HEADS_SHARE) - tuning))

    def tell(self, part: float, message: str) -> None:
        """This part of the current candidate is done, 0..1."""
        done = (len(self.entries) + len(self.dropped) + part) / self._expected
        facts = {"candidates": self.table(), "curve": self.curve()}
        self._report({"fraction": min(1.0, done), "message": message, **facts})

    def table(self) -> list[dict[str, Any]]:
        """A row for each candidate so far, the best first."""
        evaluated = standings.table(self.entries, self.request.options.objective) if self.entries else []
        return evaluated + self.dropped

    def curve(self) -> list[dict[str, Any]]:
        """The epochs of each candidate's chosen head."""
        return [
            row
            for entry in self.entries
            for row in standings.curve_rows("select", entry.backbone.key, entry.verdict.history)
        ]

    def selection(self) -> Selection:
        """The outcome."""
        objective = self.request.options.objective
        best = standings.winner(self.entries, objective)
        self.tell(0.0, f"{best.backbone.title} is the best candidate")
        return Selection(
            winner=best.backbone.key,
            head=contest.refit(best.material, self.plan, best.verdict),
            candidates=tuple(self.table()),
            curve=tuple(self.curve()),
            note=standings.reason(self.entries, objective),
            images_per_second=round(best.images_per_second, 2),
        )


def _evaluate(board: _Board, backbone: Backbone) -> None:
    started = time.monotonic()
    try:
        material, speed = _material(board, backbone)
    except features.TooSlow as slow:
        note = f"left out: at {slow.speed:.1f} images a second it could not finish in time"
        seconds = round(time.monotonic() - started, 2)
        board.dropped.append(standings.blank(backbone, "dropped", note, seconds))
        return
    board.tell(0.9, f"{backbone.title}: training heads")
    verdict = contest.judge(material, board.plan)
    partial = len(material.labels) < len(board.rows)
    board.entries.append(Entry(backbone, material, verdict, time.monotonic() - started, speed, partial))


def _material(board: _Board, backbone: Backbone) -> tuple[Material, float]:
    """The candidate's features and its speed. Raises TooSlow, unless it is the first candidate."""
    request, dataset = board.request, board.request.dataset
    model = networks.extractor(backbone.key, request.weights[backbone.key])
    # Any beginning of this order is a fair sample, if the time ends early.
    order = folds.interleaved(dataset.labels[board.rows], request.options.seed)

    def progress(done: int, speed: float) -> None:
        part = 0.9 * done / len(order)
        board.tell(part, f"{backbone.title}: {done} of {len(order)} photos, {speed:.0f} a second")

    source = features.Source(dataset.pixels(backbone.size), board.rows[order])
    least = None if board.entries else LEAST_IMAGES
    found = features.extract(model, source, board.budget(), progress, least)
    seen = order[: len(found.features)]
    back = np.argsort(seen)  # training rows first again
    rows = board.rows[seen[back]]
    train = int(np.sum(seen < board.train))
    return Material(found.features[back], dataset.labels[rows], dataset.groups[rows], train), found.speed
