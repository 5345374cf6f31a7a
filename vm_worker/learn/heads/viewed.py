"""Heads that learn from random views of the photos, too: windows of them, sent through the frozen network.

The photos that judge such heads are not changed. A linear head on frozen features gains from views where photos are few
(docs/figures.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from vm_worker.learn import imbalance, statistics
from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.heads import columns, folds, forms, head_validation
from vm_worker.learn.heads.forms import FeatureTable, Part
from vm_worker.learn.heads.head_validation import HeadResult
from vm_worker.learn.heads.linear import ONE_THREAD, Bank, HeadSettings, softmax

NEAR = 10.0  # strengths are tried within this factor of the one that was best without views

Split = tuple[Rows, Rows]  # rows to learn from, rows to judge


@dataclass(frozen=True)
class _Judged:
    """One part of a head with its best strength and epoch, and its logits of the judged rows, (m, k)."""

    part: Part
    logits: Floats


def possible(result: HeadResult) -> bool:
    """Return whether heads of this form can learn from views: those that start from an earlier model's do not."""
    return bool(result.parts) and not any(part.warm for part in result.parts)


def validate(table: FeatureTable, settings: HeadSettings, plain: HeadResult) -> HeadResult:
    """Judge heads that learn from the table's views, too, on the folds and in the form of a validation without views.

    Strengths and epochs are chosen anew. The curve stays that of the heads without views.
    """
    settings = replace(settings, weighed=plain.weighed)
    splits = head_validation.splits(table, settings.seed)
    with threadpool_limits(**ONE_THREAD):
        found = [_judged(table, settings, part, splits) for part in plain.parts]
    rows = np.concatenate([judged for _, judged in splits])
    logits = np.zeros((len(table.labels), settings.classes), np.float32)
    logits[rows] = np.mean([one.logits for one in found], axis=0)
    losses = statistics.cross_entropy(softmax(logits[rows]), table.labels[rows])
    return replace(
        plain,
        right=plain.judged & (logits.argmax(1) == table.labels),
        loss=float(np.average(losses, weights=imbalance.weights(table.labels[rows], settings.balanced))),
        parts=tuple(one.part for one in found),
        logits=logits,
        views=len(table.views),
    )


def _judged(table: FeatureTable, settings: HeadSettings, part: Part, splits: Sequence[Split]) -> _Judged:
    """Train one part on every fold, and choose strength and epoch by the cross-entropy of all judged rows."""
    near = tuple(one for one in settings.strengths if 1 / NEAR <= one / part.strength <= NEAR)
    settings = replace(settings, strengths=near)
    courses = folds.at_once(lambda split: _course(table, settings, part, split), splits)
    logits = np.concatenate(courses, axis=1)  # (epochs, m, strengths, k)
    labels = table.labels[np.concatenate([judged for _, judged in splits])]
    counts = imbalance.weights(labels, settings.balanced)
    losses = [np.average(statistics.cross_entropy(softmax(one), labels), axis=0, weights=counts) for one in logits]
    epoch, strength = head_validation.lowest(np.stack(losses))
    return _Judged(replace(part, strength=near[strength], epochs=epoch + 1), logits[epoch, :, strength])


def _course(table: FeatureTable, settings: HeadSettings, part: Part, split: Split) -> Floats:
    """Train one part on a fold; return the logits of its judged rows after every epoch: (epochs, m, strengths, k)."""
    train, judged = split
    chosen = None
    if part.fraction is not None:
        chosen = columns.best(table.ranked(train, settings.seed), table.count(part.fraction))
        settings = replace(settings, gain=forms.gain(len(chosen)))
    bank = Bank(table.learnt(train, chosen), settings)
    prepared = bank.prepared(table.examples(judged, chosen).features)
    logits = np.empty((settings.epochs, len(judged), len(settings.strengths), settings.classes), np.float32)
    for epoch in range(settings.epochs):
        bank.epoch()
        logits[epoch] = bank.logits(prepared)
    return logits
