"""The stages in which photos are taken in, and a detector is trained by the recipe that suits them."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import replace
from pathlib import Path

from jobs.errors import Bug
from jobs.job import Stage
from jobs.options import Options
from vm_worker.exports import files
from vm_worker.intake.dataset import Dataset, Part
from vm_worker.learn.budget import Budget
from vm_worker.learn.features.activations import OutOfTime
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.networks.weights import WeightFile, find
from vm_worker.results.candidates import CandidateRow, Selected
from vm_worker.results.intake import PartCounts
from vm_worker.stages.context import StageContext
from vm_worker.stages.output import Output, private
from vm_worker.tasks.detection import last_stages
from vm_worker.tasks.detection.delivered import DeliveredSettings, with_one_output
from vm_worker.tasks.detection.engine import engine, network
from vm_worker.tasks.detection.engine.effort import affordable, measured
from vm_worker.tasks.detection.engine.plan import EnginePlan, planned
from vm_worker.tasks.detection.engine.training.search import Searched, SearchRequest, search
from vm_worker.tasks.detection.judge import CountJudge
from vm_worker.tasks.detection.last_stages import LastStages, Speed, ToTest
from vm_worker.tasks.detection.learnt import LEARNT, Learnt
from vm_worker.tasks.detection.truth import BoxTruth

# Networks that a detector can be built on, the preferred ones first.
NETWORKS = ("efficientnet_lite0", "mobilenet_v2", "efficientnet_lite1", "efficientnet_lite2", "mobilenet")
DETECTOR, SETTINGS = "detector.h5", "settings.json"  # private files
PLAN, ENGINE = "plan.json", "engine"  # a scratch file, and a scratch folder
OUTLINES_SHARE = 0.4  # of the time for training, that is kept for a second stage where outlines are labelled
# Where nothing could be trained even without other files than model.h5: so much more time, at most.
OVERTIME_SHARE, OVERTIME_SECONDS = 0.5, 900.0

log = logging.getLogger(__name__)


def intake(context: StageContext) -> Output:
    """Take the photos in; the classes are those of the boxes, and boxes are counted."""
    last_stages.begun(context.clock)
    dataset: Dataset[BoxTruth] = context.inputs.dataset()
    counts = dataset.truth.boxes(dataset.parts)
    taken_in = replace(
        dataset.taken_in(),
        classes=dataset.truth.classes,
        counts={name: PartCounts(**parts) for name, parts in counts.items()},
    )
    return Output(taken_in)


def select(context: StageContext) -> Output:
    """Train a detector on the preferred network that there are weights for, by the plan's own recipe."""
    clock = context.clock
    last_stages.begun(clock)
    dataset, weight = context.inputs.dataset(), weight_of(context)
    photos = engine_photos(dataset)
    plan, speed = _planned(context, photos, weight)
    last = LastStages.of(ToTest.of(dataset, plan), speed, context.spec.options.exports)
    budget, crowd = last.budget(clock), clock.crowd()
    context.quote.make(max(0.0, budget.remaining()), 1 / (crowd * speed.frame))
    began = time.monotonic()
    trained = _trained(photos, plan, context, weight, (budget, last.longest(clock)))
    seconds, row = time.monotonic() - began, CATALOGUE[weight.key]
    candidate = CandidateRow(
        row.key,
        row.title,
        None,
        None,
        None,
        row.parameters,
        round(seconds, 1),
        "chosen",
        "",
        validation_score=trained.detector.validation.count_error,
        metric=CountJudge.metric,
    )
    selected = Selected(
        winner=row.key,
        candidates=(candidate,),
        curve=(),
        note=_note(row.title, context.spec.options),
        plain_images_per_second=round(1 / (crowd * speed.frame), 3),
        quoted_seconds=context.quote.seconds,
        start_seconds=round(speed.start, 1),
        crowding=round(crowd, 2),
    )
    write(context.folder, trained.detector, dataset.truth.classes, DETECTOR, SETTINGS)
    (facts,) = trained.trials
    Learnt(trained.key, facts, plan.recipe.epochs, seconds - facts.seconds).write(context.folder)
    return Output(selected, (private(DETECTOR), private(SETTINGS), private(LEARNT)))


def engine_photos(dataset: Dataset[BoxTruth]) -> engine.Photos:
    """Return the photos as the engine takes them."""
    truth = dataset.truth
    return engine.Photos(
        labels=truth.photos,
        train=dataset.rows(Part.TRAIN),
        validation=dataset.rows(Part.VALIDATION),
        decode=truth.read,
        classes=len(truth.classes),
        sha256=dataset.split_sha256(),
    )


def weight_of(context: StageContext) -> WeightFile:
    """Return the weights of the network that the detector is built on. Raises Bug where there are none."""
    wanted = _wanted(context.spec.options) or NETWORKS
    found, missing = find(wanted, context.spec.weights, context.spec.download_weights)
    for key in wanted:
        if key in found:
            return found[key]
    raise Bug(f"no network for a detector has weights here: {missing}")


