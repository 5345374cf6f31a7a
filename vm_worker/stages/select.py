"""The select stage: train a head for each candidate network, and choose the best network."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.job import Stage
from vm_worker.events import File
from vm_worker.intake.dataset import Part
from vm_worker.learn.networks import catalogue
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.results.candidates import CandidateRow, FromScratch, PairRow, Selected
from vm_worker.results.designs import ContenderRow
from vm_worker.results.earlier import MEAN
from vm_worker.stages.artifacts import (
    BAR,
    CONTENDER_HEAD,
    CONTENDER_WEIGHTS,
    HEAD,
    PARTNER,
    SCRATCH_WEIGHTS,
    UNSEEN,
    UNSEEN_HEAD,
)
from vm_worker.stages.clock import PLAIN_SPEED
from vm_worker.stages.context import StageContext
from vm_worker.stages.learning_progress import listener
from vm_worker.stages.output import Output, private
from vm_worker.stages.trials import committed

if TYPE_CHECKING:
    from vm_worker.learn.select.contenders import Contender
    from vm_worker.learn.select.pairs import Pair
    from vm_worker.learn.select.scratch_candidates import ScratchPolicy
    from vm_worker.learn.select.selection import Selection

# The least seconds of a start: libraries that are loaded here must still be loaded by the process that proves files.
START_LEAST = 3.0
# Of building the network that compares sets of photos, and of a sample of photos through it, at most.
MEAN_SECONDS = 10.0
SUSPECTS_LISTED = 20  # photos, possibly in the wrong folder, that the report lists


def select(context: StageContext, scratch: ScratchPolicy | None = None) -> Output:
    """Try the candidates and choose one. `scratch` is the policy of networks from scratch; None: the usual one."""
    started = time.monotonic()
    from vm_worker.learn.design.designing import Rooms
    from vm_worker.learn.features.shards import spread
    from vm_worker.learn.select.scratch_candidates import POLICY
    from vm_worker.learn.select.selection import SelectionRequest
    from vm_worker.learn.select.selection import select as choose

    inputs, clock = context.inputs, context.clock
    clock.start_seconds = max(START_LEAST, (time.monotonic() - started) / clock.crowd())
    found, missing = inputs.weights()
    folder, fixed = inputs.scratch, clock.fixed_seconds

    def finishing(speed: float, gflops: float) -> float:
        """Return the seconds after tuning; when the machine gets busier the end takes longer than the budget says."""
        return clock.finishing(speed, gflops) + clock.fixed_seconds - fixed

    with spread(context.spec.cluster, folder) as extract:
        request = SelectionRequest(
            inputs.dataset(),
            found,
            replace(inputs.options, architecture=inputs.architecture or None),
            clock.select_budget(),
            folder,
            extract,
            finishing,
            scratch=scratch or POLICY,
            slowness=lambda: clock.slowness,
            least_finishing=clock.least_finishing,
            earlier=inputs.earlier.networks(inputs.dataset(), found),
            rooms=Rooms(committed(context, Stage.SELECT), context.spec.cluster),
        )
        selection = choose(request, listener(context, Stage.SELECT))
    files = (*_written(context, selection), *_contenders(context.folder, selection), *mean_of(context, selection))
    absent = without_weights(missing) if context.spec.options.candidates else []
    return Output(_result(context, selection, absent, clock.start_seconds), files)


def mean_of(context: StageContext, selection: Selection) -> tuple[File, ...]:
    """Write the mean features of what is learnt from, by which a later job may choose this model among several.

    Where selection has none, a sample is sent through the network, if that fits into the time before the last stages.
    """
    import numpy as np

    from vm_worker.learn.networks.weights import find
    from vm_worker.learn.select import mean_features

    if selection.from_scratch is not None:
        return ()  # no later job can continue from it
    mean, row, clock = selection.mean, CATALOGUE[catalogue.COMMON], context.clock
    if mean is None:
        weight = find((row.key,), context.spec.weights, False)[0].get(row.key)
        dataset, speed = context.inputs.dataset(), selection.plain_images_per_second or PLAIN_SPEED
        ending = clock.after_tuning(speed, catalogue.find(selection.winner).gflops)
        late = clock.end - time.monotonic() - ending < MEAN_SECONDS * clock.crowd()
        if weight is None or row.size not in dataset.images or late:
            return ()
        learnt = np.flatnonzero(dataset.parts != Part.TEST)
        mean = mean_features.of_photos(weight, dataset.pixels(row.size), learnt)
    mean.save(context.folder / MEAN)
    return (private(MEAN),)


def without_weights(missing: Mapping[str, str]) -> list[CandidateRow]:
    """Return a row for each candidate that this machine has no weights for.

    `missing` gives the reason by the network's key.
    """
    return [CandidateRow.without_figures(CATALOGUE[key], "no_weights", reason) for key, reason in missing.items()]


def _result(context: StageContext, selection: Selection, absent: list[CandidateRow], start_seconds: float) -> Selected:
    pair, scratch = selection.pair, selection.from_scratch
    return Selected(
        winner=selection.winner,
        candidates=(*selection.candidates, *absent),
        curve=selection.curve,
        note=selection.note,
        images_per_second=selection.images_per_second,
        plain_images_per_second=selection.plain_images_per_second if pair is None else round(pair.plain, 2),
        quoted_seconds=context.quote.seconds,
        start_seconds=round(start_seconds, 1),
        crowding=round(context.clock.crowd(), 2),
        pruning=selection.pruning,
        learning_curve=selection.findings.learning_curve,
        suspects=selection.suspects[:SUSPECTS_LISTED],
        suspects_count=None if selection.findings.suspects is None else len(selection.suspects),
        from_scratch=None if scratch is None else FromScratch(scratch.trained.epochs, scratch.plan),
        pair=None if pair is None else _pair_row(selection, pair),
        continued=selection.continued,
        design=selection.design,
        contenders=tuple(map(_contender_row, selection.contenders)) or None,
        learnt=selection.learnt,
    )


def _pair_row(selection: Selection, pair: Pair) -> PairRow:
    row = catalogue.joined(catalogue.find(selection.winner), catalogue.find(pair.partner))
    figures = pair.figures
    return PairRow(
        partner=pair.partner,
        title=row.title,
        validation_accuracy=round(figures.accuracy, 5),
        validation_score=round(figures.score, 5),
        validation_loss=round(figures.loss, 5),
        validation_interval=figures.interval,
    )


def _written(context: StageContext, selection: Selection) -> tuple[File, ...]:
    """Write the winner's files that later stages read."""
    selection.head.save(context.folder / HEAD)
    selection.findings.save(context.folder / UNSEEN)
    if selection.from_scratch is None:
        start = context.inputs.earlier.taken_over(selection.winner)
        written = (*_bar(context.folder, selection), *_partner(context.folder, selection), *map(private, start))
        return private(HEAD), private(UNSEEN), *written
    selection.from_scratch.weights.replace(context.folder / SCRATCH_WEIGHTS)
    return private(HEAD), private(UNSEEN), private(SCRATCH_WEIGHTS)


