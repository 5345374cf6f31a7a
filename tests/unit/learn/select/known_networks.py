"""Networks with known features and speeds, for selections on a clock that only they move."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.options import Options
from vm_worker.intake.dataset import Dataset
from vm_worker.learn.budget import Budget
from vm_worker.learn.features.engines import Engine
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.networks.weights import KERAS_H5, WeightFile
from vm_worker.learn.progress_events import LearningProgress, LearningQuote
from vm_worker.learn.select.selection import Selection, SelectionRequest, select
from vm_worker.learn.select.time_shares import Finishing
from vm_worker.tasks.classification.truth import ClassTruth

OPTIONS = Options(epochs=6, trials=0)
IMAGES, CLASSES, WIDTH = 1500, 3, 16
SIGNAL = {"mobilenet_v2": 2.2, "efficientnet_lite0": 0.2, "mobilenet": 1.2, "xception": 2.3, "vgg16": 0.0}
SPEED = {"mobilenet_v2": 100.0, "efficientnet_lite0": 80.0, "mobilenet": 60.0, "xception": 8.0, "vgg16": 2.0}


class KnownNetworks:
    """Networks with known features and speeds, on a clock that only they move."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.setup = 0.0
        self.astray = False  # whether views show something else
        self.signal = dict(SIGNAL)
        self.sent: dict[str, list[int]] = {key: [] for key in SPEED}
        self.random = random = np.random.default_rng(0)
        self.labels = random.permutation(np.arange(IMAGES) % CLASSES)
        self.noise = {key: random.normal(0, 1, (IMAGES, WIDTH)) for key in SPEED}

    def engine(self, key: str, *_: Any) -> Engine:
        def run(images: NDArray[Any]) -> NDArray[np.float32]:
            rows = np.rint(images[:, 0, 0, :2]).astype(int) @ (256, 1)
            self.now += len(rows) / SPEED[key]
            self.sent[key] += rows.tolist()
            signal = np.eye(CLASSES, WIDTH)[self.labels[rows]] * self.signal[key]
            # Windows are no whole numbers of a byte any more: what is random in a photo's features is other for each.
            noise = self.noise[key][rows] if images.dtype == np.uint8 else self.random.normal(0, 1, signal.shape)
            return np.asarray((-signal if self.astray and images.dtype != np.uint8 else signal) + noise, np.float32)

        self.now += self.setup + 34 / SPEED[key]  # the time of its measurement
        return Engine("known", run, (WIDTH,), 32, SPEED[key], plain=SPEED[key])


def dataset(networks: KnownNetworks, folder: Path) -> LabelledPhotos:
    """Return a dataset whose photos are single pixels that encode their rows."""
    rows = np.arange(IMAGES)
    pixels = np.stack([rows // 256, rows % 256, rows * 0], axis=1).astype(np.uint8).reshape(IMAGES, 1, 1, 3)
    np.save(folder / "pixels.npy", pixels)
    sizes = {CATALOGUE[key].size for key in SPEED}
    return Dataset(
        names=tuple(f"{row}.jpg" for row in rows),
        truth=ClassTruth(tuple("abc"), networks.labels.astype(np.int64)),
        parts=np.resize(np.array([0, 0, 0, 1, 2], np.uint8), IMAGES),
        groups=rows.astype(np.int64),
        images={size: folder / "pixels.npy" for size in sizes},
        skipped=(),
        warnings=(),
        ready_made_split=False,
        sha256="0" * 64,
    )


def run(
    networks: KnownNetworks,
    folder: Path,
    seconds: float,
    trials: int | None = 0,
    finishing: Finishing | None = None,
    **more: Any,
) -> tuple[Selection, list[Any]]:
    events: list[LearningProgress | LearningQuote] = []
    weights = {key: WeightFile(key, Path(), KERAS_H5) for key in SPEED}
    options = replace(OPTIONS, trials=trials)
    request = SelectionRequest(
        dataset(networks, folder), weights, options, Budget.of(seconds), folder, finishing=finishing, views=0
    )
    request = replace(request, **more)
    return select(request, events.append), events
