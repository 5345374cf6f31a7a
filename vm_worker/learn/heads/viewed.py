"""Heads that learn from random views of the photos, too: windows of them, sent through the frozen network.

The photos that judge such heads are not changed. A linear head on frozen features gains from views where photos are few
(docs/figures.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from vm_worker.learn import imbalance, statistics
from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.heads import columns, contest, courses, folds, forms
from vm_worker.learn.heads.courses import Chosen, Fold
from vm_worker.learn.heads.forms import FeatureTable, Part
from vm_worker.learn.heads.head_result import HeadResult
from vm_worker.learn.heads.linear import ONE_THREAD, HeadSettings, softmax

NEAR = 10.0  # strengths are tried within this factor of the one that was best without views

Split = tuple[Rows, Rows]  # rows to learn from, rows to judge


def possible(result: HeadResult) -> bool:
    """Return whether heads of this form can learn from views: those that start from an earlier model's do not."""
    return bool(result.parts) and not any(part.warm for part in result.parts)


def validate(table: FeatureTable, settings: HeadSettings, plain: HeadResult) -> HeadResult:
    """Judge heads that learn from the table's views, too, on the folds and in the form of a validation without views.

    Strengths and epochs are chosen anew. The curve stays that of the heads without views.
    """
    settings = replace(settings, weighed=plain.weighed)
    splits = contest.splits(table, settings.seed)
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
        parts=tuple(map(_part, plain.parts, found)),
        logits=logits,
        views=len(table.views),
    )


def _part(part: Part, found: Chosen) -> Part:
    return replace(part, strength=found.strength, epochs=found.epochs)


def _judged(table: FeatureTable, settings: HeadSettings, part: Part, splits: Sequence[Split]) -> Chosen:
    """Train one part on every fold, and choose strength and epoch by the cross-entropy of all judged rows."""
    near = tuple(one for one in settings.strengths if 1 / NEAR <= one / part.strength <= NEAR)
    settings = replace(settings, strengths=near)

    def course(split: Split) -> Floats:
        return courses.course(courses.prepared(_fold(table, settings, part, split)), settings)

    labels = table.labels[np.concatenate([judged for _, judged in splits])]
    return courses.chosen(folds.at_once(course, splits), labels, settings)


def _fold(table: FeatureTable, settings: HeadSettings, part: Part, split: Split) -> Fold:
    """Return the rows of a fold in the columns of the part: all views to learn from, unchanged photos to judge."""
    (train, judged), chosen = split, None
    if part.fraction is not None:
        chosen = columns.best(table.ranked(train, settings.seed), table.count(part.fraction))
        settings = replace(settings, gain=forms.gain(len(chosen)))
    return (table.learnt(train, chosen), table.examples(judged, chosen)), settings