def _wanted(options: Options) -> tuple[str, ...]:
    """Return the candidates that were asked for and that a detector can be built on."""
    return tuple(key for key in NETWORKS if key in options.candidates)


def _note(title: str, options: Options) -> str:
    """Return why this network was taken, and which wishes were left out."""
    said = [f"The detector is built on {title}, whose lower part stays as it is."]
    if options.candidates and not _wanted(options):
        said.append("None of the networks that were asked for can carry a detector.")
    for name in ("from_scratch", "design", "architecture"):
        if getattr(options, name):
            said.append(f"The option {name} is for class folders, and was left out.")
    return " ".join(said)


def _planned(context: StageContext, photos: engine.Photos, weight: WeightFile) -> tuple[EnginePlan, Speed]:
    """Measure this machine, and plan the training; return the speed with the input of the plan, too."""
    dataset, clock = context.inputs.dataset(), context.clock
    forward = measured(network.pretrained(weight))
    speed = last_stages.shown_speed(clock, forward, CATALOGUE[weight.key].gflops)
    last = LastStages.of(ToTest.of(dataset, None), speed, context.spec.options.exports)
    plan = plan_of(context, photos, weight, last.budget(clock), forward)
    return plan, speed.of_plan(plan)


def plan_of(
    context: StageContext, photos: engine.Photos, weight: WeightFile, budget: Budget, forward: float | None = None
) -> EnginePlan:
    """Plan by the time and this machine's speed. A run that was killed goes on by its first plan.

    `forward` is the time of a picture of the least input through the network, in seconds; None: it is measured.
    """
    if (known := known_plan(context)) is not None:
        return known
    outlined = any(any(one.boxes.polygons) for one in photos.labels)
    share = 1 - OUTLINES_SHARE if outlined else 1.0
    effort = affordable(share * budget.remaining(), forward or measured(network.pretrained(weight)))
    plan = planned(weight.key, [photos.labels[row] for row in photos.train.tolist()], effort)
    (context.inputs.scratch / PLAN).write_text(json.dumps(plan.to_json()), encoding="utf-8")
    return plan


def known_plan(context: StageContext) -> EnginePlan | None:
    """Return the plan of a training that has begun on this machine; None where there is none, or it is cut short."""
    try:
        return EnginePlan.from_json(json.loads((context.inputs.scratch / PLAN).read_text(encoding="utf-8")))
    except (OSError, ValueError, ExceptionGroup):
        return None


def search_budget(context: StageContext) -> Budget:
    """Return the time for a search, after this stage."""
    last_stages.begun(context.clock)
    to_test = ToTest.of(context.inputs.dataset(), known_plan(context))
    last = LastStages.of(to_test, last_stages.known_speed(context), context.spec.options.exports)
    return last.budget(context.clock)


def _trained(
    photos: engine.Photos, plan: EnginePlan, context: StageContext, weight: WeightFile, budgets: tuple[Budget, ...]
) -> Searched:
    """Train by the first of these budgets that suffices for a step.

    Where none does, take more time than the job has: a late model is better than none.
    """
    alone = SearchRequest("none", trials=1)
    for budget in budgets:
        try:
            return search(photos, plan, _workplace(context, weight, budget), alone)
        except OutOfTime:
            log.warning("the time ended before the training began; it takes longer, for fewer files")
    more = Budget.of(OVERTIME_SECONDS + OVERTIME_SHARE * context.clock.allowed)
    return search(photos, plan, _workplace(context, weight, more), alone)


def _workplace(context: StageContext, weight: WeightFile, budget: Budget) -> engine.Workplace:
    shares = {engine.PREPARING: (0.0, 0.3), engine.TRAINING: (0.3, 0.65), engine.JUDGING: (0.95, 0.05)}
    words = {
        engine.PREPARING: "Looking at the photos with a network that knows everyday pictures",
        engine.TRAINING: "Learning to find your objects",
        engine.JUDGING: "Counting on photos that were kept aside",
    }

    def tell(progress: engine.Progress) -> None:
        start, length = shares[progress.phase]
        epoch = f", round {progress.epoch.number} of {progress.epoch.of}" if progress.epoch else ""
        context.progress.tell(Stage.SELECT, start + length * progress.part, words[progress.phase] + epoch)

    return engine.Workplace(
        context.inputs.scratch / ENGINE, network.pretrained(weight), budget, context.spec.options.seed, tell
    )


def write(folder: Path, trained: engine.TrainedDetector, classes: tuple[str, ...], model: str, settings: str) -> None:
    """Write a detector and its settings into a job's folder, by these names."""
    files.save(with_one_output(trained.model), folder / model)
    known = DeliveredSettings(
        classes, trained.settings, certainty=trained.certainty, counted_by=trained.settings.decoding
    )
    known.write(folder / settings)
