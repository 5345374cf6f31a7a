"""The last step of a selection: what was selected learns from random views of the photos, too, where time is left.

Candidates are compared without views, so that one that comes late is not worse for having none. Views cost nothing once
a head has learnt: the file has the same layers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from vm_worker.learn.budget import Budget
from vm_worker.learn.heads import folds, viewed
from vm_worker.learn.heads.head_result import HeadResult
from vm_worker.learn.heads.linear import HeadSettings
from vm_worker.learn.select.candidate_features import CandidateFeatures
from vm_worker.learn.select.selection_table import CandidateRecord
from vm_worker.learn.select.time_shares import for_views
from vm_worker.results.candidates import CandidateRow

log = logging.getLogger(__name__)


def takes(record: CandidateRecord) -> bool:
    """Return whether heads of this candidate learn from views; where photos are many, the time goes to tuning."""
    candidate = record.candidate
    return len(candidate.result.labels) < folds.ENOUGH and not candidate.partial and viewed.possible(candidate.result)


def count(records: Sequence[CandidateRecord], most: int, seconds: float) -> int:
    """Return how many views of each photo, at most `most`, these candidates can learn from in so many seconds."""
    passes = sum(len(one.rows) / max(one.candidate.images_per_second, 1e-6) for one in records)
    heads = sum(one.heads_seconds for one in records)
    return next((views for views in range(most, 0, -1) if for_views(passes, heads, views) <= seconds), 0)


def with_views(
    record: CandidateRecord, features: CandidateFeatures, settings: HeadSettings, views: int, budget: Budget
) -> CandidateRecord:
    """Return the record of a candidate whose heads have learnt from views, where the cross-entropy says it is better.

    Views that do not end within the budget are left out.
    """
    candidate, started, before = record.candidate, time.monotonic(), features.seconds
    table = features.viewed(views, budget)
    passed = time.monotonic()
    if not table.views:
        return record
    result = viewed.validate(table, settings, candidate.result)
    ended = time.monotonic()
    took = f"{len(table.views)} views {passed - started:.1f}, heads {ended - passed:.1f} s"
    losses = f"cross-entropy {candidate.result.loss:.4f}, with them {result.loss:.4f}"
    log.info("%s: %s, %s", candidate.backbone.key, took, losses)
    if result.loss >= candidate.result.loss:
        return record
    seconds = candidate.seconds + features.seconds - before + ended - passed
    return replace(record, candidate=replace(candidate, features=table, result=result, seconds=seconds))


def told(row: CandidateRow, results: Mapping[str, HeadResult]) -> CandidateRow:
    """Return the row with the figures of the candidate's heads that have learnt from views, if there are such."""
    result = results.get(row.name)
    if result is None or not result.views:
        return row
    low, high = result.interval
    views = "a random view" if result.views == 1 else f"{result.views} random views"
    note = f"learnt from {views} of each photo, too, before which its cross-entropy was {row.validation_loss:.3f}"
    return replace(
        row,
        validation_accuracy=round(result.accuracy, 5),
        validation_interval=(round(low, 5), round(high, 5)),
        validation_loss=round(result.loss, 5),
        validation_score=round(result.score, 5),
        note="; ".join(filter(None, (row.note, note))),
    )
