"""A network split in two for tuning, frozen below the cut and trained above it, and the photos it learns from."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import keras
import numpy as np
from keras import layers

from jobs.errors import Bug
from vm_worker.intake.memory_maps import taken
from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.budget import Budget
from vm_worker.learn.features import activations, openvino
from vm_worker.learn.features.activations import (
    ActivationCache,
    Filling,
    Forward,
    FrozenPart,
    LiveActivations,
    TailInputs,
)
from vm_worker.learn.features.extraction import BATCH, Source, forward
from vm_worker.learn.features.views import Viewing, random_views
from vm_worker.learn.heads import linear
from vm_worker.learn.heads.linear import FeatureRows, Head, HeadSettings, softmax
from vm_worker.learn.networks import assemble, build, catalogue
from vm_worker.learn.networks.catalogue import Backbone, Cut
from vm_worker.learn.networks.fold_batchnorm import folded
from vm_worker.learn.networks.precision import product_dtype
from vm_worker.learn.tune.depth_start import SELECTED, UNSEEN, Beside, DepthStart, rest, surely_better
from vm_worker.learn.tune.recipe import EVERYTHING, Views, cut_named, cuts
from vm_worker.learn.tune.tail_training import TailData
from vm_worker.learn.tune.tuning_inputs import TuningInputs

ALIKE = 0.999  # least mean cosine between the outputs of two precisions for a picture
# Pictures times views that a head is fitted on, at most: more views change the head little, and take memory.
HEAD_ROWS = 32_768


class SplitNetwork:
    """The network for all trials of a process; each trial chooses its own cut."""

    def __init__(self, tuning: TuningInputs, head_rows: int = HEAD_ROWS) -> None:
        self.tuning, self._head_rows = tuning, head_rows
        self.backbone: Backbone = catalogue.find(tuning.weight.key)
        self.selected = tuning.head()
        unseen = tuning.unseen()
        self.model = assemble.trainable(tuning.weight, self.selected, logits=unseen is not None)
        # None: trials start from a head on the last features.
        self.start = DepthStart(self.model, unseen, self.selected, self.backbone.features) if unseen else None
        rows = tuning.rows()
        pixels = np.load(tuning.pixels, mmap_mode="r", allow_pickle=False)
        self.source = Source(pixels, np.concatenate([rows.train, rows.validation]))
        self.labels: Rows = rows.labels
        self.everything = np.arange(len(self.labels), dtype=np.int64)
        self.train, self.validation = self.everything[: len(rows.train)], self.everything[len(rows.train) :]
        self._pretrained: list[Floats] = self.model.get_weights()
        self._caches: dict[tuple[str, int], ActivationCache] = {}  # by the cut's layer and the number of views
        self._heads: dict[tuple[bytes, int], Head] = {}  # by rows and number of views
        self._live_parts: dict[str, FrozenPart] = {}  # for live views, by the cut's layer
        self._timed_part: tuple[str, FrozenPart] | None = None  # layer and frozen part, kept for the first inputs

    def inputs(self, layer: str, views: Views, budget: Budget, tell: Callable[[float], None]) -> TailInputs:
        """Return the activations at this layer's cut, computed at the first call.

        `tell` hears the part done, 0..1. Raises OutOfTime, and OSError for a full disk.
        """
        tuning = self.tuning
        key = layer, 1 if views.live else views.count
        if key not in self._caches:
            self.restore()  # the features must be those of the pretrained network, not of an earlier trial's
            kept, self._timed_part = self._timed_part, None
            part = kept[1] if kept and kept[0] == layer else self._frozen_part(cut_named(self.backbone, layer))
            viewing = Viewing(key[1], tuning.mirror, tuning.seed)
            path = tuning.folder / f"activations-{uuid.uuid4().hex}.npy"  # other processes may use this folder
            self._caches[key] = activations.fill(part, self.source, viewing, Filling(path, budget, tell))
        cache = self._caches[key]
        if not views.live:
            return cache
        if layer not in self._live_parts:
            self.restore()
            self._live_parts[layer] = self._live_part(cut_named(self.backbone, layer))
        viewing = Viewing(views.count, tuning.mirror, tuning.seed)
        return LiveActivations(cache, self._live_parts[layer], self.source, viewing)

    def features(self) -> Floats:
        """Return the pretrained network's features (views, n, d), of the cache with the most views."""
        return self._largest().features

    def _largest(self) -> ActivationCache:
        return max(self._caches.values(), key=lambda cache: cache.views)

    def _frozen_part(self, cut: Cut) -> FrozenPart:
        """Build the part from pixels to activations at the cut and pooled features, in one pass."""
        tensor, start, features = build.tensor_at(self.model, cut), self.start, self.backbone.features
        columns = start.columns.output if start else self.model.get_layer(build.POOL).output
        flat = layers.Concatenate()([layers.Flatten()(tensor), columns])
        model, width = keras.Model(self.model.input, flat, name="frozen_part"), columns.shape[-1]
        run = self._fastest(model, [-width, *([features - width] if width > features else [])])
        return FrozenPart(run, tuple(tensor.shape[1:]), features, start.offsets if start else None)

    def _live_part(self, cut: Cut) -> FrozenPart:
        """Build the part from pixels to activations at the cut; whole where logits of other depths are added."""
        if self.start:
            return self._frozen_part(cut)
        tensor = build.tensor_at(self.model, cut)
        if cut == EVERYTHING:
            return FrozenPart(lambda images: images.reshape(len(images), -1), tuple(tensor.shape[1:]))
        model = keras.Model(self.model.input, layers.Flatten()(tensor), name="live_part")
        return FrozenPart(self._fastest(model, []), tuple(tensor.shape[1:]))

    def _fastest(self, model: keras.Model, ends: list[int]) -> Forward:
        """Return the frozen model by OpenVINO in the fastest precision with equal outputs, else by Keras.

        `ends` are the columns at which a row of the output is split; each piece is compared by itself.
        """

        def by_keras(images: Floats) -> Floats:
            return np.asarray(model.predict_on_batch(images), np.float32)

        if not openvino.available():
            return by_keras
        pictures = self.source.pixels[np.resize(self.source.rows, BATCH)].astype(np.float32)
        expected = by_keras(pictures)
        network = openvino.Network(model, self.tuning.folder)
        for precision in openvino.precisions():
            run = network.compiled(precision)
            # Each piece by itself: next to the many activations the few features would not count.
            if all(
                _alike(*parts)
                for parts in zip(np.split(run(pictures), ends, 1), np.split(expected, ends, 1), strict=True)
            ):
                return run
        return by_keras

    def tail(self, layer: str, dropout: float = 0.0) -> keras.Model:
        """Build the model from activations at the cut to probabilities; it shares its variables with `self.model`.

        Where logits of other depths are added, they are its second input.
        """
        tensor, output = build.tensor_at(self.model, cut_named(self.backbone, layer)), self.model.output
        if dropout:
            dropped = layers.Dropout(dropout, seed=self.tuning.seed)(self.model.get_layer(build.POOL).output)
            output = self.model.get_layer(assemble.OUTPUT)(dropped)
        if self.start is None:
            return folded(keras.Model(tensor, output), product_dtype())
        others = keras.Input((self.tuning.classes,), name="others")
        whole = layers.Softmax()(layers.Add()([output, others]))
        return folded(keras.Model([tensor, others], whole), product_dtype())

    def data(self, inputs: TailInputs, train: Rows, judge: Rows) -> TailData:
        """Return the data of a trial, which learns from the rows `train` and is judged on the rows `judge`.

        Those are all validation rows, or none.
        """
        tuning, weighed, beside = self.tuning, self.selected.weighed, None
        if self.start:
            beside = Beside(self._number(train), tuning.share, self._rest(self.start) if len(judge) else None)
        return TailData(
            inputs, self.labels, train, judge, tuning.classes, tuning.seed, tuning.balanced, weighed, beside
        )

    def _number(self, rows: Rows) -> int:
        """Return which head of all depths belongs to a training on these rows."""
        return SELECTED if len(rows) == len(self.everything) else UNSEEN

    def _rest(self, start: DepthStart) -> Floats:
        """Return what no trial changes of the judged mean's logits of the validation rows, (m, k)."""
        cache, rows = self._largest(), self.validation
        if cache.offsets is None:
            raise Bug("there are no logits of other depths")
        own = cache.offsets[0, rows, UNSEEN] + start.halves[UNSEEN].last.logits(cache.features[0, rows])
        bar = self.bar()
        return rest(softmax(own) if bar is None else bar, own, self.tuning.share)

    def surely_better(self, probabilities: Floats) -> bool | None:
        """Return whether these of the validation rows (m, k) are surely better than the bar; None: they are no mean."""
        bar = self.bar()
        if self.start is None or bar is None:
            return None
        return surely_better(probabilities, bar, self.labels[self.validation], self.tuning.balanced)

    def first(self, rows: Rows) -> Head:
        """Return the head on the last features that a training on these rows starts from."""
        return self.start.halves[self._number(rows)].last if self.start else self.refit(rows)

    def as_selected(self) -> None:
        """Change a trained last layer by the difference of both heads of all depths, where trials start from them.

        What it has learnt beside the head of the training photos then stands beside the selected one.
        """
        if self.start is None:
            return
        top = self.model.get_layer(assemble.OUTPUT)
        before, after = (half.last.folded() for half in self.start.halves)
        top.set_weights([one + new - old for one, old, new in zip(top.get_weights(), before, after, strict=True)])

    def restore(self) -> None:
        """Set the weights back to the pretrained network with the selected head."""
        self.model.set_weights(self._pretrained)

    def reset(self, head: Head) -> None:
        """Set the weights back to the pretrained network, with this head."""
        self.restore()
        self.model.get_layer(assemble.OUTPUT).set_weights(list(head.folded()))

    def refit(self, rows: Rows, views: int | None = None) -> Head:
        """Train a head with the selected head's settings on these rows and so many views; None: `useful_views`."""
        views = views or self.useful_views(rows)
        key = rows.tobytes(), views
        if key not in self._heads:
            self._heads[key] = self._refitted(rows, views)
        return self._heads[key]

    def useful_views(self, rows: Rows) -> int:
        """Return the number of views that a head on these rows is trained on."""
        return min(len(self.features()), max(1, self._head_rows // len(rows)))

    def _refitted(self, rows: Rows, views: int) -> Head:
        head, tuning = self.selected, self.tuning
        settings = HeadSettings(tuning.classes, tuning.epochs, tuning.seed, (head.strength,), weighed=head.weighed)
        flat = np.concatenate([taken(view, rows) for view in self.features()[:views]])
        return linear.refit(FeatureRows(flat, np.tile(self.labels[rows], views)), settings, head.epochs)

    def bar(self) -> Floats | None:
        """Return the selected form's probabilities (m, k) of the validation photos; None: refit the head for them."""
        return self.tuning.bar()

    def validation_probabilities(self, head: Head) -> Floats:
        """Return the head's probabilities (m, k) of the unchanged validation photos."""
        return head.probabilities(self.features()[0, self.validation])

    def forward_seconds(self) -> float:
        """Measure the seconds a picture of a forward pass through the whole network by Keras."""
        rows = np.resize(self.source.rows, BATCH)
        forward(self.model, self.source.pixels, rows)  # traces the graph
        return min(self._timed(rows) for _ in range(2)) / BATCH

    def frozen_seconds(self) -> float:
        """Measure the seconds a picture of a pass through the frozen network by its fastest engine."""
        layer = cuts(self.backbone)[0].layer
        part = self._frozen_part(cut_named(self.backbone, layer))
        self._timed_part = layer, part
        images = activations.padded(self.source, self.everything[:BATCH])
        times = [time.monotonic()]
        for _ in range(3):
            part.run(images)
            times.append(time.monotonic())
        return float(np.diff(times).min()) / BATCH

    def view_seconds(self) -> float:
        """Measure the seconds that a random view of a picture takes."""
        images = activations.padded(self.source, self.everything[:BATCH])
        random = np.random.default_rng(self.tuning.seed)
        times = [time.monotonic()]
        for _ in range(3):
            random_views(images, self.tuning.mirror, random)
            times.append(time.monotonic())
        return float(np.diff(times).min()) / BATCH

    def _timed(self, rows: Rows) -> float:
        started = time.monotonic()
        forward(self.model, self.source.pixels, rows)
        return time.monotonic() - started


def _alike(one: Floats, other: Floats) -> bool:
    """Return whether the mean cosine between the rows of two arrays (m, ...) is high, as selection asks, too."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return bool((np.sum(one * other, axis=1) / np.maximum(lengths, 1e-12)).mean() >= ALIKE)
