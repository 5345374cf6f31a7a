"""Sentences for the report about the figures: the headline, the warnings, and the next steps."""

from __future__ import annotations

from collections.abc import Sequence

from jobs import wording
from vm_worker.evaluation import chance
from vm_worker.learn import imbalance
from vm_worker.results.candidates import LearningCurve
from vm_worker.results.evaluated import ClassFigures, HeldOutFigures, UnsureFigures
from vm_worker.results.intake import TakenIn

SMALL_TEST = 100  # photos; below this number a 95 % interval is about 12 points wide at 90 % accuracy
SMALL_CLASS = 10  # test photos of one class; below this number one mistake moves its recall by ten points
WEAK_RECALL = 0.8
WEAK_GAP = 0.1  # distance below the mean recall from which on the report has a sentence
OFTEN_CONFUSED = 0.1  # share of a class's photos that is confused with one other class, and at least two photos
FRAMES_MOST = 2  # test photos to a recording, in the mean, above which their number misleads
PLAIN_SHARE = 0.25  # of a class's photos that look alike, above which the report asks whether they are of one recording
NAMED = 3  # most names in one sentence


def subject(test: HeldOutFigures, balanced: bool = False) -> str:
    """Return the subject of the mail: whether the model can be used, and how often it is right.

    Where the balanced accuracy counts (`balanced`: classes are unequal), it comes first.
    """
    found = "not good enough yet" if chance.guesses(test, balanced) else "ready"
    right = f"right on {wording.share_of(test.correct, test.images)} new photos"
    return f"Your model is {found}: {_finds(test) + ', ' if balanced else ''}{right}"


def headline(test: HeldOutFigures, classes: int, balanced: bool = False) -> str:
    """Return one sentence with the main result, which the user can forward. The main figure has its interval."""
    photos = f"{wording.share_of(test.correct, test.images)} {'photo' if test.images == 1 else 'photos'}"
    right = f"right on {photos} that it had never seen"
    bounds = wording.interval(_interval(test, balanced))
    right = f"{_finds(test)} ({bounds}), {right}" if balanced else f"{right} ({bounds})"
    if chance.guesses(test, balanced):
        return f"Not good enough yet: a model of {classes} kinds, {right}, where guessing may do as well"
    return f"A model that tells {classes} kinds apart: {right}"


def _finds(test: HeldOutFigures) -> str:
    return f"finds {wording.percent(test.balanced_accuracy)} of each kind on average"


def _interval(test: HeldOutFigures, balanced: bool) -> tuple[float, float]:
    """Return the 95 % interval of the figure that counts."""
    if not balanced:
        return test.interval
    return imbalance.mean_interval(
        [(round(row.recall * row.support), row.support) for row in test.per_class if row.support]
    )


def cautions(test: HeldOutFigures, balanced: bool = False) -> list[str]:
    """Return sentences that warn of weak points in these figures."""
    found = _against_guessing(test, balanced)
    if test.images < SMALL_TEST:
        low, high = (wording.percent(bound) for bound in _interval(test, balanced))
        may = (
            f"find anything from {low} to {high} of each kind"
            if balanced
            else f"be right on anything from {low} to {high}"
        )
        found.append(
            f"The test set is small ({wording.plural(test.images, 'photo')}): on more photos of the same kind the "
            f"model may {may}."
        )
    if balanced:
        found += _false_alarms(test)
    few = [row for row in test.per_class if row.support < SMALL_CLASS]
    if few and (balanced or test.images >= SMALL_TEST):
        found.append(
            f"{wording.plural(len(few), 'class has', 'classes have')} fewer than {SMALL_CLASS} test photos "
            f"({named([row.label for row in few])}): their own figures are rough."
        )
    return found


def _false_alarms(test: HeldOutFigures) -> list[str]:
    """Return a sentence for each class that most photos which were called so do not show, at most NAMED."""
    found = []
    for place, row in enumerate(test.per_class):
        called, were = sum(line[place] for line in test.confusion), test.confusion[place][place]
        if 2 * were < called:
            found.append(f"Of the {called} test photos that it called {wording.name(row.label)}, {_were(were)}.")
    return found[:NAMED]


def _were(count: int) -> str:
    return wording.plural(count, "was", "were") if count else "none were"


def too_good(dataset: TakenIn) -> list[str]:
    """Return sentences about tests on too few recordings, or on ones that were learned from, too."""
    found = []
    if divided := dataset.duplicates.undivided:
        frames = wording.plural(sum(row.photos for row in divided), "photo")
        found.append(
            f"The figure is too good: {frames} of {named([row.label for row in divided])} look like frames of so few "
            "recordings that the same recording was learned from and tested. It does not tell how the model does at "
            "another place or time. Send photos of at least 3 recordings of each class, better of 5 or more."
        )
    tested, photos = dataset.duplicates.tested, sum(parts.test for parts in dataset.counts.values())
    if tested is not None and tested * FRAMES_MOST < photos:
        found.append(
            f"The {wording.count(photos)} test photos show only {wording.plural(tested, 'recording')}, as frames of "
            "one were kept together: the figure, and the interval beside it, hold for these. On others the model may "
            "do much worse or better."
        )
    alike = [row for row in dataset.duplicates.fallback if row.photos >= PLAIN_SHARE * _photos(dataset, row.label)]
    if alike:
        found.append(
            f"Many photos of {named([row.label for row in alike])} look much alike. If they are frames of few "
            "recordings, the figure is too good: then send photos of at least 3 recordings of each class."
        )
    return found


