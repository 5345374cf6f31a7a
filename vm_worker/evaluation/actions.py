"""What a reader may do next, at most three things, the most useful first: a sentence, and a button for each."""

from __future__ import annotations

from collections.abc import Sequence

from jobs import wording
from jobs.json_values import JsonObject
from vm_worker.evaluation import advice, chance
from vm_worker.results.candidates import LearningCurve
from vm_worker.results.evaluated import HeldOutFigures, UnsureFigures

MOST = 3
# Where the buttons lead: parts of the page, and the service's first page.
DOUBTS, SURE, TRY, SEND = "#doubts", "#sure", "#try", "/"


def actions(
    test: HeldOutFigures,
    curve: LearningCurve | None = None,
    suspects: int | None = None,
    unsure: UnsureFigures | None = None,
    balanced: bool = False,
) -> list[JsonObject]:
    """Return rows of {"text", "button", "target"}. `suspects` counts the photos that may be in the wrong folder."""
    guesses = chance.guesses(test, balanced)
    found = _look(test, suspects or 0, guesses)
    found += _send(test, curve, guesses, balanced)
    if not guesses:
        found += _threshold(unsure, balanced)
        found.append(_row("Try it on photos that it has not seen, as they will be later.", "Try your model", TRY))
    return found[:MOST]


def _row(text: str, button: str, target: str) -> JsonObject:
    return {"text": text, "button": button, "target": target}


def _look(test: HeldOutFigures, suspects: int, guesses: bool) -> list[JsonObject]:
    if suspects:
        looks = wording.plural(suspects, "photo looks", "photos look")
        text = (
            f"{looks} much more like another kind than the one of the folder. A photo in the wrong folder costs more "
            "than a missing one."
        )
        return [_row(text, "Look at these photos", DOUBTS)]
    if guesses:
        text = "Look at some photos of each kind: what you cannot tell apart, no model can."
        return [_row(text, "Look at the mistakes", DOUBTS)]
    return [_row(text, "Look at the mistakes", DOUBTS) for text in advice.confusions(test)]


def _send(test: HeldOutFigures, curve: LearningCurve | None, guesses: bool, balanced: bool) -> list[JsonObject]:
    """Return the advice to send more photos, of the kinds that need them, where more would help."""
    needy = [row.label for row in ([*advice.rare_classes(test)] if balanced else advice.weak_classes(test))]
    if needy and not guesses:
        text = f"Send more photos of {advice.named(needy)}: the model finds these least well."
    elif curve is not None and curve.verdict == "yes":
        text = "Send more photos of each kind: with more it would probably be right more often."
    elif guesses:
        text = "If you can tell the kinds apart, send more photos of each: of these it has learnt nothing that shows."
    elif test.images < advice.SMALL_TEST:
        text = f"Send more photos: {wording.plural(test.images, 'test photo')} are few to judge a model by."
    else:
        return []
    return [_row(text, "Send photos", SEND)]


def _threshold(unsure: UnsureFigures | None, balanced: bool) -> Sequence[JsonObject]:
    if balanced or unsure is None or not unsure.threshold or unsure.accuracy_answered is None:
        return []
    text = (
        f"Look for yourself where it is less than {wording.percent(unsure.threshold)} sure: on the other "
        f"{wording.percent(unsure.answered)} of the photos it is right on {wording.percent(unsure.accuracy_answered)}."
    )
    return [_row(text, "Choose the limit", SURE)]
