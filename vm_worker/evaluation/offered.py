"""What the report says of several earlier models that a job could continue from: which was chosen, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jobs import wording
from jobs.json_values import JsonObject
from vm_worker.results.candidates import ContinuedRow
from vm_worker.results.earlier import COMPARED, NOT_COMPARED, NOTHING_TO_GIVE, OfferedRow

STATES: Mapping[str, str] = {
    COMPARED: "compared",
    NOT_COMPARED: "it keeps nothing to compare its photos by",
    NOTHING_TO_GIVE: "its network is ImageNet's own or not here, and its head for other classes",
    "deleted": "it was deleted before this job could learn from it",
    "damaged": "its files are not as they were stored",
}


def sentences(rows: Sequence[OfferedRow]) -> list[str]:
    """Say which model was chosen and why, and what kept others out; nothing where none could be used."""
    chosen = next((row for row in rows if row.chosen), None)
    if chosen is None:
        return []
    left = [row for row in rows if row.state not in (COMPARED, chosen.state)]
    reasons = "".join(f" Of {row.job}: {STATES[row.state]}." for row in left)
    others, them = ("other was", "it") if len(rows) == 2 else ("others were", "they")
    untried = f"The {others} not tried, so that what {them} would have given is not known."
    return [f"{_why(rows, chosen)} {untried}{reasons}"]


def none_left(rows: Sequence[OfferedRow]) -> str:
    """Say why none of the models could be used; empty where one was chosen, or where there was none to choose from."""
    if not rows or any(row.chosen for row in rows):
        return ""
    reasons = "; ".join(f"{row.job}: {STATES[row.state]}" for row in rows)
    return f"None of your {len(rows)} earlier models could be used ({reasons})"


def table(rows: Sequence[OfferedRow], found: ContinuedRow | None) -> list[JsonObject]:
    """Return the rows of report.json, the first of the ranking first: what was predicted, and what it came to.

    `found` has the figures of the chosen model's network; None: it was not judged.
    """
    return [
        {
            **row.to_json(),
            "words": STATES[row.state],
            "actual": found.score if row.chosen and found else None,
            "actual_interval": found.interval if row.chosen and found else None,
        }
        for row in sorted(rows, key=lambda row: row.rank)
    ]


def _why(rows: Sequence[OfferedRow], chosen: OfferedRow) -> str:
    """Say by what the model was chosen."""
    one = f"the one of {wording.day(chosen.day)} ({chosen.job})"
    of_all = f"Of your {len(rows)} earlier models"
    if chosen.similarity is None or chosen.photos is None:
        usable = sum(row.state in (COMPARED, NOT_COMPARED) for row in rows)
        why = "is the only one that could be used" if usable < 2 else "comes first, as their photos cannot be compared"
        return f"{of_all} {one} {why}, so this job tried to continue from it."
    alike = f"its {wording.plural(chosen.photos, 'photo')} and these are {wording.percent(chosen.similarity)} alike"
    return f"{of_all} {one} {_looks(rows, chosen)}: {alike}, so this job tried to continue from it."


def _looks(rows: Sequence[OfferedRow], chosen: OfferedRow) -> str:
    """Say what the model has more of than the others: likeness, or photos that it learnt from."""
    alike = [row for row in rows if (row.similarity or 0.0) > (chosen.similarity or 0.0)]
    if not alike:
        return "looks most like these photos"
    if any(row.state == chosen.state for row in alike):
        return "promises most, as it learnt from far more"
    return "looks most like these photos among those that can be of use"
