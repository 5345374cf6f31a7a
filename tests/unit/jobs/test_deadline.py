"""The one rule of when a job must have ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobs.deadline import past_deadline
from jobs.job import Job
from jobs.limits import Limits
from jobs.storage.store import Stat

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LIMITS = Limits(deadline_hours=24)


def _hours_ago(hours: float | None) -> datetime | None:
    return None if hours is None else NOW - timedelta(hours=hours)


@pytest.mark.parametrize(
    ("record", "dataset", "past"),
    [
        (None, None, False),  # nothing was uploaded: another rule lets it expire
        (None, 23.9, False),
        (None, 24.1, True),  # nobody ever claimed it
        (24.0, None, False),
        (24.1, None, True),
        (1.0, 30.0, False),  # the record knows better than the object
        (30.0, 1.0, True),
    ],
)
def test_the_deadline_counts_from_the_upload(record: float | None, dataset: float | None, past: bool) -> None:
    job = Job("A" * 22, "ada@example.org", "0" * 64, NOW - timedelta(days=9), uploaded_at=_hours_ago(record))
    created = _hours_ago(dataset)
    stat = None if created is None else Stat("a.zip", 1, 1, created)
    assert past_deadline(job, stat, NOW, LIMITS) is past
