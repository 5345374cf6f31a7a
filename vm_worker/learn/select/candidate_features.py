"""One candidate on its way through the photos: what it has seen is kept, whether it goes on or not."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.dataset import Part
from vm_worker.learn.budget import Budget
from vm_worker.learn.features import engines, extraction
from vm_worker.learn.features.engines import Engine, Sample
from vm_worker.learn.features.extraction import Extract, Source, Target, Watch, alone
from vm_worker.learn.heads import folds
from vm_worker.learn.heads.head_validation import FeatureTable
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import build
from vm_worker.learn.networks.catalogue import CATALOGUE, Backbone
from vm_worker.learn.networks.weights import WeightFile
from vm_worker.learn.select import pruning
from vm_worker.learn.select.pruning import Scored
from vm_worker.learn.select.quote import Measured

Tell = Callable[[Backbone, int, float], None]  # photos seen, images a second


@dataclass(frozen=True)
class Photos:
    """Train+validation, in an order of which every beginning is a fair sample."""

    dataset: LabelledPhotos
    rows: NDArray[np.int64]  # of the dataset, the training rows first
    order: NDArray[np.int64]  # of positions in `rows`
    train: int  # training rows
    seed: int
    folder: Path  # for the features
    extract: Extract = alone

    @classmethod
    def of(cls, dataset: LabelledPhotos, seed: int, folder: Path) -> Photos:
        """Those of a dataset."""
        train, validation = dataset.rows(Part.TRAIN), dataset.rows(Part.VALIDATION)
        rows = np.concatenate([train, validation])
        return cls(dataset, rows, folds.interleaved(dataset.truth.labels[rows], seed), len(train), seed, folder)

    def by(self, extract: Extract) -> Photos:
        """The same, to be sent through networks in this way."""
        return replace(self, extract=extract)

    def first(self, count: int) -> NDArray[np.int64]:
        """Positions of the first so many of the order, ascending: training rows first."""
        return np.sort(self.order[:count])

    def sample(self, size: int) -> Sample:
        """Some of them for comparing ways through a network."""
        rows = self.rows[self.order[: engines.sample_size(len(self.rows))]]
        return Sample(self.dataset.pixels(size)[rows], self.dataset.truth.labels[rows])


class CandidateFeatures:
    """One candidate."""

    def __init__(self, photos: Photos, weight: WeightFile, tell: Tell) -> None:
        self.backbone = CATALOGUE[weight.key]
        self.seconds = 0.0  # that it took so far
        self.speed = 0.0  # images a second, as last measured; 0 = not yet
        self.seen = 0  # photos
        self._photos, self._weight, self._tell = photos, weight, tell
        self.plain = 0.0  # images a second by Keras, on a few photos
        self.way = ""  # how the photos go through it, where that is worth a word
        self._model: Any = None
        self._engine: Engine | None = None
        self._features = np.empty((0, 0), np.float32)

    @property
    def rows(self) -> NDArray[np.int64]:
        """The dataset's rows that it has seen, in the order of its features."""
        return self._photos.rows[self._photos.first(self.seen)]

    def advance(self, until: int, budget: Budget, least: int | None = None) -> None:
        """See the photos up to this one. Raises TooSlow, unless a least number is given."""
        started, before = time.monotonic(), self.seen
        try:
            engine = self._prepared()
            # A speed of one batch may be off by half; one of hundreds of photos is not.
            speed = self.speed or 2 * engine.speed
            if least is None and speed and (until - before) / speed > budget.remaining():
                raise extraction.TooSlow(self.speed or engine.speed)
            places = self._photos.order[before:until]
            source = Source(self._photos.dataset.pixels(self.backbone.size), self._photos.rows[places])
            watch = Watch(budget, lambda done, speed: self._tell(self.backbone, before + done, speed), least)
            pace = self._photos.extract(self._weight, engine, source, Target(self._features, places), watch)
        finally:
            self.seconds += time.monotonic() - started
        self.seen, self.speed = before + pace.done, pace.speed

    def measure(self) -> Measured:
        """Its speed, on a few photos."""
        started = time.monotonic()
        engine = self._prepared()
        self.seconds += time.monotonic() - started
        return Measured(self.backbone, engine.speed, engine.plain, self.seconds)

    def table(self) -> FeatureTable:
        """The features of the photos that it has seen, the training rows first."""
        positions, dataset = self._photos.first(self.seen), self._photos.dataset
        whole = self.seen == len(self._photos.rows)
        rows, train = self._photos.rows[positions], int(np.sum(positions < self._photos.train))
        found = self._features if whole else self._features[positions]
        return FeatureTable(found, dataset.truth.labels[rows], dataset.groups[rows], train)

    def scored(self) -> Scored:
        """What the photos so far say of it."""
        started = time.monotonic()
        scored = pruning.score(self.backbone, self.table(), self._model, self._photos.seed)
        self.seconds += time.monotonic() - started
        return scored

    def release(self) -> None:
        """Let go of the network; the features stay."""
        self._model, self._engine = None, None

    def _prepared(self) -> Engine:
        if self._engine is None:
            photos, size = self._photos, self.backbone.size
            self._model = build.extractor(self.backbone.key, self._weight)
            self._engine = engines.fastest(self._model, photos.sample(size), len(photos.rows), photos.folder)
            path = photos.folder / f"features-{self.backbone.key}.npy"
            self._features = extraction.on_disk(path, len(photos.rows), self._engine.shape)
            self.way, self.plain = self._engine.way, self._engine.plain
        return self._engine