def _bar(folder: Path, selection: Selection) -> tuple[File, ...]:
    """Write what tuning has to beat, where it is known, and the head that it may start from."""
    import numpy as np

    if selection.bar is None:
        return ()
    np.save(folder / BAR, selection.bar)
    if selection.unseen is None:
        return (private(BAR),)
    selection.unseen.save(folder / UNSEEN_HEAD)
    return private(BAR), private(UNSEEN_HEAD)


def _contenders(folder: Path, selection: Selection) -> tuple[File, ...]:
    """Write what the best network of a kind needs to answer the test photos, where it is not the winner."""
    found = []
    for one in selection.contenders:
        if one.head is not None:
            one.head.save(folder / CONTENDER_HEAD.format(one.kind))
            found.append(CONTENDER_HEAD.format(one.kind))
        if one.model is not None:
            one.model.weights.replace(folder / CONTENDER_WEIGHTS)
            found.append(CONTENDER_WEIGHTS)
    return tuple(map(private, found))


def _contender_row(one: Contender) -> ContenderRow:
    backbone, plan = one.record.candidate.backbone, None if one.model is None else one.model.plan
    return ContenderRow(one.kind, backbone.key, backbone.title, round(one.record.plain, 2), plan)


def _partner(folder: Path, selection: Selection) -> tuple[File, ...]:
    """Write the other head of a pair, and the pair's probabilities of photos that it had not seen."""
    import numpy as np

    pair = selection.pair
    if pair is None:
        return ()
    pair.head.save(folder / PARTNER)
    np.savez(folder / UNSEEN, probabilities=pair.figures.probabilities, labels=pair.figures.labels)
    return (private(PARTNER),)
