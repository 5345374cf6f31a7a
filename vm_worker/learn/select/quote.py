"""How long a job will take, told before it trains: this machine's speed on a few photos, times what there is to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vm_worker.learn.networks.catalogue import Backbone

LAYERS = 0.3  # 1e9 multiply-adds: what a pass costs besides them, in memory traffic of its layers
HEAD_SECONDS = 1e-7  # of a head: an image, a feature, a class (measured: 0.8 s for 1,300 x 1,280 x 6)
HEADS_LEAST = 1.0  # seconds of a candidate's heads
TRIAL_PASSES = 9.0  # forward passes over the photos that a trial of a dozen epochs above a middling cut costs
TRIAL_SECONDS = 10.0  # of a trial, whatever the number of photos: graphs, files, a process
LAST_TRAINING = 3  # of the best trial's recipe on all photos: as many trials' time (rungs.FINAL_TIMES)
TRIALS = 8  # until a search has brought nothing new for long enough, as a rule


@dataclass(frozen=True)
class Todo:
    """What a job asks for."""

    backbones: Sequence[Backbone]
    images: int  # of train+validation
    classes: int
    trials: int  # at most; 0 = no tuning


@dataclass(frozen=True)
class Measured:
    """What a few photos through one network took."""

    backbone: Backbone
    speed: float  # images a second as features are extracted
    plain: float  # the same by Keras, as training runs it
    setup: float  # seconds until it could begin


def trials(search: str, most: int | None) -> int:
    """How many trials to expect."""
    if search == "none":
        return 1 if most is None else min(1, most)
    return TRIALS if most is None else min(TRIALS, most)


def seconds(todo: Todo, measured: Measured) -> float:
    """From now to the end of tuning. The measured network stands for all, by their multiply-adds."""
    return sum(_candidate(todo, measured, backbone) for backbone in todo.backbones) + _tuning(todo, measured)


def relative(backbone: Backbone, measured: Backbone) -> float:
    """How many times longer than the measured one it takes for an image."""
    return (backbone.gflops + LAYERS) / (measured.gflops + LAYERS)


def _candidate(todo: Todo, measured: Measured, backbone: Backbone) -> float:
    heads = max(HEADS_LEAST, HEAD_SECONDS * todo.images * backbone.features * todo.classes)
    passing = todo.images / measured.speed * relative(backbone, measured.backbone)
    # Its setup lies behind us.
    return passing + heads + (0.0 if backbone is measured.backbone else measured.setup)


def _tuning(todo: Todo, measured: Measured) -> float:
    """The winner is not known: a middling one stands for it. The best trial is repeated, for longer, on all photos."""
    if todo.trials == 0:
        return 0.0
    middling = sorted(relative(backbone, measured.backbone) for backbone in todo.backbones)[len(todo.backbones) // 2]
    return (todo.trials + LAST_TRAINING) * (TRIAL_SECONDS + TRIAL_PASSES * middling * todo.images / measured.plain)
