"""Training of a whole network from scratch, within a time; the network ends with its best weights.

Adam; the learning rate rises during the first steps and then falls as half a cosine (Loshchilov and Hutter, 2017,
"SGDR", equation 5, without restarts). So the weights hardly change at the end, and the moving averages of batch
normalisation fit them. The labels are smoothed (Szegedy et al., CVPR 2016, section 7).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from vm_worker.learn import statistics
from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.budget import Budget

BATCH = 32
RATE = 6e-3  # Adam's highest learning rate; with a third of it MobileNetV1 needs three times as many steps
WARM_UP = 0.05  # of the training, during which the rate rises
SMOOTHING = 0.05  # of the labels, against overconfidence on images that the network has memorised
SHIFT = 0.1  # of the side, by which an image is shifted at most
REPEATED_SHARE = 0.8  # of the epochs, that a repeated training needs at least
EVALUATIONS = 30  # on the validation images, in a whole training
TIMED_STEPS = 3  # after the one that builds the graph
SOLVED = 0.02  # cross-entropy on the validation images below which the training ends


class TrainingTooSlow(Exception):
    """The time does not suffice for a useful training."""

    def __init__(self, seconds: float, left: float) -> None:
        """`seconds` is the time that the training needs, `left` the time that it has."""
        super().__init__(f"its training needs about {seconds:.0f} s" if seconds >= 1 else "no time was left for it")
        self.left = left  # seconds


@dataclass(frozen=True)
class Examples:
    """Images with their labels."""

    images: NDArray[np.uint8]  # (n, s, s, 3), a memory map or an array
    labels: NDArray[np.int64]  # (n,)


@dataclass(frozen=True)
class TrainingPolicy:
    """The lengths that a training may have."""

    epochs: int = 60  # at most, or `steps`, whichever is more: a few images need many epochs
    steps: int = 1500
    least_epochs: int = 8  # with fewer epochs or steps, the accuracy is hardly better than chance
    least_steps: int = 200
    epoch_steps: int = 1  # of an epoch at least: of few images an epoch takes several passes
    epoch_most: int | None = None  # steps of an epoch at most; None: a pass over all images


POLICY = TrainingPolicy()


@dataclass(frozen=True)
class TrainingSet:
    """The images to train on, how they are augmented, and for how long the network may train."""

    examples: Examples
    mirror: bool = True  # whether a mirrored image shows the same class
    seed: int = 0
    policy: TrainingPolicy = POLICY

    @property
    def steps(self) -> int:
        """The steps of an epoch."""
        whole = max(self.policy.epoch_steps, math.ceil(len(self.examples.labels) / BATCH))
        return whole if self.policy.epoch_most is None else min(whole, self.policy.epoch_most)

    @property
    def least_epochs(self) -> int:
        """The least number of epochs of a useful training."""
        return max(self.policy.least_epochs, math.ceil(self.policy.least_steps / self.steps))

    @property
    def most_epochs(self) -> int:
        """The number of epochs after which little more is gained."""
        return max(self.policy.epochs, math.ceil(self.policy.steps / self.steps))


@dataclass(frozen=True)
class EpochFigures:
    """The figures of the network after an epoch; `loss` is that against the smoothed labels."""

    epoch: int
    accuracy: float  # on the augmented training images, mean since the figures before
    loss: float  # on the same images: cross-entropy, nats
    validation_accuracy: float = math.nan
    validation_loss: float = math.inf  # cross-entropy, nats


@dataclass(frozen=True)
class TrainingResult:
    """The result of a training: the validation figures of the weights that were kept, and the figures by epoch."""

    accuracy: float  # on the validation images
    loss: float  # on the validation images: cross-entropy, nats
    epochs: int  # after which the kept weights were reached
    curve: tuple[EpochFigures, ...]
    images_per_second: float  # in a forward pass
    start_seconds: float  # until the first step: building the graphs


@dataclass(frozen=True)
class TimeAllowed:
    """The time that a training may take."""

    share: Budget  # the time meant for it
    whole: Budget  # the time that it may take where its share does not suffice for a useful training

    @classmethod
    def of(cls, seconds: float) -> TimeAllowed:
        """Return a time of so many seconds, without more for a training that needs it."""
        return cls(Budget.of(seconds), Budget.of(seconds))


def train(model: keras.Model, photos: TrainingSet, validation: Examples, allowed: TimeAllowed) -> TrainingResult:
    """Train for as long as the time allows; the model ends with the weights of the lowest validation cross-entropy.

    Raises TrainingTooSlow, after a few steps, where the time does not suffice for `photos.least_epochs`.
    """
    began = time.monotonic()
    loop = TrainingLoop(model, photos)
    plan = loop.plan(validation, allowed)
    start = time.monotonic() - began
    kept, weights, curve = EpochFigures(0, 0.0, math.inf), [], []
    for figures in loop.train(plan.epochs, max(1, plan.epochs // EVALUATIONS), plan.budget):
        accuracy, loss = evaluate(model, validation)
        curve.append(replace(figures, validation_accuracy=accuracy, validation_loss=loss))
        if loss < kept.validation_loss:
            kept, weights = curve[-1], model.get_weights()
        if loss < SOLVED:
            break
    model.set_weights(weights)
    return TrainingResult(
        kept.validation_accuracy, kept.validation_loss, kept.epoch, tuple(curve), plan.images_per_second, start
    )


def repeat(model: keras.Model, photos: TrainingSet, epochs: int, budget: Budget) -> bool:
    """Train for so many epochs; False where the time does not suffice, and the model must then not be used."""
    loop = TrainingLoop(model, photos)
    if loop.step_seconds() * epochs * photos.steps > budget.remaining():
        return False
    *_, last = loop.train(epochs, epochs, budget)
    # A training that the budget ended has had its whole cosine too: the rate also falls with the time.
    return last.epoch >= REPEATED_SHARE * epochs


def evaluate(model: keras.Model, examples: Examples) -> tuple[float, float]:
    """Return the accuracy, 0..1, and the mean cross-entropy in nats."""
    predicted, labels = probabilities(model, examples), examples.labels
    return float((predicted.argmax(1) == labels).mean()), float(statistics.cross_entropy(predicted, labels).mean())


def probabilities(model: keras.Model, examples: Examples) -> Floats:
    """Return the probabilities (n, k) of the images, in their order.

    All batches have one shape, so that one graph suffices.
    """
    count = len(examples.labels)
    parts = []
    for start in range(0, count, BATCH):
        rows = np.arange(start, start + BATCH) % count
        parts.append(np.asarray(model.predict_on_batch(examples.images[rows].astype(np.float32))))
    return np.concatenate(parts)[:count]


@dataclass(frozen=True)
class _TrainingPlan:
    """The length of a training."""

    epochs: int
    budget: Budget
    images_per_second: float  # in a forward pass


class TrainingLoop:
    """The training of one network, step by step."""

    def __init__(self, model: keras.Model, photos: TrainingSet) -> None:
        self._model, self._photos = model, photos
        self._random = np.random.default_rng(photos.seed)
        self._batches = self._shuffled()
        classes = int(model.output_shape[-1])
        self._truth = np.eye(classes, dtype=np.float32) * (1 - SMOOTHING) + np.float32(SMOOTHING / classes)
        # Only TensorFlow would compile the step by XLA: half a minute on two cores, which is more than it saves.
        compiled = keras.backend.backend() != "tensorflow"
        model.compile(
            keras.optimizers.Adam(RATE), "categorical_crossentropy", metrics=["accuracy"], jit_compile=compiled
        )

    def step_seconds(self) -> float:
        """Measure the seconds of a step. The weights stay: the rate is 0, and they are set back afterwards."""
        before = self._model.get_weights()
        self._model.optimizer.learning_rate = 0.0
        self._step()
        taken = [_seconds(self._step) for _ in range(TIMED_STEPS)]
        self._model.set_weights(before)
        self._model.reset_metrics()
        return float(np.median(taken))

    def plan(self, validation: Examples, allowed: TimeAllowed) -> _TrainingPlan:
        """Choose the number of epochs that fits the time. Raises TrainingTooSlow."""
        photos = self._photos
        epoch = self.step_seconds() * photos.steps
        evaluate(self._model, validation)  # builds the graph
        evaluation = _seconds(lambda: evaluate(self._model, validation))
        speed, evaluations = len(validation.labels) / evaluation, EVALUATIONS * evaluation
        possible = (allowed.share.remaining() - evaluations) / epoch
        needed = photos.least_epochs * epoch + evaluations
        if possible >= photos.least_epochs:
            return _TrainingPlan(min(photos.most_epochs, int(possible)), allowed.share, speed)
        if needed > allowed.whole.remaining():
            raise TrainingTooSlow(needed, allowed.whole.remaining())
        return _TrainingPlan(photos.least_epochs, allowed.whole, speed)

    def train(self, epochs: int, gap: int, budget: Budget) -> Iterator[EpochFigures]:
        """Train for so many epochs, or until the budget ends; yield the figures every `gap` epochs and at the end."""
        whole, each = max(budget.remaining(), 1e-3), self._photos.steps
        for step in range(1, epochs * each + 1):
            passed = max(step / (epochs * each), 1 - budget.remaining() / whole)
            self._model.optimizer.learning_rate = RATE * _rate_share(passed)
            accuracy, loss = self._step()
            over = step == epochs * each or budget.over()
            if over or step % (gap * each) == 0:
                yield EpochFigures(math.ceil(step / each), accuracy, loss)
                self._model.reset_metrics()
            if over:
                return

    def _step(self) -> tuple[float, float]:
        """Train on one batch; return accuracy and loss, mean of the steps since the metrics were reset."""
        rows = next(self._batches)
        images, labels = self._photos.examples.images[rows], self._photos.examples.labels[rows]
        augmented = np.stack([self._augmented(image) for image in images]).astype(np.float32)
        metrics = self._model.train_on_batch(augmented, self._truth[labels], return_dict=True)
        return float(metrics["accuracy"]), float(metrics["loss"])

    def _shuffled(self) -> Iterator[Rows]:
        """Yield the rows (BATCH,) of one batch after another; all images come once, then once more in a new order."""
        count, waiting = len(self._photos.examples.labels), np.empty(0, np.int64)
        while True:
            while len(waiting) < BATCH:
                waiting = np.concatenate([waiting, self._random.permutation(count)])
            yield np.sort(waiting[:BATCH])
            waiting = waiting[BATCH:]

    def _augmented(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the image (s, s, 3) shifted by up to SHIFT of its side, the edge repeated, and perhaps mirrored."""
        side = len(image)
        most = round(SHIFT * side)
        if self._photos.mirror and self._random.random() < 0.5:
            image = image[:, ::-1]
        down, right = self._random.integers(-most, most + 1, 2)
        places = np.arange(side)
        rows, columns = (np.clip(places + shift, 0, side - 1) for shift in (down, right))
        return np.asarray(image[np.ix_(rows, columns)])


def _rate_share(passed: float) -> float:
    """Return the learning rate as a share of RATE, when this share (0..1) of the training has passed."""
    if passed < WARM_UP:
        return passed / WARM_UP
    return (1 + math.cos(math.pi * min(1.0, (passed - WARM_UP) / (1 - WARM_UP)))) / 2


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
