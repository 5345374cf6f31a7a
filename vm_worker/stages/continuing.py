"""What the evaluate stage keeps, so that a later job can continue from the model; and a comparison of both models."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

from jobs.errors import Bug
from vm_worker.intake.arrays import Flags
from vm_worker.intake.dataset import Part
from vm_worker.intake.earlier.seen import UNKNOWN, SeenPhotos, Side
from vm_worker.intake.earlier.use import Use
from vm_worker.learn import statistics
from vm_worker.learn.networks import assemble, catalogue
from vm_worker.learn.networks.weights import EARLIER
from vm_worker.results.earlier import BASE_HEAD, BASE_PARTNER, BASE_WEIGHTS, SEEN, EarlierModel, Version
from vm_worker.results.evaluated import SameTests
from vm_worker.stages.artifacts import HEAD, PARTNER
from vm_worker.stages.context import StageContext


def write(context: StageContext, model: Any, right: Flags) -> EarlierModel | None:
    """Write heads, weights and digests for later jobs; return what their manifest says.

    `right` (m,) tells which test photos the delivered model answered rightly. A network that was trained from scratch
    cannot be continued from: None. Of a mean with a tuned network, what was selected is kept: that alone is a network
    with a head.
    """
    inputs, folder = context.inputs, context.folder
    if inputs.from_scratch:
        return None
    partner, found = inputs.partner, context.results.tuned
    tuned = found.better and found.share is None
    if tuned:
        assemble.head_of(model).save(folder / BASE_HEAD)
    else:
        shutil.copyfile(folder / HEAD, folder / BASE_HEAD)
    if partner is not None:
        shutil.copyfile(folder / PARTNER, folder / BASE_PARTNER)
    own = tuned or inputs.weight().kind == EARLIER
    if own:
        assemble.save_network(model, folder / BASE_WEIGHTS)
    _seen(context, right).save(folder / SEEN)
    dataset = inputs.dataset()
    return EarlierModel(
        task=inputs.task.name,
        network=catalogue.plain(inputs.winner.key),
        side=inputs.winner.size,
        tuned=own,
        classes=dataset.truth.classes,
        versions=(Version(context.spec.job, context.spec.started_at[:10]), *_ancestors(context)),
        partner=None if partner is None else catalogue.plain(partner.key),
        partner_side=None if partner is None else partner.size,
    )


def same_tests(context: StageContext, right: Flags) -> SameTests | None:
    """Compare both models on the test photos (m,) of both, of which `right` (m,) were answered rightly now."""
    dataset, before = context.inputs.dataset(), context.inputs.earlier.seen(fetch=False)
    if dataset.earlier is None or before is None:
        return None
    rows = dataset.rows(Part.TEST)
    places = dataset.earlier.places[rows]
    known = (places >= 0) & (dataset.earlier.sides[rows] == Side.TESTED)
    answers = before.right[places[known]]
    counted = answers != UNKNOWN  # an ancestor's test photos say nothing of the earlier model
    if not counted.any():
        return None
    then, now = answers[counted] == 1, right[known][counted]
    return SameTests(int(counted.sum()), int(then.sum()), int(now.sum()), statistics.mcnemar(then, now))


def _seen(context: StageContext, right: Flags) -> SeenPhotos:
    """Return the digests of this job's photos, and of those that an earlier model brings with its weights."""
    dataset, before = context.inputs.dataset(), context.inputs.earlier.seen(fetch=False)
    if dataset.seen is None:
        raise Bug("intake made no digests of the photos")
    answers = dataset.seen.right.copy()
    answers[dataset.rows(Part.TEST)] = right
    own = replace(dataset.seen, right=answers)
    continues = dataset.earlier is not None and dataset.earlier.use is Use.CONTINUES
    return own.joined(before) if before is not None and continues else own


def _ancestors(context: StageContext) -> tuple[Version, ...]:
    """Return the models that this one continues from; none where its network is the catalogue's own."""
    started = context.inputs.winner.key.startswith(catalogue.BASE)
    return context.results.taken_in.versions or () if started else ()
