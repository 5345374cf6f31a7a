"""What a staged transfer came to: a row for each training, means with intervals, and the saving."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from vm_worker.as_json import AsJson

CONFIDENCE = 0.95


class Arm(StrEnum):
    """The kind of a training."""

    STAGE = "stage"
    CACHED = "cached"  # the last stage once more, with the outputs of its frozen layers computed once
    SCRATCH = "scratch"  # the last stage's photos, from random weights


@dataclass(frozen=True)
class Training(AsJson):
    """One training of one repeat."""

    repeat: int  # from 1
    arm: Arm
    stage: int  # number from 1
    accuracy: float  # on the test photos
    right: int  # of them
    tested: int
    validation_accuracy: float
    epochs: int
    best_epoch: int
    minutes: float  # wall clock of the fit alone
    processor_minutes: float  # of all cores in the same time


@dataclass(frozen=True)
class Mean(AsJson):
    """A mean over the repeats with its 95 % interval by Student's t; no interval where there is one repeat."""

    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Column(AsJson):
    """The means of one kind of training."""

    arm: Arm
    stage: int
    accuracy: Mean
    minutes: Mean
    processor_minutes: Mean
    epochs: Mean


@dataclass(frozen=True)
class Saving(AsJson):
    """How much faster the last stage is than training from scratch, by the wall clock."""

    arm: Arm  # STAGE or CACHED: how the last stage was trained
    last_minutes: float  # of the last stage alone, mean
    scratch_minutes: float
    times_faster: float  # the last stage alone: the ratio of the means
    least: float  # in one repeat
    most: float
    processor_times_faster: float  # the same ratio in seconds of the processor
    earlier_minutes: float  # of all stages before the last
    all_minutes: float  # of all stages
    all_times_faster: float  # all stages for one model; below 1: slower
    pays_from: int | None  # models for which all stages together take less time than from scratch; None: never
    points: Mean  # accuracy of the last stage minus that from scratch, by repeat, in points of percent


@dataclass(frozen=True)
class StageFacts(AsJson):
    """What a stage trains, and on what."""

    name: str
    dataset: str  # name of the file or folder
    sha256: str  # of the zip's bytes, or a digest of the folder's photos
    classes: tuple[str, ...]
    train: int  # photos
    validation: int
    test: int
    ready_made_split: bool
    warnings: tuple[str, ...]  # of the intake
    frozen: tuple[str, ...]  # names of layers
    new_head: bool
    parameters: int
    trained_parameters: int
    epochs: int  # at most
    minutes: float | None  # at most


@dataclass(frozen=True)
class Outcome(AsJson):
    """The whole result of an experiment."""

    modelmail: str  # version
    title: str
    network: str
    size: int  # pixels a side
    seed: int
    batch: int
    rate: float  # of Adam
    patience: int  # epochs
    repeats: int  # that are whole
    planned: int  # repeats
    processor: str
    threads: int
    stages: tuple[StageFacts, ...]
    trainings: tuple[Training, ...]
    columns: tuple[Column, ...]
    savings: tuple[Saving, ...]


def columns(rows: Sequence[Training]) -> tuple[Column, ...]:
    """Return the means of each kind of training, in the order in which they run."""
    found = dict.fromkeys((row.arm, row.stage) for row in rows)
    return tuple(_column([row for row in rows if (row.arm, row.stage) == key]) for key in found)


def savings(rows: Sequence[Training]) -> tuple[Saving, ...]:
    """Return the saving of the last stage, and of the cached one, over whole repeats; none without scratch."""
    if not any(row.arm is Arm.SCRATCH for row in rows):
        return ()
    last = max(row.stage for row in rows)
    arms = [arm for arm in (Arm.STAGE, Arm.CACHED) if any((row.arm, row.stage) == (arm, last) for row in rows)]
    return tuple(_saving(rows, arm, last) for arm in arms)


def mean(values: Sequence[float], least: float = -math.inf, most: float = math.inf) -> Mean:
    """Return the mean and its interval, which ends where the values must: a share lies in 0..1."""
    middle = float(np.mean(values))
    if len(values) < 2:
        return Mean(middle, None, None)
    from scipy.stats import t

    half = float(t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))
    return Mean(middle, max(least, middle - half), min(most, middle + half))


def pays_from(earlier: float, last: float, scratch: float) -> int | None:
    """Return the least number of models k with earlier + k * last < k * scratch, or None where there is none."""
    return math.floor(earlier / (scratch - last)) + 1 if last < scratch else None


def _column(rows: Sequence[Training]) -> Column:
    return Column(
        rows[0].arm,
        rows[0].stage,
        mean([row.accuracy for row in rows], 0, 1),
        mean([row.minutes for row in rows], 0),
        mean([row.processor_minutes for row in rows], 0),
        mean([row.epochs for row in rows], 0),
    )


def _saving(rows: Sequence[Training], arm: Arm, last: int) -> Saving:
    quick = [row for row in rows if (row.arm, row.stage) == (arm, last)]
    slow = [row for row in rows if row.arm is Arm.SCRATCH]
    earlier = [row for row in rows if row.arm is Arm.STAGE and row.stage < last]
    fast, whole = _minutes(quick), _minutes(slow)
    before = sum(row.minutes for row in earlier) / len(slow)
    ratios = [two.minutes / one.minutes for one, two in zip(quick, slow, strict=True)]
    busy = [sum(row.processor_minutes for row in side) for side in (quick, slow)]
    return Saving(
        arm=arm,
        last_minutes=fast,
        scratch_minutes=whole,
        times_faster=whole / fast,
        least=min(ratios),
        most=max(ratios),
        processor_times_faster=busy[1] / busy[0],
        earlier_minutes=before,
        all_minutes=before + fast,
        all_times_faster=whole / (before + fast),
        pays_from=pays_from(before, fast, whole),
        points=mean([100 * (one.accuracy - two.accuracy) for one, two in zip(quick, slow, strict=True)], -100, 100),
    )


def _minutes(rows: Sequence[Training]) -> float:
    return sum(row.minutes for row in rows) / len(rows)
