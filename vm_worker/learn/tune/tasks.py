"""The tasks of tuning that an executor's process runs: measure, prepare, train a trial, train the delivered model.

A trial starts from the selected head (LP-FT: Kumar et al., ICLR 2022, section 3.4). Where that is one of all depths,
its rows for the last features are trained on, and what it says of the others is added. The last training continues
from a trial's weights with a warm restart of the learning rate (Loshchilov and Hutter, ICLR 2017, section 3).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from jobs.json_values import JsonObject
from vm_worker.executors.executor import MessageSink
from vm_worker.learn import free_memory
from vm_worker.learn.arrays import Floats
from vm_worker.learn.atomic_files import replacing
from vm_worker.learn.budget import Budget
from vm_worker.learn.features.activations import OutOfTime, TailInputs
from vm_worker.learn.judge.scores import score
from vm_worker.learn.networks.precision import STEP, product_dtype
from vm_worker.learn.tune import layer_costs, tail_training
from vm_worker.learn.tune.messages import (
    ENDED,
    LATE,
    PRUNED,
    EpochPoint,
    FinalTask,
    Finished,
    Prepared,
    PrepareTask,
    Surveyed,
    SurveyTask,
    TrialResult,
    TrialTask,
    TuningTask,
)
from vm_worker.learn.tune.recipe import Views, cuts
from vm_worker.learn.tune.split_network import SplitNetwork
from vm_worker.learn.tune.tail_training import Epoch, TailTraining
from vm_worker.search.algorithms import SEARCHES

ENTRY = "vm_worker.learn.tune.tasks:work"
# Times faster than Keras. OpenVINO gains more (1.9 and up, tests/benchmarks/features.py): a network whose selection
# was not so fast ran by Keras there.
FASTER = 1.6

T = TypeVar("T", bound=TuningTask)


@dataclass(frozen=True)
class TaskContext(Generic[T]):
    """The network, the task and the budget that a task's function works with."""

    network: SplitNetwork
    task: T
    budget: Budget
    tell: MessageSink

    def activations(self, layer: str, views: Views) -> TailInputs:
        """Return the activations at the cut of this layer. Raises OutOfTime, and OSError for a full disk."""
        return self.network.inputs(layer, views, self.budget, lambda part: self.tell({"preparing": part}))


_networks: dict[Path, SplitNetwork] = {}  # the last task's network, by its job's folder; never more than one


def work(message: JsonObject, tell: MessageSink) -> JsonObject:
    """Do what the message asks for. The end of the time is a result and raises no error."""
    kind, function = TASKS[str(message["do"])]
    task = kind.from_json(message)
    try:
        return function(TaskContext(_network(task), task, Budget.of(task.seconds), tell))
    except OutOfTime:
        return {"state": LATE}
    finally:
        free_memory.give_back()


def _network(task: TuningTask) -> SplitNetwork:
    folder = task.inputs.folder
    if folder not in _networks:
        _networks.clear()
        _networks[folder] = SplitNetwork(task.inputs)
    return _networks[folder]


def survey(context: TaskContext[SurveyTask]) -> JsonObject:
    """Measure how fast the network trains here, and estimate the cost above each cut."""
    network = context.network
    every = cuts(network.backbone)
    forward, frozen = network.forward_seconds(), 1 / max(context.task.images_per_second, 1e-6)
    return Surveyed(
        forward=forward,
        step=STEP[product_dtype()] * forward,
        products=product_dtype(),
        # Selection runs a network by Keras where its single pass is short; tuning makes several passes.
        frozen=frozen if frozen < forward / FASTER else network.frozen_seconds(),
        view_seconds=network.view_seconds(),
        deep=network.start is not None,
        share_above={cut.layer: layer_costs.share_above(network.model, cut) for cut in every},
        activations_at={cut.layer: layer_costs.activations_at(network.model, cut) for cut in every},
        activations_above={cut.layer: layer_costs.activations_above(network.model, cut) for cut in every},
    ).to_json()


