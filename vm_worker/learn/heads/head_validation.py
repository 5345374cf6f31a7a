"""Validate a network's features: train heads on some of the photos and judge them on photos they have not seen."""

from __future__ import annotations

import math
from dataclasses import replace

from threadpoolctl import threadpool_limits

from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.heads import forms
from vm_worker.learn.heads.contest import Contest
from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.heads.head_result import HeadResult
from vm_worker.learn.heads.linear import ONE_THREAD, Head, HeadSettings


def validate(table: FeatureTable, settings: HeadSettings, seconds: float = math.inf) -> HeadResult:
    """Train on folds, or on the fixed split where that is precise enough, and choose form, strengths and epochs.

    Features of other depths than the last are tried where that probably takes no more than so many seconds.
    Where the balanced accuracy counts, validation also chooses whether the training weighs the classes.
    """
    ways = [replace(settings, weighed=weighed) for weighed in ((False, True) if settings.balanced else (False,))]
    with threadpool_limits(**ONE_THREAD):
        return max(
            (Contest(table, way).result(seconds / len(ways)) for way in ways),
            key=lambda result: (result.score, -result.loss),
        )


def refit(table: FeatureTable, settings: HeadSettings, result: HeadResult) -> Head:
    """Train a head once more in the chosen form, on every row, training and validation.

    It keeps the strength and epochs of the head on the last features alone, for tuning to start from.
    """
    head = fit(table, table.everything, settings, result)
    return replace(table.of_network(head), strength=result.strength, epochs=result.epochs)


def fit(table: FeatureTable, rows: Rows, settings: HeadSettings, result: HeadResult) -> Head:
    """Train a head in the chosen form on these rows of the table; its columns are the table's."""
    return forms.fit(table, rows, replace(settings, weighed=result.weighed), result.parts)


def unseen(table: FeatureTable, settings: HeadSettings, result: HeadResult) -> Floats:
    """Return the logits (m, k) of the validation rows by a head in the chosen form that had not seen them."""
    if result.logits is not None and not result.judged[: table.train].any() and result.judged[table.train :].all():
        return result.logits[table.train :]  # validation was on the fixed split, too
    return by_unseen(table, fit(table, table.everything[: table.train], settings, result))


def by_unseen(table: FeatureTable, head: Head) -> Floats:
    """Return the logits (m, k) of the validation rows by a head that had not seen them; its columns are the table's."""
    return head.logits(table.taken(table.everything[table.train :]))
