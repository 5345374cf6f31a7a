"""Sentences for the report about the figures: the headline, the warnings, and the next steps."""

from __future__ import annotations

from collections.abc import Sequence

from jobs import wording
from vm_worker.evaluation import chance
from vm_worker.results.candidates import LearningCurve
from vm_worker.results.evaluated import ClassFigures, HeldOutFigures, UnsureFigures

SMALL_TEST = 100  # photos; below this number a 95 % interval is about 12 points wide at 90 % accuracy
SMALL_CLASS = 10  # test photos of one class; below this number one mistake moves its recall by ten points
WEAK_RECALL = 0.8
WEAK_GAP = 0.1  # distance below the mean recall from which on the report has a sentence
OFTEN_CONFUSED = 0.1  # share of a class's photos that is confused with one other class, and at least two photos
NAMED = 3  # most names in one sentence


def subject(test: HeldOutFigures) -> str:
    """Return the subject of the mail: whether the model can be used, and how often it is right."""
    found = "not good enough yet" if chance.guesses(test) else "ready"
    return f"Your model is {found}: right on {wording.share_of(test.correct, test.images)} new photos"


def headline(test: HeldOutFigures, classes: int) -> str:
    """Return one sentence with the main result, which the user can forward. The accuracy always has its interval."""
    photos = f"{wording.share_of(test.correct, test.images)} {'photo' if test.images == 1 else 'photos'}"
    right = f"right on {photos} that it had never seen ({wording.interval(test.interval)})"
    if chance.guesses(test):
        return f"Not good enough yet: a model of {classes} kinds, {right}, where guessing may do as well"
    return f"A model that tells {classes} kinds apart: {right}"


def cautions(test: HeldOutFigures) -> list[str]:
    """Return sentences that warn of weak points in these figures."""
    found = []
    low, high = wording.percent(test.interval[0]), wording.percent(test.interval[1])
    guess = f"{wording.percent(test.most_common_share)} of the test photos. Do not rely on it yet."
    if chance.guesses(test):
        found.append(
            "By this test the model cannot be told from one that looks at no photo and always names the most common "
            f"class: that would be right on {guess}"
        )
    elif test.interval[0] <= test.most_common_share:
        found.append(
            f"The model may be no better than always naming the most common class, which would be right on {guess}"
        )
    if test.images < SMALL_TEST:
        found.append(
            f"The test set is small ({wording.plural(test.images, 'photo')}): on more photos of the same kind the "
            f"model may be right on anything from {low} to {high}."
        )
    few = [row for row in test.per_class if row.support < SMALL_CLASS]
    if few and test.images >= SMALL_TEST:
        found.append(
            f"{wording.plural(len(few), 'class has', 'classes have')} fewer than {SMALL_CLASS} test photos "
            f"({_names([row.label for row in few])}): their own figures are rough."
        )
    return found


def next_steps(
    test: HeldOutFigures,
    curve: LearningCurve | None = None,
    suspects: int | None = None,
    unsure: UnsureFigures | None = None,
) -> list[str]:
    """Return sentences that advise the user on the next steps, the most useful first.

    `suspects` counts the photos that may be in the wrong folder.
    """
    guesses = chance.guesses(test)
    steps = [
        "Look at some photos of each class: does each show its class clearly, and lie in the right folder? What you "
        "cannot tell apart, no model can."
        if guesses
        else "Download model.h5 and labels.txt and try the model on a few more photos of your own."
    ]
    steps.append(
        f"Keep in mind that it knows only these {len(test.per_class)} kinds: a photo of anything else still gets "
        "one of their names."
    )
    if not guesses and unsure and unsure.threshold and unsure.accuracy_answered is not None:
        steps.append(
            f"Look for yourself where it is less than {wording.percent(unsure.threshold)} sure: on the other "
            f"{wording.percent(unsure.answered)} of the photos it is right on "
            f"{wording.percent(unsure.accuracy_answered)}."
        )
    if suspects:
        steps.append(
            f"{wording.plural(suspects, 'photo looks', 'photos look')} much more like another kind than the one of the "
            "folder: the report names the clearest. A wrong label costs more than a missing photo."
        )
    weak = _weak(test)
    if not guesses:
        steps += _weaknesses(test, weak, bool(suspects))
    if curve is not None and curve.verdict != "unknown":
        steps.append(curve.answer)
    elif guesses or (not weak and (test.images < SMALL_TEST or test.accuracy < WEAK_RECALL)):
        steps.append("Send more photos of each class: both the model and the certainty of its test gain from them.")
    return steps


def _weaknesses(test: HeldOutFigures, weak: Sequence[ClassFigures], suspects: bool) -> list[str]:
    """Return sentences about classes that need more photos, and folders that a person should check."""
    steps = []
    if weak:
        steps.append(
            f"The model finds {_names([row.label for row in weak])} least well "
            f"({wording.percent(weak[0].recall)} of the photos of {wording.name(weak[0].label)}): "
            "more photos of these would help most."
        )
    for pair in () if suspects else test.pairs[:1]:  # the list of suspects is enough: no second list of photos to check
        if pair.count >= 2 and pair.share >= OFTEN_CONFUSED:
            steps.append(
                f"It took {wording.name(pair.truth)} for {wording.name(pair.said)} {pair.count} times in "
                f"{pair.of}: check that these photos lie in the right folder."
            )
    return steps


def _weak(test: HeldOutFigures) -> list[ClassFigures]:
    """Return the classes whose recall is clearly below that of the others, lowest first."""
    tested = sorted((row for row in test.per_class if row.support), key=lambda row: row.recall)
    limit = min(WEAK_RECALL, test.balanced_accuracy - WEAK_GAP)
    return [row for row in tested if row.recall < limit][:NAMED]


def _names(names: Sequence[str]) -> str:
    shown = [wording.name(name, 30) for name in names[:NAMED]]
    more = len(names) - len(shown)
    if more:
        shown.append(f"{more} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
