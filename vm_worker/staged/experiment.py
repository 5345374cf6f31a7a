"""Run a plan: every stage of every repeat, and what it is compared with. What is done is never done again.

The folder holds `plan.json`, the photos, a file for each training that has ended, and meanwhile the weights that the
next stage begins with, and the training that runs, as it was after one of its last epochs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from jobs import wording
from jobs.errors import UserError
from jobs.settings import Settings
from vm_worker.learn.networks import weights
from vm_worker.learn.networks.catalogue import OUTPUT
from vm_worker.learn.networks.weights import WeightFile
from vm_worker.learn.staged import training
from vm_worker.learn.staged.alexnet_48 import KEY
from vm_worker.learn.staged.fitting import Rule
from vm_worker.learn.staged.network import UnknownLayer
from vm_worker.learn.staged.training import Outline, Start, Work
from vm_worker.staged.fields import PlanError, meant
from vm_worker.staged.kept import Kept
from vm_worker.staged.photos import StagePhotos, UnreadableError, Wanted, opened
from vm_worker.staged.plan import ALL, Plan, Stage
from vm_worker.staged.results import Arm, Training

LISTED = 3  # classes that a message names


class Listener(Protocol):
    """Hears how far an experiment is."""

    def photos(self, stage: Stage, fraction: float, message: str) -> None:
        """Hear that the photos of a stage are being read, 0..1."""

    def begun(self, step: Step, number: int, steps: int) -> None:
        """Hear that a training begins, the how-manieth of how many."""

    def epoch(self, epoch: int, most: int, accuracy: float) -> None:
        """Hear that an epoch of it has ended, and its accuracy on the validation photos."""

    def ended(self, step: Step, row: Training) -> None:
        """Hear what a training came to; also of one that had ended in an earlier run."""


@dataclass(frozen=True)
class Step:
    """One training of the plan."""

    repeat: int  # from 1
    arm: Arm
    stage: int  # from 1

    @property
    def name(self) -> str:
        """A name that no other step of the plan has."""
        return f"{self.repeat:03}-{self.arm}-{self.stage}"


@dataclass(frozen=True, eq=False)
class Prepared:
    """A plan whose layers exist, with its photos."""

    plan: Plan
    outlines: tuple[Outline, ...]  # one for each stage
    photos: tuple[StagePhotos, ...]
    pretrained: WeightFile | None


def checked(plan: Plan, file: Path, settings: Settings) -> tuple[tuple[Outline, ...], WeightFile | None]:
    """Say what each stage would train, and find the pretrained weights. Raises PlanError."""
    pretrained = None if plan.network == KEY else _pretrained(plan, file, settings)
    return tuple(_outline(plan, number, stage, file) for number, stage in enumerate(plan.stages, start=1)), pretrained


def prepared(plan: Plan, file: Path, folder: Path, settings: Settings, listener: Listener) -> Prepared:
    """Check the plan and take in its photos. Raises PlanError, UserError, DecoderFault and OSError.

    Nothing is read, and the folder is left as it is, where it holds anything but results of this plan.
    """
    outlines, pretrained = checked(plan, file, settings)
    Kept(folder).begin(plan)
    photos: list[StagePhotos] = []
    for number, stage in enumerate(plan.stages, start=1):
        wanted = Wanted(stage.dataset, folder / "photos" / str(number), plan.size, plan.seed, settings.limits)
        try:
            photos.append(opened(wanted, partial(listener.photos, stage)))
        except UserError as error:
            raise UserError(error.code, f"{file}: stage {number}: dataset: {stage.dataset}: {error}") from error
        except UnreadableError as error:
            raise PlanError(f"{file}: stage {number}: dataset: {error}") from error
        if number > 1 and not stage.new_head:
            _same_classes(plan, number, photos, file)
    return Prepared(plan, outlines, tuple(photos), pretrained)


def run(
    ready: Prepared, folder: Path, listener: Listener, repeated: Callable[[Sequence[Training]], object]
) -> tuple[Training, ...]:
    """Run what is not done yet; return the rows of all repeats. Raises PlanError where the folder is another plan's.

    `repeated` hears the rows of all whole repeats each time that one more is whole, but for the last.
    """
    kept = Kept(folder)
    kept.claim(ready.plan, [one.facts.sha256 for one in ready.photos])
    steps = list(planned(ready))
    rows: list[Training] = []
    fresh = False  # whether anything of this repeat was trained now
    for number, step in enumerate(steps, start=1):
        listener.begun(step, number, len(steps))
        row = done(steps, step, kept)
        fresh = fresh or row is None
        rows.append(row or _trained(ready, step, kept, listener))
        listener.ended(step, rows[-1])
        if number == len(steps) or steps[number].repeat > step.repeat:
            kept.forget_weights(step.repeat)
            if fresh and number < len(steps):
                repeated(rows)
            fresh = False
    return tuple(rows)


def planned(ready: Prepared) -> Iterator[Step]:
    """Yield all trainings in their order: those that are compared lie side by side in time."""
    last = len(ready.plan.stages)
    for repeat in range(1, ready.plan.repeats + 1):
        for stage in range(1, last + 1):
            yield Step(repeat, Arm.STAGE, stage)
        if ready.outlines[-1].cacheable:
            yield Step(repeat, Arm.CACHED, last)
        if ready.plan.scratch:
            yield Step(repeat, Arm.SCRATCH, last)


def done(steps: Sequence[Step], step: Step, kept: Kept) -> Training | None:
    """Return what a training came to, or None where it has to run: a later one of its repeat may need its weights."""
    missing = any(kept.row(one.name) is None for one in steps if one.repeat == step.repeat)
    lost = missing and step.arm is Arm.STAGE and not kept.has_weights(step.repeat, step.stage)
    return None if lost else kept.row(step.name)


def _trained(ready: Prepared, step: Step, kept: Kept, listener: Listener) -> Training:
    plan, stage, photos = ready.plan, ready.plan.stages[step.stage - 1], ready.photos[step.stage - 1]
    rule = Rule(plan.training.batch, plan.training.rate, plan.training.patience, stage.epochs, stage.minutes)
    work = Work(
        _start(ready, step, kept),
        len(photos.facts.classes),
        photos.parts,
        rule,
        _seed(plan, step),
        step.arm is Arm.CACHED,
    )
    saved = kept.weights(step.repeat, step.stage) if step.arm is Arm.STAGE else None
    came = training.train(
        work, kept.scratch(step.name), saved, lambda epoch, right: listener.epoch(epoch, stage.epochs, right)
    )
    row = Training(
        repeat=step.repeat,
        arm=step.arm,
        stage=step.stage,
        accuracy=came.right / came.tested,
        right=came.right,
        tested=came.tested,
        validation_accuracy=came.fitted.validation_accuracy,
        epochs=came.fitted.epochs,
        best_epoch=came.fitted.best_epoch,
        minutes=came.fitted.seconds / 60,
        processor_minutes=came.fitted.processor_seconds / 60,
    )
    kept.keep(step.name, row)
    return row


def _start(ready: Prepared, step: Step, kept: Kept) -> Start:
    plan, stage = ready.plan, ready.plan.stages[step.stage - 1]
    if step.arm is Arm.SCRATCH:
        return Start(plan.network, plan.size)
    first = step.stage == 1
    return Start(
        key=plan.network,
        size=plan.size,
        pretrained=ready.pretrained if first else None,
        before=None if first else kept.weights(step.repeat, step.stage - 1),
        new_head=stage.new_head,
        frozen=stage.frozen,
        frozen_to=stage.frozen_to,
    )


def _seed(plan: Plan, step: Step) -> int:
    """Return the seed of a training. The cached last stage has that of the plain one, so both learn alike."""
    arm = Arm.SCRATCH if step.arm is Arm.SCRATCH else Arm.STAGE
    return int(hashlib.sha256(f"{plan.seed} {step.repeat} {arm} {step.stage}".encode()).hexdigest()[:8], 16) >> 1


def _pretrained(plan: Plan, file: Path, settings: Settings) -> WeightFile:
    found, missing = weights.find([plan.network], settings.weights, settings.download_weights)
    if missing:
        raise PlanError(
            f"{file}: network: {plan.network} cannot be used: {missing[plan.network]}. "
            "Take another network, or see “Settings” in docs/limits.md for MODELMAIL_WEIGHTS."
        )
    return found[plan.network]


def _outline(plan: Plan, number: int, stage: Stage, file: Path) -> Outline:
    try:
        return training.outline(Start(plan.network, plan.size, frozen=stage.frozen, frozen_to=stage.frozen_to))
    except UnknownLayer as error:
        place = f"{file}: stage {number}: frozen"
        if isinstance(error.given, int):
            raise PlanError(
                f"{place}: {plan.network} has no layer {error.given}. Its layers below the head are numbered "
                f"1 to {len(error.known)}; `modelmail staged {file} --check` lists them."
            ) from error
        if error.given == OUTPUT:
            raise PlanError(f"{place}: {OUTPUT} is the head, which always learns. Leave it out.") from error
        if error.given == ALL:
            raise PlanError(f'{place}: write frozen = "{ALL}", without brackets.') from error
        names, given = [one.name for one in error.known], wording.name(error.given)
        raise PlanError(f"{place}: {plan.network} has no layer {given}.{meant(given, names)}") from error
    except ValueError as error:
        raise PlanError(
            f"{file}: size: {plan.network} cannot be built for {plan.size} pixels. Write more, or leave the key out."
        ) from error


def _same_classes(plan: Plan, number: int, photos: Sequence[StagePhotos], file: Path) -> None:
    before, here = (one.facts.classes for one in photos[-2:])
    if here != before:
        raise PlanError(
            f"{file}: stage {number}: new_head: the head of stage {number - 1} tells {len(before)} classes, "
            f"{_listed(before)}; {plan.stages[number - 1].dataset.name} has {len(here)}, {_listed(here)}. "
            "Write new_head = true, or leave the key out."
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(wording.name(one, 24) for one in names[:LISTED])
    return f"{shown} and {len(names) - LISTED} more" if len(names) > LISTED else shown
