"""Heads that learn from random views of the photos, too: windows of them, sent through the frozen network.

The photos that judge such heads are not changed. A linear head on frozen features gains from views where photos are few
(docs/figures.md).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from vm_worker.learn import imbalance, statistics
from vm_worker.learn.heads.contest import Contest
from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.heads.head_result import HeadResult
from vm_worker.learn.heads.linear import ONE_THREAD, HeadSettings, softmax


def possible(result: HeadResult) -> bool:
    """Return whether heads of this form can learn from views: those that start from an earlier model's do not."""
    return bool(result.parts) and not any(part.warm for part in result.parts)


def validate(table: FeatureTable, settings: HeadSettings, plain: HeadResult) -> HeadResult:
    """Judge heads that learn from the table's views, too, on the folds and in the form of a validation without views.

    Strengths and epochs are chosen anew. The curve stays that of the heads without views.
    """
    contest = Contest(table, replace(settings, weighed=plain.weighed))
    with threadpool_limits(**ONE_THREAD):
        found = contest.again(plain.parts)
    logits = contest.placed(np.asarray(np.mean([one.logits for one in found], axis=0), np.float32))
    losses = statistics.cross_entropy(softmax(logits[plain.judged]), table.labels[plain.judged])
    return replace(
        plain,
        right=plain.judged & (logits.argmax(1) == table.labels),
        loss=float(np.average(losses, weights=imbalance.weights(table.labels[plain.judged], settings.balanced))),
        parts=tuple(one.part for one in found),
        logits=logits,
        views=len(table.views),
    )
