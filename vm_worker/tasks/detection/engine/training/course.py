"""Train a detector's head on cached maps: AdamW, the rate follows half a cosine, and ends at 0 by the deadline."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
from keras import layers

from vm_worker.as_json import AsJson
from vm_worker.learn.arrays import Floats
from vm_worker.learn.atomic_files import replacing
from vm_worker.learn.budget import Budget
from vm_worker.tasks.detection.boxes import Indices
from vm_worker.tasks.detection.engine.training.losses import loss

BATCH = 8
WARM_UP = 0.05  # share of all steps in which the rate rises
DECAY = 0.01  # of the weights, in AdamW
CLIP = 10.0  # largest norm of all gradients together


@dataclass(frozen=True)
class Recipe(AsJson):
    """The settings of a training: the genes of Sobolevskii (2020) but for the threshold, which needs no training."""

    epochs: int
    share: float  # of all views that an epoch goes through, above 0 up to 1: it sets the steps of an epoch
    rate: float  # AdamW's highest

    def steps(self, rows: int) -> int:
        """Return the steps of an epoch over so many views."""
        return max(1, round(rows * self.share / BATCH))


class Maps(Protocol):
    """The port to the inputs of the network that is trained."""

    def batch(self, rows: Indices) -> list[Floats]:
        """Return the inputs of these rows (m,), an array (m, ...) for each."""
        ...


@dataclass(frozen=True, eq=False)
class TrainingData:
    """The views that a network learns from."""

    maps: Maps
    targets: Callable[[int], Floats]  # of a row: (points, 6)
    rows: int
    classes: int
    seed: int


@dataclass(frozen=True)
class Epoch:
    """The end of an epoch."""

    number: int  # from 1
    of: int
    loss: float  # mean of its steps


@dataclass(frozen=True)
class Course:
    """How a training runs: its recipe, its end, who hears of it, and where its state is kept."""

    recipe: Recipe
    budget: Budget
    tell: Callable[[Epoch], None] = lambda epoch: None
    kept: Path | None = None  # the state after the last epoch; None: it is not kept
    digest: str = ""  # of all that the state depends on: that of another digest is not used


class HeadTraining:
    """The training of a head, or a head and what is below it. Courses may follow each other, from the same weights."""

    def __init__(self, head: keras.Model, data: TrainingData, wrong: Callable[[Any, Any], Any] | None = None) -> None:
        """Compile the head. `wrong` is the loss of targets and joined outputs; None: that of boxes without anchors."""
        self._data = data
        self._model = keras.Model(head.inputs, layers.Concatenate(axis=-1)(head.outputs))
        optimizer = keras.optimizers.AdamW(weight_decay=DECAY, global_clipnorm=CLIP)
        # Compiled by XLA such a step takes seven times as long on CPUs.
        self._model.compile(optimizer=optimizer, loss=wrong or loss(data.classes), jit_compile=False)
        optimizer.build(self._model.trainable_variables)
        self._first = [np.array(one) for one in self._variables()]

    def run(self, course: Course) -> tuple[float, ...]:
        """Train, and return the loss of each epoch. Where the time is short there are fewer steps.

        A course that was killed goes on behind the last epoch that was kept.
        """
        self._assign(self._first)
        losses = self._restored(course)
        pace = Pace(course.recipe, course.recipe.steps(self._data.rows), course.budget, len(losses))
        while len(losses) < course.recipe.epochs and not course.budget.over():
            losses.append(self._epoch(len(losses), course, pace))
            course.tell(Epoch(len(losses), course.recipe.epochs, losses[-1]))
            self._save(course, losses)
        return tuple(losses)

    def _epoch(self, number: int, course: Course, pace: Pace) -> float:
        random = np.random.default_rng((self._data.seed, number))
        order = random.permutation(self._data.rows)[: pace.steps * BATCH]
        total, steps = 0.0, 0
        for maps, targets in self._batches(order):
            if course.budget.over():
                break
            self._model.optimizer.learning_rate = pace.rate()
            total += float(self._model.train_on_batch(maps, targets))
            self._model.reset_metrics()
            steps += 1
            pace.step()
        return total / max(1, steps)

    def _batches(self, order: Indices) -> Iterator[tuple[list[Floats], Floats]]:
        """Yield full batches; the next one is read while the head learns from this one."""
        parts = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]
        parts = [np.resize(part, min(BATCH, len(order))) for part in parts]  # of one length: one graph suffices
        with ThreadPoolExecutor(1, thread_name_prefix="maps") as reader:
            coming = reader.submit(self._batch, parts[0])
            for part in parts[1:]:
                ready, coming = coming, reader.submit(self._batch, part)
                yield ready.result()
            yield coming.result()

    def _batch(self, rows: Indices) -> tuple[list[Floats], Floats]:
        targets = np.stack([self._data.targets(int(row)) for row in rows])
        return self._data.maps.batch(rows), targets

    def _save(self, course: Course, losses: list[float]) -> None:
        if course.kept is None:
            return
        values: dict[str, Any] = {f"v{index}": np.asarray(one) for index, one in enumerate(self._variables())}
        with replacing(course.kept) as part, part.open("wb") as file:
            np.savez(file, **values, digest=np.array(course.digest), losses=np.array(losses))

    def _restored(self, course: Course) -> list[float]:
        """Load the state that an earlier run kept; return the losses of its epochs."""
        if course.kept is None or not course.kept.is_file():
            return []
        try:
            # NumPy leaves a damaged file open that it has opened itself.
            with course.kept.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                if str(file["digest"]) != course.digest:
                    return []
                self._assign([file[f"v{index}"] for index in range(len(self._first))])
                return [float(one) for one in file["losses"]]
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):  # cut off, or of another version
            self._assign(self._first)
            return []

    def _assign(self, values: list[Any]) -> None:
        for variable, value in zip(self._variables(), values, strict=True):
            variable.assign(value)

    def _variables(self) -> list[keras.Variable]:
        return [*self._model.variables, *self._model.optimizer.variables]


class Pace:
    """How far a training has come, by steps or by time, whichever is more: so the rate is 0 at the deadline."""

    def __init__(self, recipe: Recipe, steps: int, budget: Budget, epochs_done: int) -> None:
        self.steps = steps  # of an epoch
        self._rate, self._total = recipe.rate, recipe.epochs * steps
        self._done = self._first = epochs_done * steps
        self._budget, self._seconds = budget, max(budget.remaining(), 1e-6)

    def step(self) -> None:
        """Note that a step is done."""
        self._done += 1

    def rate(self) -> float:
        """Return the rate of the next step."""
        by_steps, begun = self._done / self._total, self._first / self._total
        by_time = begun + (1 - begun) * (1 - self._budget.remaining() / self._seconds)
        rising = min(1.0, (self._done + 1) / (WARM_UP * self._total))
        return self._rate * rising * 0.5 * (1 + math.cos(math.pi * min(1.0, max(by_steps, by_time))))
