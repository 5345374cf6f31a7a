"""A network cut in two for tuning, frozen below and trained above, and the photos that it learns from."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from vm_worker.intake.mapped import taken
from vm_worker.learn.budget import Budget
from vm_worker.learn.features import activations, openvino
from vm_worker.learn.features.activations import Cache, Filling, Forward, Inputs, Live, Stem
from vm_worker.learn.features.extraction import BATCH, Source, forward
from vm_worker.learn.features.views import Viewing, seen
from vm_worker.learn.heads import linear
from vm_worker.learn.heads.linear import FeatureRows, Head, Plan
from vm_worker.learn.networks import assemble, build
from vm_worker.learn.networks.catalogue import CATALOGUE, Backbone, Cut
from vm_worker.learn.networks.fold_batchnorm import folded
from vm_worker.learn.networks.precision import of_products
from vm_worker.learn.tune.recipe import EVERYTHING, Views, cut_named, cuts
from vm_worker.learn.tune.tail_training import Rows, TailData, Weights
from vm_worker.learn.tune.tuning_inputs import TuningInputs

FIRST_LAYERS = (layers.InputLayer, layers.Rescaling)
UNKEPT = (*FIRST_LAYERS, layers.BatchNormalization)  # normalisation is folded into the convolutions
ALIKE = 0.999  # least mean cosine between what two precisions make of a picture
# What is not a matrix product waits for memory. In multiplications of one, fitted to the steps of seven networks above
# three cuts each, on a CPU (tests/benchmarks/shares.py): they are met within a factor of 1.2, without these 1.5.
DEPTHWISE_COST = 4.0  # a multiplication of a depthwise convolution
ELEMENT_COST = 20.0  # a number that any layer gives out
# Pictures times their views that a head is fitted on: more views of so many pictures change it little, and take memory.
HEAD_ROWS = 32_768


class SplitNetwork:
    """One network for all trials of a process. Where it is cut, each trial says."""

    def __init__(self, setting: TuningInputs) -> None:
        self.setting = setting
        self.backbone: Backbone = CATALOGUE[setting.weight.key]
        self.selected = setting.head()
        self.model = assemble.assemble(setting.weight, self.selected)
        rows = setting.rows()
        pixels = np.load(setting.pixels, mmap_mode="r", allow_pickle=False)
        self.source = Source(pixels, np.concatenate([rows.train, rows.validation]))
        self.labels: Rows = rows.labels
        self.everything = np.arange(len(self.labels), dtype=np.int64)
        self.train, self.validation = self.everything[: len(rows.train)], self.everything[len(rows.train) :]
        self._pretrained: list[Weights] = self.model.get_weights()
        self._caches: dict[tuple[str, int], Cache] = {}
        self._heads: dict[tuple[bytes, int], Head] = {}  # by rows and views
        self._passes: dict[str, Stem] = {}  # for live views, by the cut's layer
        self._timed_stem: tuple[str, Stem] | None = None  # kept for the first inputs, at the cut of this layer

    def inputs(self, layer: str, views: Views, budget: Budget, tell: Callable[[float], None]) -> Inputs:
        """What reaches the tail above this layer; computed at the first call. Raises OutOfTime."""
        setting = self.setting
        key = layer, 1 if views.live else views.count
        if key not in self._caches:
            self.restore()  # a tail that was trained before must not speak for the pretrained network
            kept, self._timed_stem = self._timed_stem, None
            stem = kept[1] if kept and kept[0] == layer else self._stem(cut_named(self.backbone, layer))
            viewing = Viewing(key[1], setting.mirror, setting.seed)
            path = setting.folder / f"activations-{uuid.uuid4().hex}.npy"  # others may work in this folder
            self._caches[key] = activations.fill(stem, self.source, viewing, Filling(path, budget, tell))
        cache = self._caches[key]
        if not views.live:
            return cache
        if layer not in self._passes:
            self.restore()
            self._passes[layer] = self._pass(cut_named(self.backbone, layer))
        return Live(cache, self._passes[layer], self.source, Viewing(views.count, setting.mirror, setting.seed))

    def features(self) -> NDArray[np.float32]:
        """What the pretrained network makes of the views that were computed most: (views, n, d)."""
        return max((cache.features for cache in self._caches.values()), key=len)

    def _stem(self, cut: Cut) -> Stem:
        """Pixels -> activations at the cut and pooled features, in one pass."""
        tensor = build.tensor_at(self.model, cut)
        pooled = self.model.get_layer(build.POOL).output
        flat = layers.Concatenate()([layers.Flatten()(tensor), pooled])
        model = keras.Model(self.model.input, flat, name="stem")
        features = self.backbone.features
        return Stem(self._fastest(model, [-features]), tuple(tensor.shape[1:]), features)

    def _pass(self, cut: Cut) -> Stem:
        """Pixels -> activations at the cut alone."""
        tensor = build.tensor_at(self.model, cut)
        if cut == EVERYTHING:
            return Stem(lambda images: images.reshape(len(images), -1), tuple(tensor.shape[1:]))
        model = keras.Model(self.model.input, layers.Flatten()(tensor), name="pass")
        return Stem(self._fastest(model, []), tuple(tensor.shape[1:]))

    def _fastest(self, model: keras.Model, ends: list[int]) -> Forward:
        """The frozen model through OpenVINO in the fastest precision that says the same; else by Keras.

        `ends`: where its rows come apart into what is compared by itself.
        """

        def by_keras(images: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.asarray(model.predict_on_batch(images), np.float32)

        if not openvino.available():
            return by_keras
        pictures = self.source.pixels[np.resize(self.source.rows, BATCH)].astype(np.float32)
        expected = by_keras(pictures)
        network = openvino.Network(model, self.setting.folder)
        for precision in openvino.precisions():
            run = network.compiled(precision)
            # Each by itself: activations are so many that features would not count beside them.
            if all(
                _alike(*parts)
                for parts in zip(np.split(run(pictures), ends, 1), np.split(expected, ends, 1), strict=True)
            ):
                return run
        return by_keras

    def tail(self, layer: str, dropout: float = 0.0) -> keras.Model:
        """Activations at the cut -> probabilities; shares its variables with the model."""
        tensor, output = build.tensor_at(self.model, cut_named(self.backbone, layer)), self.model.output
        if dropout:
            dropped = layers.Dropout(dropout, seed=self.setting.seed)(self.model.get_layer(build.POOL).output)
            output = self.model.get_layer(assemble.OUTPUT)(dropped)
        return folded(keras.Model(tensor, output), of_products())

    def data(self, inputs: Inputs, train: Rows, judge: Rows) -> TailData:
        """Put together what a trial learns from and is judged on."""
        return TailData(inputs, self.labels, train, judge, self.setting.classes, self.setting.seed)

    def restore(self) -> None:
        """The pretrained network again, with the selected head."""
        self.model.set_weights(self._pretrained)

    def reset(self, head: Head) -> None:
        """The pretrained network again, with this head."""
        self.restore()
        self.model.get_layer(assemble.OUTPUT).set_weights(list(head.folded()))

    def refit(self, rows: Rows, views: int | None = None) -> Head:
        """A head as the selected one, on these rows and so many of their views; None: all that are of use."""
        views = views or self.of_use(rows)
        key = rows.tobytes(), views
        if key not in self._heads:
            self._heads[key] = self._refitted(rows, views)
        return self._heads[key]

    def of_use(self, rows: Rows) -> int:
        """How many views a head is fitted on."""
        return min(len(self.features()), max(1, HEAD_ROWS // len(rows)))

    def _refitted(self, rows: Rows, views: int) -> Head:
        head, setting = self.selected, self.setting
        plan = Plan(setting.classes, setting.epochs, setting.seed, (head.strength,))
        flat = np.concatenate([taken(view, rows) for view in self.features()[:views]])
        return linear.refit(FeatureRows(flat, np.tile(self.labels[rows], views)), plan, head.epochs)

    def said(self, head: Head) -> NDArray[np.float32]:
        """(m, k): what the head says of the validation part, as the pictures are."""
        return head.probabilities(self.features()[0, self.validation])

    def seconds_an_image(self) -> float:
        """Of a forward pass of a full batch through the whole network, as training makes it."""
        rows = np.resize(self.source.rows, BATCH)
        forward(self.model, self.source.pixels, rows)  # traces the graph
        return min(self._timed(rows) for _ in range(2)) / BATCH

    def seconds_frozen(self) -> float:
        """Of a pass of a picture through the frozen network, as activations are computed."""
        layer = cuts(self.backbone)[0].layer
        stem = self._stem(cut_named(self.backbone, layer))
        self._timed_stem = layer, stem
        images = activations.filled(self.source, self.everything[:BATCH])
        times = [time.monotonic()]
        for _ in range(3):
            stem.run(images)
            times.append(time.monotonic())
        return float(np.diff(times).min()) / BATCH

    def seconds_a_view(self) -> float:
        """Of making a random view of a picture."""
        images = activations.filled(self.source, self.everything[:BATCH])
        random = np.random.default_rng(self.setting.seed)
        times = [time.monotonic()]
        for _ in range(3):
            seen(images, self.setting.mirror, random)
            times.append(time.monotonic())
        return float(np.diff(times).min()) / BATCH

    def _timed(self, rows: Rows) -> float:
        started = time.monotonic()
        forward(self.model, self.source.pixels, rows)
        return time.monotonic() - started

    def share_above(self, cut: Cut) -> float:
        """Which part of a forward pass lies above the cut, as reckoned."""
        return share_above(self.model, cut)

    def numbers(self, cut: Cut) -> int:
        """How many activations one picture has at the cut."""
        return int(np.prod(build.tensor_at(self.model, cut).shape[1:]))

    def numbers_above(self, cut: Cut) -> int:
        """How many activations of one picture a step of training keeps."""
        tail = keras.Model(build.tensor_at(self.model, cut), self.model.output)
        shapes = [_shape(layer) for layer in tail.layers if not isinstance(layer, UNKEPT)]
        return int(sum(np.prod(shape) for shape in shapes))


def share_above(model: keras.Model, cut: Cut) -> float:
    """Which part of a forward pass lies above the cut, by what its layers multiply and give out: 0..1."""
    tail = {layer.name for layer in keras.Model(build.tensor_at(model, cut), model.output).layers}
    costs = {layer.name: _cost(layer) for layer in model.layers}
    return sum(cost for name, cost in costs.items() if name in tail) / sum(costs.values())


def _alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """The rows point the same way, but for rounding; their mean, as selection has it."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return bool((np.sum(one * other, axis=1) / np.maximum(lengths, 1e-12)).mean() >= ALIKE)


def _cost(layer: layers.Layer) -> float:
    """Multiplications of one picture, roughly."""
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
    """Of what it makes of one picture."""
    out = layer.output[0] if isinstance(layer.output, list) else layer.output
    return tuple(out.shape[1:])
