"""What the report says of the earlier model that a job was to continue from: used or not, why, and what it brought."""

from __future__ import annotations

import math

from jobs import wording
from jobs.json_values import JsonObject
from vm_worker.evaluation import offered
from vm_worker.learn.networks.catalogue import BASE
from vm_worker.report_facts import Facts
from vm_worker.results.candidates import CandidateRow, Continued, ContinuedRow
from vm_worker.results.earlier import Version
from vm_worker.results.evaluated import Evaluated, SameTests
from vm_worker.results.intake import EarlierCounts

CHANCE = 0.05  # a difference with a larger p may be chance
LEAST_SHOWN = 0.001  # smaller ones are shown as below this
WAYS = {
    "earlier": "continued from your earlier model",
    "untouched": "your earlier model, untouched",
    "imagenet": "started from ImageNet",
    "scratch": "started from nothing",
}
LOST = {
    "deleted": "The earlier model was deleted before this job could learn from it",
    "damaged": "The files of the earlier model are not as they were stored",
}
AGAIN = 1.5  # times the seconds of the earlier model's network, for the same one from ImageNet
MEANWHILE = "The earlier job was deleted while this model was made; what was learnt from it stays in this one."
ALONE = "The photos that its job kept could not be added; only those that were sent now were learnt from."


def told(facts: Facts) -> JsonObject:
    """Return the part of report.json about the earlier model; nothing where the job was to continue from none."""
    if not facts.job.options.base:
        return {}
    continued, same = facts.select.continued, _same_tests(facts)
    rows = [] if continued is None else [_row(one) for one in continued.rows]
    several = facts.dataset.offered or ()
    return {
        "earlier": {
            "used": _used(facts),
            "sentences": [
                *offered.sentences(several),
                *_verdict(facts),
                *([] if same is None else [_brought(facts, same)]),
            ],
            "offered": offered.table(several, _rows(facts).get("earlier")),
            "photos": 0 if continued is None else continued.photos,
            "metric": "accuracy" if continued is None else continued.metric,
            "p": None if continued is None else continued.p,
            "rows": rows,
            "same_tests": None if same is None else same.to_json(),
        },
        "chain": [version.to_json() for version in _chain(facts)],
    }


def cautions(facts: Facts) -> list[str]:
    """Return for the top of the report that the earlier model was not used, or photos not kept, and why."""
    kept = facts.job.options.keep_photos and not can_continue(facts)
    said = ["Your photos were not kept: no later job can continue from a model of this kind."] if kept else []
    doubtful = facts.job.options.base and not (_used(facts) and "imagenet" in _rows(facts))
    return [*(_verdict(facts) if doubtful else []), *said]


def can_continue(facts: Facts) -> bool:
    """Return whether a later job can continue from the model; only then its photos are kept, where asked for."""
    return bool(_chain(facts))


def _used(facts: Facts) -> bool:
    return facts.select.continued is not None and facts.select.continued.helped


def _verdict(facts: Facts) -> list[str]:
    """Return whether the model continues from the earlier one, and why not."""
    if none := offered.none_left(facts.dataset.offered or ()):
        return [f"{none}, so this model starts {_start(facts)}."]
    if facts.lost_base and facts.select.continued is None:
        alone = facts.job.options.add and facts.dataset.earlier is None
        return [f"{LOST[facts.lost_base]}, so this model starts {_start(facts)}.", *([ALONE] if alone else [])]
    counts, continued = facts.dataset.earlier, facts.select.continued
    if counts is not None and counts.use != "continues":
        return [_too_few(facts, counts)]
    if continued is None:
        left = next((row.note for row in facts.select.candidates if row.name.startswith(BASE)), "")
        why = left or "its network is ImageNet's own and its head for other classes, or that network is not here"
        return [f"Nothing of your earlier model could be used here: {why}. So this model starts {_start(facts)}."]
    meanwhile = facts.lost_base == "deleted" and continued.helped
    return [_compared(facts, continued), *([MEANWHILE] if meanwhile else [])]


def _start(facts: Facts) -> str:
    """Return what a model that does not continue begins with."""
    return "from ImageNet" if facts.select.from_scratch is None else "from nothing"


