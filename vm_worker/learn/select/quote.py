"""The quote: an estimate of how long selection and tuning will take, from the speed of one network on a few photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vm_worker.learn.networks.catalogue import Backbone

MEMORY_COST = 0.3  # 1e9 multiply-adds: the cost of a pass's memory traffic, besides its multiply-adds
HEAD_SECONDS = 1e-7  # of a head: an image, a feature, a class (measured: 0.8 s for 1,300 x 1,280 x 6)
HEADS_LEAST = 2.5  # seconds of a candidate's heads (measured: 1.6 to 2.2 s of 600 and 1,600 photos in 6 classes)
TRIAL_PASSES = 9.0  # forward passes over the photos: the cost of a trial of about 12 epochs, cut in the middle
TRIAL_SECONDS = 10.0  # of a trial, for any number of photos: graphs, files, a process
LAST_TRAINING = 3  # trials: the time of the last training, by the best trial's recipe (rungs.FINAL_TIMES)
TRIALS = 8  # after which a search usually ends, because it has found nothing better for long enough


@dataclass(frozen=True)
class QuotedWork:
    """The work that a job asks for."""

    backbones: Sequence[Backbone]
    images: int  # of training and validation
    classes: int
    trials: int  # at most; 0 = no tuning


@dataclass(frozen=True)
class MeasuredSpeed:
    """The speed of one network on a few photos."""

    backbone: Backbone
    speed: float  # images a second, by the engine that extracts features
    plain: float  # images a second by Keras, which training uses
    setup: float  # seconds until the engine was ready


def expected_trials(search: str, most: int | None) -> int:
    """Return how many trials to expect of this kind of search, with at most `most` trials; None: no limit."""
    if search == "none":
        return 1 if most is None else min(1, most)
    return TRIALS if most is None else min(TRIALS, most)


def seconds(work: QuotedWork, measured: MeasuredSpeed) -> float:
    """Estimate the seconds from now to the end of tuning, for all networks from the measured one by multiply-adds."""
    return sum(_candidate(work, measured, backbone) for backbone in work.backbones) + _tuning(work, measured)


def relative_cost(backbone: Backbone, measured: Backbone) -> float:
    """Return how many times longer than the measured network this one takes for an image."""
    return (backbone.gflops + MEMORY_COST) / (measured.gflops + MEMORY_COST)


def _candidate(work: QuotedWork, measured: MeasuredSpeed, backbone: Backbone) -> float:
    """Estimate the seconds of one candidate; the setup of the measured one is over."""
    heads = max(HEADS_LEAST, HEAD_SECONDS * work.images * backbone.features * work.classes)
    passing = work.images / measured.speed * relative_cost(backbone, measured.backbone)
    return passing + heads + (0.0 if backbone is measured.backbone else measured.setup)


def _tuning(work: QuotedWork, measured: MeasuredSpeed) -> float:
    """Estimate the seconds of tuning and of the last training, for a winner of the median cost: it is not known yet."""
    if work.trials == 0:
        return 0.0
    costs = sorted(relative_cost(backbone, measured.backbone) for backbone in work.backbones)
    middling = costs[len(work.backbones) // 2]
    return (work.trials + LAST_TRAINING) * (TRIAL_SECONDS + TRIAL_PASSES * middling * work.images / measured.plain)