def _photos(dataset: TakenIn, label: str) -> int:
    counts = dataset.counts[label]
    return counts.train + counts.validation + counts.test


def _against_guessing(test: HeldOutFigures, balanced: bool) -> list[str]:
    """Return a sentence where naming a class without looking at the photo may do as well, or looks as good."""
    common = f"{wording.percent(test.most_common_share)} of the test photos"
    if chance.guesses(test, balanced):
        other = "names classes by chance" if balanced else "always names the most common class"
        right = f"find {wording.percent(1 / len(test.per_class))} of each" if balanced else f"be right on {common}"
        return [
            f"By this test the model cannot be told from one that looks at no photo and {other}: that would {right}. "
            "Do not rely on it yet."
        ]
    if balanced:
        return [
            "The kinds have very unequal numbers of photos: a model that always names the most common one would be "
            f"right on {common} and find nothing else. So each kind counts alike in the first figure."
        ]
    if test.interval[0] <= test.most_common_share:
        return [
            "The model may be no better than always naming the most common class, which would be right on "
            f"{common}. Do not rely on it yet."
        ]
    return []


def next_steps(
    test: HeldOutFigures,
    curve: LearningCurve | None = None,
    suspects: int | None = None,
    unsure: UnsureFigures | None = None,
    balanced: bool = False,
) -> list[str]:
    """Return sentences that advise the user on the next steps, the most useful first.

    `suspects` counts the photos that may be in the wrong folder.
    """
    guesses = chance.guesses(test, balanced)
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
    # Where one class is rare, nearly all answers are sure, and the share of right ones says nothing of that class.
    if not (guesses or balanced) and unsure and unsure.threshold and unsure.accuracy_answered is not None:
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
    return steps + _about_photos(test, curve, bool(suspects), guesses, balanced)


def _about_photos(
    test: HeldOutFigures, curve: LearningCurve | None, suspects: bool, guesses: bool, balanced: bool
) -> list[str]:
    """Return sentences about the photos to look at, and those to add; none contradicts another."""
    rare = rare_classes(test) if balanced else []
    weak = [] if guesses else [row for row in weak_classes(test) if row not in rare]
    steps = _weaknesses(test, weak, hardly=curve is not None and curve.verdict == "hardly")
    if not guesses and not suspects:  # the list of suspects is enough: no second list of photos to check
        steps += confusions(test)
    if rare:
        steps.append(_more_of(rare))
    if curve is not None and curve.verdict != "unknown":
        steps.append(curve.answer)
    elif not rare and (guesses or (not weak and (test.images < SMALL_TEST or test.accuracy < WEAK_RECALL))):
        steps.append("Send more photos of each class: both the model and the certainty of its test gain from them.")
    return steps


def _more_of(rare: Sequence[ClassFigures]) -> str:
    """Return the sentence that asks for photos of rare classes. It holds even where the model would hardly gain."""
    tested = wording.plural(rare[0].support, "photo was", "photos were")
    return (
        f"Send more photos of {named([row.label for row in rare])}: only {tested} left to test the model on "
        f"{wording.name(rare[0].label)}, which is too few to rely on."
    )


def _weaknesses(test: HeldOutFigures, weak: Sequence[ClassFigures], hardly: bool) -> list[str]:
    """Return a sentence about the classes that the model finds least well; `hardly`: more photos would hardly help."""
    if not weak:
        return []
    advice = "do their photos show the class clearly?" if hardly else "more photos of these would help most."
    return [
        f"The model finds {named([row.label for row in weak])} least well "
        f"({wording.percent(weak[0].recall)} of the photos of {wording.name(weak[0].label)}): {advice}"
    ]


def confusions(test: HeldOutFigures) -> list[str]:
    """Return a sentence about the folders that a person should check."""
    steps = []
    for pair in test.pairs[:1]:
        if pair.count >= 2 and pair.share >= OFTEN_CONFUSED:
            steps.append(
                f"It took {wording.name(pair.truth)} for {wording.name(pair.said)} {pair.count} times in "
                f"{pair.of}: check that these photos lie in the right folder."
            )
    return steps


def weak_classes(test: HeldOutFigures) -> list[ClassFigures]:
    """Return the classes whose recall is clearly below that of the others, lowest first."""
    tested = sorted((row for row in test.per_class if row.support), key=lambda row: row.recall)
    limit = min(WEAK_RECALL, test.balanced_accuracy - WEAK_GAP)
    return [row for row in tested if row.recall < limit][:NAMED]


def rare_classes(test: HeldOutFigures) -> list[ClassFigures]:
    """Return the classes with few test photos, and far fewer than the largest class, the fewest first."""
    largest = max(row.support for row in test.per_class)
    few = [row for row in test.per_class if row.support < min(SMALL_CLASS, largest / imbalance.UNEQUAL)]
    return sorted(few, key=lambda row: row.support)


def named(names: Sequence[str]) -> str:
    """Return the first names as part of a sentence, and how many more there are."""
    shown = [wording.name(name, 30) for name in names[:NAMED]]
    more = len(names) - len(shown)
    if more:
        shown.append(f"{more} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
