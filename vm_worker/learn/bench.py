"""A network cut in two for tuning, and the photos that it learns from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from jobs.options import Options
from vm_worker.intake.dataset import Dataset, Part
from vm_worker.learn import activations, assemble, heads, networks, trial
from vm_worker.learn.activations import Cache, Filling, Viewing
from vm_worker.learn.backbones import CATALOGUE, Backbone, Cut
from vm_worker.learn.budget import Budget
from vm_worker.learn.features import Source
from vm_worker.learn.heads import Examples, Head, Plan
from vm_worker.learn.trial import Lesson, Recipe, Rows, Score
from vm_worker.learn.weights import WeightFile

Report = Callable[[Mapping[str, Any]], None]

CACHE_PART = 0.4  # of the progress bar


@dataclass(frozen=True)
class TuneRequest:
    """What to tune, on which photos, until when."""

    dataset: Dataset
    weight: WeightFile
    head: Head  # the selected one, trained on train+validation
    options: Options
    budget: Budget
    folder: Path


class Bench:
    """The network cut in two, and the rows that it learns from."""

    def __init__(self, request: TuneRequest, report: Report) -> None:
        self.request = request
        self.report = report
        self.backbone: Backbone = CATALOGUE[request.weight.key]
        self.model = assemble.assemble(request.weight, request.head)
        train, validation = request.dataset.rows(Part.TRAIN), request.dataset.rows(Part.VALIDATION)
        self.source = Source(request.dataset.pixels(self.backbone.size), np.concatenate([train, validation]))
        self.labels: Rows = request.dataset.labels[self.source.rows]
        self.everything = np.arange(len(self.labels), dtype=np.int64)
        self.train, self.validation = self.everything[: len(train)], self.everything[len(train) :]
        self.curve: list[dict[str, Any]] = []
        self._pretrained = self.model.get_weights()

    def stem(self, cut: Cut) -> keras.Model:
        """Pixels -> activations at the cut."""
        return keras.Model(self.model.input, networks.tensor_at(self.model, cut))

    def tail(self, cut: Cut) -> keras.Model:
        """Activations at the cut -> probabilities; shares its layers with the model."""
        return keras.Model(networks.tensor_at(self.model, cut), self.model.output)

    def tell(self, fraction: float, message: str) -> None:
        """Progress of the stage, 0..1."""
        self.report({"fraction": fraction, "message": message, "curve": list(self.curve)})

    def cache(self, recipe: Recipe) -> Cache:
        """The activations of all rows. Raises OutOfTime."""
        request = self.request
        viewing = Viewing(recipe.views, request.options.mirror, request.options.seed)
        filling = Filling(
            request.folder / "activations.npy",
            request.budget,
            lambda done: self.tell(CACHE_PART * done, f"Preparing {recipe.views} views of each photo"),
        )
        return activations.fill(self.stem(recipe.cut), self.source, viewing, filling)

    def lesson(self, cache: Cache, train: Rows, judge: Rows) -> Lesson:
        """What a trial learns from."""
        return Lesson(cache, self.labels, train, judge, len(self.request.dataset.classes), self.request.options.seed)

    def reset(self, head: Head) -> None:
        """The pretrained network again, with this head."""
        self.model.set_weights(self._pretrained)
        self.model.get_layer(assemble.OUTPUT).set_weights(list(head.folded()))

    def refit(self, features: NDArray[np.float32], rows: Rows) -> Head:
        """A head as the selected one, on these rows of (views, n, d) features."""
        head, options = self.request.head, self.request.options
        plan = Plan(len(head.bias), options.epochs, options.seed, (head.strength,))
        flat = features[:, rows].reshape(-1, features.shape[-1])
        return heads.refit(Examples(flat, np.tile(self.labels[rows], len(features))), plan, head.epochs)

    def features(self, cache: Cache, cut: Cut) -> NDArray[np.float32]:
        """What the pretrained network makes of every view: (views, n, d)."""
        pooled = keras.Model(networks.tensor_at(self.model, cut), self.model.get_layer(networks.POOL).output)
        return np.stack([trial.outputs(pooled, cache, self.everything, view) for view in range(cache.views)])

    def said(self, head: Head, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The head's probabilities for the validation part, as the pictures are: (m, k)."""
        return head.probabilities(features[0, self.validation])

    def judged(self, head: Head, features: NDArray[np.float32]) -> Score:
        """The head on the validation part."""
        return trial.score(self.said(head, features), self.labels[self.validation])
