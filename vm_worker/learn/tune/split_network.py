"""A network split in two for tuning, frozen below the cut and trained above it, and the photos it learns from."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import keras
import numpy as np
from keras import layers

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
from vm_worker.learn.heads.linear import FeatureRows, Head, HeadSettings
from vm_worker.learn.networks import assemble, build, catalogue
from vm_worker.learn.networks.catalogue import Backbone, Cut
from vm_worker.learn.networks.fold_batchnorm import folded
from vm_worker.learn.networks.precision import product_dtype
from vm_worker.learn.tune.recipe import EVERYTHING, Views, cut_named, cuts
from vm_worker.learn.tune.tail_training import TailData
from vm_worker.learn.tune.tuning_inputs import TuningInputs

FIRST_LAYERS = (layers.InputLayer, layers.Rescaling)
UNKEPT = (*FIRST_LAYERS, layers.BatchNormalization)  # normalisation is folded into the convolutions
ALIKE = 0.999  # least mean cosine between the outputs of two precisions for a picture
# Operations other than matrix products wait for memory. Their costs, in multiplications of a matrix product, are fitted
# to the training steps of seven networks above three cuts each, on a CPU (tests/benchmarks/shares.py). With them the
# estimates are right within a factor of 1.2, without them within 1.5.
DEPTHWISE_COST = 4.0  # of a multiplication in a depthwise convolution
ELEMENT_COST = 20.0  # of an element of any layer's output
# Pictures times views that a head is fitted on, at most: more views change the head little, and take memory.
HEAD_ROWS = 32_768


class SplitNetwork:
    """The network for all trials of a process; each trial chooses its own cut."""

    def __init__(self, tuning: TuningInputs, head_rows: int = HEAD_ROWS) -> None:
        self.tuning, self._head_rows = tuning, head_rows
        self.backbone: Backbone = catalogue.find(tuning.weight.key)
        self.selected = tuning.head()
        self.model = assemble.trainable(tuning.weight, self.selected)
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
        return max((cache.features for cache in self._caches.values()), key=len)

    def _frozen_part(self, cut: Cut) -> FrozenPart:
        """Build the part from pixels to activations at the cut and pooled features, in one pass."""
        tensor = build.tensor_at(self.model, cut)
        pooled = self.model.get_layer(build.POOL).output
        flat = layers.Concatenate()([layers.Flatten()(tensor), pooled])
        model = keras.Model(self.model.input, flat, name="frozen_part")
        features = self.backbone.features
        return FrozenPart(self._fastest(model, [-features]), tuple(tensor.shape[1:]), features)

    def _live_part(self, cut: Cut) -> FrozenPart:
        """Build the part from pixels to activations at the cut, without pooled features."""
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
        """Build the model from activations at the cut to probabilities; it shares its variables with `self.model`."""
        tensor, output = build.tensor_at(self.model, cut_named(self.backbone, layer)), self.model.output
        if dropout:
            dropped = layers.Dropout(dropout, seed=self.tuning.seed)(self.model.get_layer(build.POOL).output)
            output = self.model.get_layer(assemble.OUTPUT)(dropped)
        return folded(keras.Model(tensor, output), product_dtype())

    def data(self, inputs: TailInputs, train: Rows, judge: Rows) -> TailData:
        """Return the data of a trial, which learns from the rows `train` and is judged on the rows `judge`."""
        tuning, weighed = self.tuning, self.selected.weighed
        return TailData(inputs, self.labels, train, judge, tuning.classes, tuning.seed, tuning.balanced, weighed)

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

    def share_above(self, cut: Cut) -> float:
        """Estimate the share of a forward pass above the cut, 0..1."""
        return share_above(self.model, cut)

    def activations_at(self, cut: Cut) -> int:
        """Return the number of activations of one picture at the cut."""
        return int(np.prod(build.tensor_at(self.model, cut).shape[1:]))

    def activations_above(self, cut: Cut) -> int:
        """Return the number of activations of one picture that a step of training keeps above the cut."""
        tail = keras.Model(build.tensor_at(self.model, cut), self.model.output)
        shapes = [_shape(layer) for layer in tail.layers if not isinstance(layer, UNKEPT)]
        return int(sum(np.prod(shape) for shape in shapes))


def share_above(model: keras.Model, cut: Cut) -> float:
    """Estimate the share of a forward pass above the cut, 0..1, by its layers' multiplications and outputs."""
    tail = {layer.name for layer in keras.Model(build.tensor_at(model, cut), model.output).layers}
    costs = {layer.name: _cost(layer) for layer in model.layers}
    return sum(cost for name, cost in costs.items() if name in tail) / sum(costs.values())


def _alike(one: Floats, other: Floats) -> bool:
    """Return whether the mean cosine between the rows of two arrays (m, ...) is high, as selection asks, too."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return bool((np.sum(one * other, axis=1) / np.maximum(lengths, 1e-12)).mean() >= ALIKE)


def _cost(layer: layers.Layer) -> float:
    """Estimate a layer's cost for one picture, in multiplications of a matrix product."""
    if isinstance(layer, FIRST_LAYERS):
        return 0.0
    shape = _shape(layer)
    elements = ELEMENT_COST * float(np.prod(shape))
    if not isinstance(layer, layers.DepthwiseConv2D | layers.Conv2D | layers.SeparableConv2D):
        return elements
    positions = float(np.prod(shape[:2]))
    if isinstance(layer, layers.DepthwiseConv2D):
        return elements + DEPTHWISE_COST * float(np.prod(layer.kernel.shape[:3])) * positions
    kernels = [weight for weight in layer.trainable_weights + layer.non_trainable_weights if weight.ndim == 4]
    return elements + float(sum(np.prod(kernel.shape) for kernel in kernels)) * positions


def _shape(layer: layers.Layer) -> tuple[int, ...]:
    """Return the shape of a layer's output for one picture."""
    out = layer.output[0] if isinstance(layer.output, list) else layer.output
    return tuple(out.shape[1:])
