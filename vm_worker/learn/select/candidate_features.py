"""The features of one candidate network, computed for more and more of the photos and kept between the steps."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vm_worker.intake.dataset import Part
from vm_worker.intake.memory_maps import give_back
from vm_worker.learn.arrays import Halves, Rows
from vm_worker.learn.budget import Budget
from vm_worker.learn.crowding import alone_here
from vm_worker.learn.features import engines, extraction
from vm_worker.learn.features.engines import Engine, Sample
from vm_worker.learn.features.extraction import Extract, Source, Target, Watch, alone
from vm_worker.learn.features.views import transforms
from vm_worker.learn.heads import columns, folds
from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.heads.linear import HeadSettings
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import build, catalogue, depth
from vm_worker.learn.networks.catalogue import Backbone
from vm_worker.learn.networks.weights import WeightFile
from vm_worker.learn.select import pruning
from vm_worker.learn.select.earlier import EarlierNetworks
from vm_worker.learn.select.pruning import ProbeScores
from vm_worker.learn.select.quote import MeasuredSpeed

MANY = 2000  # photos; of more, only some columns are kept
CROWDED = 2.0  # times as long as usual: then there is hardly time for views
KEPT = 0.3  # of the columns of all depths, the best ones

log = logging.getLogger(__name__)

FeatureListener = Callable[[Backbone, int, float], None]  # photos that have features, images a second


@dataclass(frozen=True)
class Photos:
    """The training and validation photos, in an order whose first m, for any m, hold every class in proportion."""

    dataset: LabelledPhotos
    rows: Rows  # (n,) of the dataset, the training rows first
    order: Rows  # (n,) positions in `rows`
    train: int  # number of training rows
    seed: int
    folder: Path  # where the features are written
    extract: Extract = alone  # sends the photos through a network
    earlier: EarlierNetworks | None = None  # those of them that it has learnt from do not judge its networks
    slowness: Callable[[], float] = alone_here  # how many times as long as usual work takes now
    passes: int = 1  # how many times each photo will go through a network at least, if that is selected

    @classmethod
    def from_dataset(cls, dataset: LabelledPhotos, seed: int, folder: Path, extract: Extract) -> Photos:
        """Return the training and validation photos of a dataset, in an order drawn from the seed."""
        train, validation = dataset.rows(Part.TRAIN), dataset.rows(Part.VALIDATION)
        rows = np.concatenate([train, validation])
        order = folds.interleaved(dataset.truth.labels[rows], seed)
        return cls(dataset, rows, order, len(train), seed, folder, extract)

    def first(self, count: int) -> Rows:
        """Return the positions (count,) in `rows` of the first photos of the order, ascending: training rows first."""
        return np.sort(self.order[:count])

    def sample(self, size: int) -> Sample:
        """Return the photos on which engines are compared, `size` pixels wide and high."""
        rows = self.rows[self.order[: engines.sample_size(len(self.rows))]]
        return Sample(self.dataset.pixels(size)[rows], self.dataset.truth.labels[rows])


class CandidateFeatures:
    """The features of one candidate network, computed so far, and the time that they took."""

    def __init__(self, photos: Photos, weight: WeightFile, listener: FeatureListener) -> None:
        self.backbone = catalogue.find(weight.key)
        self._earlier = photos.earlier if weight.key.startswith(catalogue.BASE) else None
        self.seconds = 0.0  # spent on this candidate so far
        self.setup = 0.0  # of these, until the engine was ready
        self.speed = 0.0  # images a second, as last measured; 0 = not measured
        self.done = 0  # photos that have features, in the order of `photos`
        self._photos, self._weight, self._listener = photos, weight, listener
        self.plain = 0.0  # images a second by Keras, on a few photos
        self.way = ""  # the report's note on the engine
        self._model: Any = None
        self._engine: Engine | None = None
        self._features = np.empty((0, 0), np.float16)
        self._last = self.backbone.features
        self._path = photos.folder / f"features-{self.backbone.key}.npy"

    @property
    def rows(self) -> Rows:
        """(done,) the dataset's rows that have features, in the order of `table`."""
        return self._photos.rows[self._photos.first(self.done)]

    def extract(self, until: int, budget: Budget, least: int | None = None) -> None:
        """Compute the features of the photos up to this position of the order.

        Raises TooSlow where the budget does not suffice. Where `least` is given, it stops at the end of the budget
        instead, but not before so many photos.
        """
        started, before = time.monotonic(), self.done
        try:
            engine = self._prepared()
            # A speed measured on one batch may be wrong by a factor of 2; one measured on hundreds of photos is not.
            speed = self.speed or 2 * engine.speed
            if least is None and speed and (until - before) / speed > budget.remaining():
                raise extraction.TooSlow(self.speed or engine.speed)
            places = self._photos.order[before:until]
            source = Source(self._photos.dataset.pixels(self.backbone.size), self._photos.rows[places])
            watch = Watch(budget, lambda done, speed: self._listener(self.backbone, before + done, speed), least)
            pace = self._photos.extract(self._weight, engine, source, Target(self._features, places), watch)
        finally:
            self.seconds += time.monotonic() - started
        self.done, self.speed = before + pace.done, pace.speed

    def measure(self) -> MeasuredSpeed:
        """Measure the speed of the network on a few photos."""
        started = time.monotonic()
        engine = self._prepared()
        self.seconds += time.monotonic() - started
        return MeasuredSpeed(self.backbone, engine.speed, engine.plain, self.seconds)

    def table(self) -> FeatureTable:
        """Return the features computed so far, the training rows first."""
        positions, dataset = self._photos.first(self.done), self._photos.dataset
        whole = self.done == len(self._photos.rows)
        rows, train = self._photos.rows[positions], int(np.sum(positions < self._photos.train))
        kept = self._features if whole else self._features[positions]
        table = FeatureTable(kept, dataset.truth.labels[rows], dataset.groups[rows], train, self._last)
        if self._earlier is not None:
            head = self._earlier.heads.get(self.backbone.key)
            table = replace(table, unseen=self._earlier.unseen[rows], earlier=head)
        return self._narrowed(table) if len(rows) > MANY and table.deep else table

    def _narrowed(self, table: FeatureTable) -> FeatureTable:
        """Keep the best columns alone, by a sample of the training photos, beside the last features."""
        order = table.ranked(table.everything[: table.train], self._photos.seed)
        kept = np.union1d(np.arange(self._last), columns.best(order, table.count(KEPT)))
        head = table.earlier
        if head is not None and head.columns is not None:
            kept = np.union1d(kept, head.columns)
            head = replace(head, columns=np.searchsorted(kept, head.columns))
        path = self._photos.folder / f"kept-{self.backbone.key}.npy"
        narrow = extraction.on_disk(path, len(table.labels), (len(kept),))
        for at in range(0, len(narrow), extraction.BATCH):
            rows = slice(at, at + extraction.BATCH)
            narrow[rows] = table.features[rows][:, kept]
            give_back(narrow)
            give_back(table.features)
        self._path.unlink(missing_ok=True)
        total = table.features.shape[1]
        return replace(table, features=narrow, columns=kept, total=total, earlier=head)

    def probe(self, settings: HeadSettings) -> ProbeScores:
        """Score the features computed so far: LogME, P2L and a probe."""
        started = time.monotonic()
        scores = pruning.score(self.backbone, self.table(), self._model, settings)
        self.seconds += time.monotonic() - started
        return scores

    def viewed(self, count: int, budget: Budget) -> FeatureTable:
        """Return the features of all photos with those of random windows, as many as end in time, at most `count`.

        They are drawn from the seed, the same for every network, whatever the size of a batch. None is mirrored: with a
        mirror image among them, heads gained less in the mean of eight sets (docs/figures.md).
        """
        started, photos, table = time.monotonic(), self._photos, self.table()
        random, views = np.random.default_rng(photos.seed), list[Halves]()
        engine, pixels = self._prepared(), photos.dataset.pixels(self.backbone.size)
        for number in range(count):
            windows = transforms(len(photos.rows), pixels.shape[1], False, random)
            path = photos.folder / f"view-{self.backbone.key}-{number}.npy"
            watch = Watch(budget, lambda done, speed: self._listener(self.backbone, done, speed))
            try:
                values = extraction.on_disk(path, len(photos.rows), engine.shape)
                target = Target(values, np.arange(len(photos.rows)))
                extraction.extract(engine, Source(pixels, photos.rows, windows), target, watch)
            except (extraction.TooSlow, OSError) as error:  # no time, or no room on the disk: then without this view
                log.info("%s: no more than %d views: %s", self.backbone.key, number, error)
                path.unlink(missing_ok=True)
                break
            views.append(values)
        self.seconds += time.monotonic() - started
        return replace(table, views=tuple(views))

    def release(self) -> None:
        """Free the memory of the network; the features stay."""
        self._model, self._engine = None, None

    def _prepared(self) -> Engine:
        """Return the engine; the first call builds the network and the array of features."""
        if self._engine is None:
            began = time.monotonic()
            photos, size = self._photos, self.backbone.size
            self._model = build.extractor(self.backbone.key, self._weight)
            sample, deep = replace(photos.sample(size), last=self._last), depth.deepened(self._model)
            # To convert a network takes longer, too, where the passes do as the machine is busy.
            policy = replace(engines.POLICY, worth_seconds=engines.POLICY.worth_seconds * photos.slowness())
            passes = photos.passes if photos.slowness() < CROWDED else 1
            self._engine = engines.fastest(deep, sample, passes * len(photos.rows), photos.folder, policy)
            if not self.done:
                self._features = extraction.on_disk(self._path, len(photos.rows), self._engine.shape)
            self.way, self.plain = self._engine.way, self._engine.plain
            self.setup = time.monotonic() - began
        return self._engine
