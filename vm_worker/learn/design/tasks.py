"""The task of an executor's process: train one network for so many epochs, and judge it after each."""

from __future__ import annotations

import time

import keras
import numpy as np

from jobs.json_values import JsonObject
from vm_worker.executors.executor import MessageSink
from vm_worker.learn import free_memory, imbalance
from vm_worker.learn.arrays import Flags
from vm_worker.learn.atomic_files import replacing
from vm_worker.learn.budget import Budget
from vm_worker.learn.design.messages import ENDED, GIVEN_UP, LATE, NetworkResult, NetworkTask, chance, packed
from vm_worker.learn.networks import designed
from vm_worker.learn.scratch import training
from vm_worker.learn.scratch.training import Examples, TrainingLoop, TrainingPolicy, TrainingSet
from vm_worker.results.designs import NetworkPlan


def work(message: JsonObject, tell: MessageSink) -> JsonObject:
    """Train the network of a task. The end of the time is a result and raises no error."""
    try:
        return _Session(NetworkTask.from_json(message), tell).result()
    finally:
        keras.backend.clear_session()
        free_memory.give_back()


class _Session:
    """One training."""

    def __init__(self, task: NetworkTask, tell: MessageSink) -> None:
        self._task, self._tell = task, tell
        self._began, self._budget = time.monotonic(), Budget.of(task.seconds)
        inputs, halves = task.inputs, task.inputs.parts(task.training.halves)
        pixels, labels = np.load(inputs.pixels, mmap_mode="r", allow_pickle=False), inputs.labels()
        self._judged = Examples(np.asarray(pixels[halves.judged]), labels[halves.judged])
        keras.utils.set_random_seed(inputs.seed + task.training.halves)
        plan = NetworkPlan(task.training.architecture, inputs.side)
        self._model, _ = designed.built(plan, inputs.classes)
        self._begun = 0
        if task.start is not None and task.start.exists():
            self._model.load_weights(str(task.start))
            self._begun = task.begun
        learnt = Examples(np.asarray(pixels[halves.train]), labels[halves.train])
        policy = TrainingPolicy(epoch_steps=inputs.epoch_steps, epoch_most=inputs.epoch_most)
        seed = inputs.seed + task.training.halves + self._begun
        self._photos = TrainingSet(learnt, inputs.mirror, seed, policy)
        self._least = chance(self._judged.labels, inputs.balanced)

    def result(self) -> JsonObject:
        """Train, judge after each epoch, write the weights; give up what guesses after its first epoch."""
        task, epochs = self._task, self._task.training.epochs - self._begun
        loop = TrainingLoop(self._model, self._photos)
        pace = loop.step_seconds() * self._photos.steps
        if pace * epochs > self._budget.remaining():
            return {"state": LATE}
        curve: list[float] = []
        right: Flags = np.zeros(0, bool)
        state = ENDED
        for _ in loop.train(epochs, 1, self._budget):
            right = self._right()
            curve.append(round(imbalance.score(right, self._judged.labels, task.inputs.balanced), 6))
            self._tell({"trained": len(curve), "of": epochs, "score": curve[-1], "trial": task.key})
            if len(curve) == 1 and self._begun == 0 and curve[0] <= self._least:
                state = GIVEN_UP
                break
        if self._budget.over() and len(curve) < epochs and state == ENDED:
            return {"state": LATE}
        if task.weights is not None and state == ENDED:
            with replacing(task.weights) as partial:
                self._model.save_weights(str(partial))
        return NetworkResult(
            state=state,
            score=curve[-1],
            chance=round(self._least, 6),
            curve=tuple(curve),
            epoch_seconds=round(pace, 4),
            seconds=round(time.monotonic() - self._began, 3),
            right=packed(right) if task.training.halves else "",
        ).to_json()

    def _right(self) -> Flags:
        probabilities = training.probabilities(self._model, self._judged)
        return np.asarray(probabilities.argmax(1) == self._judged.labels)
