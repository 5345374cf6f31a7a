"""What everybody asks of a model, answered without the words of specialists: the report and its mail begin with it."""

from __future__ import annotations

from jobs import wording
from jobs.json_values import JsonObject
from vm_worker.evaluation import chance
from vm_worker.results.evaluated import HeldOutFigures, UnsureFigures

KINDS, PAIRS = 8, 3  # named at most
LETTERS = 24  # of a name at most


def answers(test: HeldOutFigures, unsure: UnsureFigures | None = None, balanced: bool = False) -> list[JsonObject]:
    """Return rows of {"about", "question", "answer"}; a template knows by "about" what to link."""
    return [
        _row("can", "What it can do", _can(test)),
        _row("right", "How often it is right", _right(test, balanced)),
        _row("mixes", "What it mixes up", _mixes(test)),
        _row("enough", "Is it good enough?", _enough(test, unsure, balanced)),
    ]


def _row(about: str, question: str, answer: str) -> JsonObject:
    return {"about": about, "question": question, "answer": answer}


def _can(test: HeldOutFigures) -> str:
    names = [wording.name(row.label, LETTERS) for row in test.per_class]
    more = f" and {len(names) - KINDS} more" if len(names) > KINDS else ""
    told = f"It tells {len(names)} kinds of photos apart: {', '.join(names[:KINDS])}{more}."
    return f"{told} A photo of anything else still gets one of these names."


def _right(test: HeldOutFigures, balanced: bool) -> str:
    text = (
        f"On {wording.count(test.correct)} of {wording.plural(test.images, 'photo')} that were kept aside and that it "
        f"had never seen, the test photos: {wording.percent(test.accuracy)}. On other photos like these expect "
        f"{wording.interval(test.interval)} (95 % sure)."
    )
    if balanced:
        text += f" Each kind counted alike, it finds {wording.percent(test.balanced_accuracy)}."
    return text


def _mixes(test: HeldOutFigures) -> str:
    pairs = [
        f"{wording.name(pair.truth, LETTERS)} taken for {wording.name(pair.said, LETTERS)} ({pair.count} of {pair.of})"
        for pair in test.pairs[:PAIRS]
    ]
    return f"{', '.join(pairs)}." if pairs else "Nothing among these photos."


def _enough(test: HeldOutFigures, unsure: UnsureFigures | None, balanced: bool) -> str:
    if chance.guesses(test, balanced):
        return "Not yet. Guessing may do as well."
    low, high = (round((1 - bound) * 100) for bound in reversed(test.interval))
    text = (
        f"That depends on what a mistake costs you. Of 100 new photos, about {low} to {high} will get a wrong answer."
    )
    if unsure is not None and unsure.threshold:
        text += ' It can say "not sure" in place of many of these.'
    return text