def prepare(context: TaskContext[PrepareTask]) -> JsonObject:
    """Compute the activations at the cut; judge the selected head, and a head trained on views, on unseen photos."""
    started = time.monotonic()
    context.activations(context.task.cut, context.task.views)
    network = context.network
    selected = network.bar()
    if selected is None:
        selected = network.validation_probabilities(network.refit(network.train, 1))
    viewed = network.validation_probabilities(network.refit(network.train, None))
    labels, balanced = network.labels[network.validation], network.tuning.balanced
    for name, probabilities in (("head", selected), ("views", viewed)):
        _save(network.tuning.folder / f"{name}.npy", probabilities)
    return Prepared(
        head=score(selected, labels, balanced).rounded(),
        views=score(viewed, labels, balanced).rounded(),
        seen=network.useful_views(network.train),
        seconds=time.monotonic() - started,
        surely=network.surely_better(viewed),
    ).to_json()


def one_trial(context: TaskContext[TrialTask]) -> JsonObject:
    """Train on training rows, judge on validation rows, write the weights; give up early where it is hopeless."""
    started, network, task = time.monotonic(), context.network, context.task
    recipe = task.recipe
    inputs = context.activations(recipe.cut, task.views)
    network.reset(network.first(network.train))
    tail = network.tail(recipe.cut, recipe.dropout)
    points: list[EpochPoint] = []

    def tell(number: int, epoch: Epoch) -> None:
        points.append(_point(number, epoch))
        context.tell({"epoch": points[-1].to_json(), "trial": task.key})

    def hopeless(errors: Sequence[float]) -> bool:
        return SEARCHES[task.search].hopeless(task.rivals, errors)

    data = network.data(inputs, network.train, network.validation)
    training = time.monotonic()
    run = TailTraining(tail, data, recipe).run(context.budget, tell, hopeless)
    pace = (time.monotonic() - training) / max(1, len(run.errors))
    if run.score is None:
        return {"state": LATE}
    probabilities = tail_training.judged(tail, data)
    _save(task.weights.with_suffix(".npy"), probabilities)
    network.as_selected()
    _save_weights(network, task.weights)
    return TrialResult(
        state=PRUNED if run.pruned else ENDED,
        score=run.score.rounded(),
        epochs=run.epochs,
        errors=tuple(round(error, 6) for error in run.errors),
        points=tuple(points),
        pace=pace,
        seconds=time.monotonic() - started,
        surely=network.surely_better(probabilities),
    ).to_json()


def final(context: TaskContext[FinalTask]) -> JsonObject:
    """Train on train+validation by the recipe and write the weights; without `training`, train the head alone.

    The training continues from a trial's weights where the task names some, else from the pretrained network.
    """
    network, task, epochs = context.network, context.task, 0
    inputs = context.activations(task.cut, task.views)
    network.reset((network.first if task.training else network.refit)(network.everything))
    if training := task.training:
        if training.start:
            network.model.load_weights(training.start)
        tail = network.tail(task.cut, training.recipe.dropout)
        data = network.data(inputs, network.everything, network.everything[:0])
        # The rate comes down to 0 in these epochs.
        recipe = replace(training.recipe, epochs=training.epochs)
        epochs = TailTraining(tail, data, recipe).repeat(context.budget)
    _save_weights(network, task.weights)
    return Finished(epochs).to_json()


def _save(path: Path, probabilities: Floats) -> None:
    with replacing(path) as part:
        np.save(part, probabilities)


def _save_weights(network: SplitNetwork, path: Path) -> None:
    with replacing(path) as part:
        network.model.save_weights(str(part))


def _point(number: int, epoch: Epoch) -> EpochPoint:
    return EpochPoint(
        phase="tune",
        epoch=number,
        accuracy=round(epoch.accuracy, 5),
        loss=round(epoch.loss, 5),
        validation_accuracy=round(epoch.judged.accuracy, 5),
        validation_loss=round(epoch.judged.loss, 5),
    )


TASKS: Mapping[str, tuple[type[TuningTask], Callable[[TaskContext], JsonObject]]] = {  # type: ignore[type-arg]  # each its own
    SurveyTask.do: (SurveyTask, survey),
    PrepareTask.do: (PrepareTask, prepare),
    TrialTask.do: (TrialTask, one_trial),
    FinalTask.do: (FinalTask, final),
}
