"""What the report says where the time did not suffice to learn from all photos."""

from __future__ import annotations

from jobs import wording
from vm_worker.report_facts import Facts

BUSY = 1.5  # times as long as alone; below it is no reason


def time_notes(facts: Facts) -> list[str]:
    """Return a sentence where the model has learnt from some of the photos alone; else none."""
    learnt, crowding = facts.select.learnt, facts.select.crowding or 1.0
    if learnt is None:
        return []
    photos = sum(one.train + one.validation for one in facts.dataset.counts.values())
    why = (
        f", as other programs ran on the machine, beside which work took {crowding:.1f} times as long"
        if crowding >= BUSY
        else ""
    )
    return [
        f"The {wording.plural(facts.job.options.minutes, 'minute')} sufficed to learn from {wording.count(learnt)} of "
        f"{wording.count(photos)} photos{why}. With more minutes it learns from all, and is usually right more often."
    ]
