"""What the report says where the time did not suffice to learn from all photos, or was exceeded."""

from __future__ import annotations

from jobs import wording
from vm_worker.report_facts import Facts

BUSY = 1.5  # times as long as alone; below it is no reason
LATE = 1.05  # times the minutes, from which on a reader is told


def time_notes(facts: Facts) -> list[str]:
    """Return a sentence where the job took too long, and one where the model has learnt from some photos alone."""
    return [*_late(facts), *_some(facts)]


def _late(facts: Facts) -> list[str]:
    took, minutes = sum(facts.seconds.values()), facts.job.options.minutes
    if took <= LATE * 60 * minutes:
        return []
    return [
        f"The job took {wording.seconds(took)}, and not the {wording.plural(minutes, 'minute')} that it was given"
        f"{_beside(facts)}. What there was no time for was left out: with more minutes the model may be better."
    ]


def _some(facts: Facts) -> list[str]:
    learnt = facts.select.learnt
    if learnt is None:
        return []
    photos = sum(one.train + one.validation for one in facts.dataset.counts.values())
    return [
        f"The {wording.plural(facts.job.options.minutes, 'minute')} sufficed to learn from {wording.count(learnt)} of "
        f"{wording.count(photos)} photos{_beside(facts)}. With more minutes it learns from all, and is usually right "
        "more often."
    ]


def _beside(facts: Facts) -> str:
    crowding = busy(facts)
    return "" if crowding is None else f", as beside other programs work took {crowding:.1f} times as long"


def busy(facts: Facts) -> float | None:
    """Return how many times as long as alone work took, beside other programs; None: they made no difference."""
    crowding = facts.select.crowding
    return crowding if crowding and crowding >= BUSY else None