def _too_few(facts: Facts, counts: EarlierCounts) -> str:
    kept = ", and its test photos are test photos again" if counts.use == "same_test" else ""
    return (
        "This model does not continue from your earlier one, which has learnt from "
        f"{wording.plural(counts.learnt, 'photo')} of these and was tested on {counts.tested}; {counts.new} are new. A "
        "continued model needs, of each class, photos to validate and to test on that the earlier one has not learnt "
        f"from, and 30 in all to compare both on. So it starts {_start(facts)}{kept}."
    )


def _rows(facts: Facts) -> dict[str, ContinuedRow]:
    """Return the ways that were compared on the same photos."""
    return {row.way: row for row in facts.select.continued.rows} if facts.select.continued else {}


def _compared(facts: Facts, continued: Continued) -> str:
    """Say what continuing was compared with: with ImageNet, or with a start from nothing where that was chosen."""
    rows = _rows(facts)
    ways = ("imagenet", "scratch") if facts.select.from_scratch is None else ("scratch", "imagenet")
    other = next((rows[way] for way in ways if way in rows), None)
    if other is None:
        return _not_compared(facts, continued)
    start, chance = ("ImageNet", f"; {_chance(continued.p)}") if other.way == "imagenet" else ("nothing", "")
    figures = (
        f"on {wording.plural(continued.photos, 'photo')} that the earlier model had not learnt from, continuing from "
        f"it is right on {wording.percent(continued.rows[0].score, 1)}, starting from {start} on "
        f"{wording.percent(other.score, 1)}{chance}."
    )
    if "imagenet" not in rows:
        figures += f" No network from ImageNet was compared ({_left_out(facts)}).{_again(facts, continued)}"
    if continued.helped:
        return f"This model continues from your earlier one: {figures}"
    return f"Your earlier model was no help here, so this one starts {_start(facts)}: {figures}"


def _not_compared(facts: Facts, continued: Continued) -> str:
    """Say that nothing was compared, why, and how to have it compared."""
    found = (
        "This model continues from your earlier one, but nothing was compared"
        if continued.helped
        else f"This model starts {_start(facts)}, but your earlier one was not compared with it on the same photos"
    )
    return f"{found} ({_left_out(facts)}): whether continuing helps is not known.{_again(facts, continued)}"


def _others(facts: Facts) -> list[CandidateRow]:
    """Return the other networks that were left out."""
    return [row for row in facts.select.candidates if row.state == "dropped" and not row.name.startswith(BASE)]


def _left_out(facts: Facts) -> str:
    """Return why no network from ImageNet was compared."""
    others = _others(facts)
    return f"{others[0].title} was {others[0].note}" if others else "no other network has weights on this machine"


def _again(facts: Facts, continued: Continued) -> str:
    """Return with how many minutes both would be compared; nothing where more of them are of no use."""
    asked, seconds = facts.job.options.minutes, AGAIN * (continued.rows[0].seconds or 0)
    minutes = min(facts.minutes_most, asked + max(1, math.ceil(seconds / 60)))
    said = f" Send the photos again with more time to have both compared: minutes={minutes}."
    return said if _others(facts) and minutes > asked else ""


def _chance(p: float | None) -> str:
    if p is None:
        return "nothing tells whether that is chance"
    test = f"(McNemar, p = {p:.3f})" if p >= LEAST_SHOWN else f"(McNemar, p below {LEAST_SHOWN})"
    return f"the difference may be chance {test}" if p > CHANCE else f"chance hardly makes such a difference {test}"


def _brought(facts: Facts, same: SameTests) -> str:
    """Return what this job's photos brought, on the photos that both models were tested on."""
    counts = facts.dataset.earlier
    new = f"With {wording.plural(counts.new, 'new photo')}" if counts is not None else "Now"
    before, now = (wording.percent(number / same.photos) for number in (same.before, same.now))
    return (
        f"{new}, on the {wording.plural(same.photos, 'photo')} that both models were tested on: {before} → {now} "
        f"right; {_chance(same.p)}."
    )


def _row(row: ContinuedRow) -> JsonObject:
    return {**row.to_json(), "words": WAYS[row.way]}


def _same_tests(facts: Facts) -> SameTests | None:
    return facts.evaluate.same_tests if isinstance(facts.evaluate, Evaluated) else None


def _chain(facts: Facts) -> tuple[Version, ...]:
    """Return the versions of the model, the newest first; itself alone where it continues from none."""
    kept = facts.evaluate.continuing if isinstance(facts.evaluate, Evaluated) else None
    return () if kept is None else kept.versions
