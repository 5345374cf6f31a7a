"""What the report says where the time did not suffice to learn from all photos."""

from __future__ import annotations

from jobs import wording
from vm_worker.report_facts import Facts

BUSY = 1.5  # times as long as alone; below it is no reason


def time_notes(facts: Facts) -> list[str]:
    """Return a sentence where the model has learnt from some of the photos alone; else none."""
    learnt, crowding = facts.select.learnt, busy(facts)
    if learnt is None:
        return []
    photos = sum(one.train + one.validation for one in facts.dataset.counts.values())
    why = "" if crowding is None else f", as beside other programs work took {crowding:.1f} times as long"
    return [
        f"The {wording.plural(facts.job.options.minutes, 'minute')} sufficed to learn from {wording.count(learnt)} of "
        f"{wording.count(photos)} photos{why}. With more minutes it learns from all, and is usually right more often."
    ]


def busy(facts: Facts) -> float | None:
    """Return how many times as long as alone work took, beside other programs; None: they made no difference."""
    crowding = facts.select.crowding
    return crowding if crowding and crowding >= BUSY else None
