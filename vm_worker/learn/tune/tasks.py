"""The tasks of tuning, each from plain values to plain values: what any executor's process does.

`survey` measures, `prepare` computes activations and judges heads, `trial` trains from the head on (LP-FT:
Kumar et al., ICLR 2022, section 3.4) and judges, `final` trains on train+validation and writes weights. It goes on
from a trial's weights with a warm restart of the learning rate (Loshchilov and Hutter, ICLR 2017, section 3).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vm_worker.learn import free_memory
from vm_worker.learn.atomic_files import replacing
from vm_worker.learn.budget import Budget
from vm_worker.learn.features.activations import Inputs, OutOfTime
from vm_worker.learn.judge.scores import score
from vm_worker.learn.networks.precision import STEP, of_products
from vm_worker.learn.tune import tail_training
from vm_worker.learn.tune.recipe import Recipe, Views, cuts
from vm_worker.learn.tune.split_network import SplitNetwork
from vm_worker.learn.tune.tail_training import Epoch, TailTraining
from vm_worker.learn.tune.tuning_inputs import TuningInputs

FASTER = 1.6  # times: OpenVINO gains more (1.9 and up, tests/benchmarks/features.py); below it selection did without
ENDED, PRUNED, LATE = "ended", "pruned", "out_of_time"

Tell = Callable[[Mapping[str, Any]], None]
Hopeless = Callable[[Sequence[float]], bool]  # by the errors of a trial's first epochs
Result = dict[str, Any]


@dataclass(frozen=True)
class TaskContext:
    """What a task works with."""

    bench: SplitNetwork
    task: Mapping[str, Any]
    budget: Budget
    tell: Tell
    hopeless: Hopeless

    @property
    def recipe(self) -> Recipe:
        """The task's."""
        return Recipe.from_json(self.task["recipe"])

    def inputs(self, layer: str) -> Inputs:
        """Of the task's views. Raises OutOfTime."""
        views = Views(**self.task["views"])
        return self.bench.inputs(layer, views, self.budget, lambda part: self.tell({"preparing": part}))


_benches: dict[Path, SplitNetwork] = {}  # the one of the last task: a process serves one job


def work(task: Mapping[str, Any], tell: Tell, hopeless: Hopeless) -> Result:
    """Do what `task["do"]` says within `task["seconds"]`. Out of time is a result, not an error."""
    budget, setting = Budget.of(task["seconds"]), TuningInputs.from_json(task["setting"])
    if setting.folder not in _benches:
        _benches.clear()
        _benches[setting.folder] = SplitNetwork(setting)
    try:
        return TASKS[task["do"]](TaskContext(_benches[setting.folder], task, budget, tell, hopeless))
    except OutOfTime:
        return {"state": LATE}
    finally:
        free_memory.give_back()


def survey(desk: TaskContext) -> Result:
    """How fast the network trains here, and what lies above each cut."""
    bench = desk.bench
    every = cuts(bench.backbone)
    forward, frozen = bench.seconds_an_image(), 1 / max(desk.task["images_per_second"], 1e-6)
    return {
        "state": ENDED,
        "forward": forward,
        "step": STEP[of_products()] * forward,
        "products": of_products(),
        # Selection leaves a network to Keras where its one pass is short; here there will be several.
        "frozen": frozen if frozen < forward / FASTER else bench.seconds_frozen(),
        "viewing": bench.seconds_a_view(),
        "shares": {cut.layer: bench.share_above(cut) for cut in every},
        "numbers": {cut.layer: bench.numbers(cut) for cut in every},
        "above": {cut.layer: bench.numbers_above(cut) for cut in every},
    }


def prepare(desk: TaskContext) -> Result:
    """Activations at the cut; the selected head and one that has seen the views, both without validation photos."""
    started = time.monotonic()
    desk.inputs(desk.task["cut"])
    bench = desk.bench
    scores = []
    for name, count in (("head", 1), ("views", None)):
        said = bench.said(bench.refit(bench.train, count))
        _save(bench.setting.folder / f"{name}.npy", said)
        scores.append(score(said, bench.labels[bench.validation]).to_json())
    return {
        "state": ENDED,
        "head": scores[0],
        "views": scores[1],
        "seen": bench.of_use(bench.train),
        "seconds": time.monotonic() - started,
    }


def one_trial(desk: TaskContext) -> Result:
    """Train on training rows, judge on validation rows; the weights are written beside."""
    started, bench, recipe = time.monotonic(), desk.bench, desk.recipe
    inputs = desk.inputs(recipe.cut)
    bench.reset(bench.refit(bench.train))
    tail = bench.tail(recipe.cut, recipe.dropout)
    points: list[dict[str, Any]] = []

    def tell(number: int, epoch: Epoch) -> None:
        points.append(_point(number, epoch))
        desk.tell({"epoch": points[-1]})

    lesson = bench.lesson(inputs, bench.train, bench.validation)
    training = time.monotonic()
    run = TailTraining(tail, lesson, recipe).run(desk.budget, tell, desk.hopeless)
    pace = (time.monotonic() - training) / max(1, len(run.errors))
    if run.score is None:
        return {"state": LATE}
    weights = Path(desk.task["weights"])
    _save_weights(bench, weights)
    _save(weights.with_suffix(".npy"), tail_training.outputs(tail, inputs, bench.validation))
    return {
        "state": PRUNED if run.pruned else ENDED,
        "score": run.score.to_json(),
        "epochs": run.epochs,
        "errors": [round(error, 6) for error in run.errors],
        "points": points,
        "pace": pace,
        "seconds": time.monotonic() - started,
    }


def _save(path: Path, said: NDArray[np.float32]) -> None:
    with replacing(path) as part:
        np.save(part, said)


def _save_weights(bench: SplitNetwork, path: Path) -> None:
    with replacing(path) as part:
        bench.model.save_weights(str(part))


def final(desk: TaskContext) -> Result:
    """Train in the same way on train+validation; write the weights. From `task["start"]`, a trial's, where it is given.

    Without a recipe, the head alone. Without a start, from the pretrained network.
    """
    bench, task = desk.bench, desk.task
    layer = task["cut"]
    inputs = desk.inputs(layer)
    bench.reset(bench.refit(bench.everything))
    epochs = 0
    if "recipe" in task:
        if task.get("start"):
            bench.model.load_weights(task["start"])
        tail = bench.tail(layer, desk.recipe.dropout)
        lesson = bench.lesson(inputs, bench.everything, bench.everything[:0])
        # The rate comes down to 0 in these epochs.
        epochs = TailTraining(tail, lesson, replace(desk.recipe, epochs=task["epochs"])).repeat(desk.budget)
    _save_weights(bench, Path(task["weights"]))
    return {"state": ENDED, "epochs": epochs}


def _point(number: int, epoch: Epoch) -> dict[str, Any]:
    figures = {
        "accuracy": epoch.accuracy,
        "loss": epoch.loss,
        "validation_accuracy": epoch.judged.accuracy,
        "validation_loss": epoch.judged.loss,
    }
    return {"phase": "tune", "epoch": number} | {key: round(value, 5) for key, value in figures.items()}


TASKS: Mapping[str, Callable[[TaskContext], Result]] = {
    "survey": survey,
    "prepare": prepare,
    "trial": one_trial,
    "final": final,
}
