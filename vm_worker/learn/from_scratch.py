"""Small networks that learn the photos from nothing, as candidates beside the pretrained ones.

For photos that ImageNet does not help: of 32 pixels, spectrograms, microscopy. Each learns from the training photos
and is judged on the validation photos, once: folds would cost as many trainings.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from jobs import wording
from jobs.options import Options
from vm_worker.intake.dataset import Dataset, Part
from vm_worker.learn import lessons, scratch, scratch_rows
from vm_worker.learn.backbones import OUTPUT, Backbone
from vm_worker.learn.budget import Budget
from vm_worker.learn.contest import Material, Verdict
from vm_worker.learn.findings import Findings
from vm_worker.learn.heads import Head, History
from vm_worker.learn.lessons import Learnt, Lesson, Pupils, Time
from vm_worker.learn.standings import Entry
from vm_worker.learn.unseen import Unseen
from vm_worker.results.candidates import CandidateRow, CurvePoint

SHARE = 0.3  # of the time until tuning ends, beside pretrained candidates
SHARE_ALONE = 0.6  # without any: what is left trains the winner once more
NOTE = "trained from scratch at 64 pixels, {}"

START_SHARE = 0.5  # of the time that is left, for building a network's graphs
_LAYERS = {"alexnet": 24, "alexnet_separable": 24, "mobilenet_v1": 85, "mobilenet_v2": 153}
LAYERS = {name: _LAYERS[network] for name, (network, _) in scratch_rows.BUILDS.items()}

Tell = Callable[[Backbone], None]


@dataclass(frozen=True)
class Course:
    """What the networks learn, and until when."""

    dataset: Dataset
    mirror: bool
    seed: int
    budget: Budget
    folder: Path  # for the weights


@dataclass(frozen=True)
class Grown:
    """A network that has learnt."""

    entry: Entry
    head: Head  # its last layer
    said: Unseen  # what it says of the validation photos
    learnt: Learnt
    weights: Path  # of all layers but the last


class Nursery:
    """The four networks of one job, where it asks for them; without pretrained ones they get more of the time."""

    def __init__(self, dataset: Dataset, options: Options, alone: bool, budget: Budget) -> None:
        share = (SHARE_ALONE if alone else SHARE) if options.from_scratch else 0.0
        self.seconds = max(0.0, budget.remaining()) * share  # that they may learn for
        self.expected = len(scratch_rows.NETWORKS) if options.from_scratch else 0
        self.grown: dict[str, Grown] = {}
        self._dataset, self._options = dataset, options

    def grow(self, folder: Path, tell: Tell) -> tuple[list[Entry], list[CandidateRow]]:
        """Each in its share of the time; rows of those for which it does not suffice."""
        budget, options = Budget.of(self.seconds), self._options
        dropped: list[CandidateRow] = []
        course = Course(self._dataset, options.mirror, options.seed, budget, folder)
        rows = scratch_rows.fitting(len(self._dataset.rows(Part.TRAIN)))[: self.expected]
        for number, row in enumerate(rows):
            tell(row)
            started = time.monotonic()
            try:
                self._check_start(row, budget)
                self.grown[row.key] = _grown(row, course, Time(budget.share(1 / (len(rows) - number)), budget))
            except lessons.TooSlow as slow:
                spent = round(time.monotonic() - started, 2)
                dropped.append(CandidateRow.without_figures(row, "dropped", f"left out: {slow}", spent))
        return [one.entry for one in self.grown.values()], dropped

    def _check_start(self, row: Backbone, budget: Budget) -> None:
        """Building graphs cannot be broken off. Raises TooSlow where, by the others' graphs, it would take too long."""
        starts = [one.learnt.start_seconds / LAYERS[one.entry.backbone.key] for one in self.grown.values()]
        expected = max(starts, default=0.0) * LAYERS[row.key]
        if expected > START_SHARE * budget.remaining():
            raise lessons.TooSlow(expected / START_SHARE, budget.remaining())

    def curve(self, entry: Entry) -> list[CurvePoint]:
        """One point for each time that the network was judged; none for a pretrained one."""
        key = entry.backbone.key
        points = self.grown[key].learnt.curve if key in self.grown else ()
        rounded = ({name: round(value, 5) for name, value in told.items()} for told in points)
        return [CurvePoint.from_json({"phase": "select", "name": key, **told}) for told in rounded]


def again(key: str, course: Course, epochs: int, weights: Path) -> bool:
    """Train it from nothing once more, validation photos included, and write all its weights; False: no time."""
    keras.utils.set_random_seed(course.seed)
    whole, _ = scratch.built(key, len(course.dataset.classes))
    lesson = Lesson(pupils(course.dataset, Part.TRAIN, Part.VALIDATION), course.mirror, course.seed)
    if not lessons.repeat(whole, lesson, epochs, course.budget):
        return False
    whole.save_weights(str(weights))
    return True


def pupils(dataset: Dataset, *parts: Part) -> Pupils:
    """The photos of these parts."""
    rows = np.concatenate([dataset.rows(part) for part in parts])
    return Pupils(dataset.pixels(scratch.SIZE)[rows], dataset.labels[rows])


def _grown(row: Backbone, course: Course, allowed: Time) -> Grown:
    started, dataset = time.monotonic(), course.dataset
    keras.utils.set_random_seed(course.seed)
    whole, trunk = scratch.built(row.key, len(dataset.classes))
    judged = pupils(dataset, Part.VALIDATION)
    learnt = lessons.train(whole, Lesson(pupils(dataset, Part.TRAIN), course.mirror, course.seed), judged, allowed)
    weights = course.folder / f"{row.key}.weights.h5"
    trunk.save_weights(str(weights))
    said = lessons.probabilities(whole, judged)
    entry = Entry(
        backbone=row,
        material=_nothing(dataset),
        verdict=_verdict(said, dataset, learnt),
        seconds=time.monotonic() - started,
        images_per_second=learnt.images_per_second,
        partial=False,
        way=NOTE.format(wording.plural(learnt.epochs, "epoch")),
    )
    return Grown(entry, _head(whole), Unseen(said, judged.labels, ()), learnt, weights)


def _nothing(dataset: Dataset) -> Material:
    """No features: those of photos that a network has learnt by heart tell nothing."""
    train, validation = dataset.rows(Part.TRAIN), dataset.rows(Part.VALIDATION)
    rows = np.concatenate([train, validation])
    return Material(np.empty((len(rows), 0), np.float32), dataset.labels[rows], dataset.groups[rows], len(train))


def _verdict(said: Any, dataset: Dataset, learnt: Learnt) -> Verdict:
    train, validation = dataset.rows(Part.TRAIN), dataset.rows(Part.VALIDATION)
    judged = np.arange(len(train) + len(validation)) >= len(train)
    right = np.zeros(len(judged), bool)
    right[judged] = said.argmax(1) == dataset.labels[validation]
    names = ("accuracy", "loss", "validation_accuracy", "validation_loss")
    history = History(*(np.array([told[name] for told in learnt.curve]) for name in names))
    return Verdict(right, judged, learnt.loss, 0.0, learnt.epochs, history)


def _head(whole: keras.Model) -> Head:
    kernel, bias = whole.get_layer(OUTPUT).get_weights()
    features = len(kernel)
    return Head(np.zeros(features, np.float32), np.ones(features, np.float32), kernel, bias)


def findings(grown: Grown) -> Findings:
    """What it says of photos that it had not seen; nothing of those that it learnt."""
    return Findings(grown.said, None, None)
