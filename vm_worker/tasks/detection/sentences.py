"""Say in plain words what a detector found, missed and marked without a label, and how far its counts may be off."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from jobs import wording
from vm_worker.results.trials import TrialRow, Tuned
from vm_worker.tasks.detection.engine.operating_point import USABLE_ERROR, USABLE_F1
from vm_worker.tasks.detection.results import DetectionFigures, SizeBucket, Spread

FEW = 20  # labelled boxes, below which a class's figures say little
FEW_PHOTOS = 10
FEW_STEPS = 150  # of training; after fewer a head has hardly left its start
SAME_PLURAL = frozenset(
    "aircraft bison cattle deer elk fish fruit moose people reindeer salmon sheep squid trout".split()
)


def things(figures: DetectionFigures) -> str:
    """Return what is counted: the plural of the only class, or "objects"."""
    return plural(figures.classes[0]) if len(figures.classes) == 1 else "objects"


def plural(label: str) -> str:
    """Return the English plural of a class; names in other scripts stay as they are."""
    label = wording.name(label)
    if label.casefold() in SAME_PLURAL or not label.isascii() or label[-1:].lower() == "s":
        return label
    if label[-1:] == "y" and label[-2:-1] not in "aeiou":
        return f"{label[:-1]}ies"
    return f"{label}es" if label.endswith(("x", "ch", "sh", "z")) else f"{label}s"


def headline(figures: DetectionFigures) -> str:
    """Return the main result, without a full stop, in the order of the paper: found, missed, without a label."""
    scores = figures.scores
    edge = f" ({scores.edge} at an image's edge)" if scores.edge else ""
    marks = (
        f"{wording.plural(scores.false, 'mark')} without a label{edge}" if scores.false else "no mark without a label"
    )
    return f"Found {scores.found} of {scores.labelled} {things(figures)}, missed {scores.missed}, {marks}"


def counting(figures: DetectionFigures) -> list[str]:
    """Return sentences about the counts: their mean error, their bias, and a new photo's."""
    scores, what = figures.scores, things(figures)
    mean = scores.labelled / max(1, figures.images)
    photos = wording.plural(figures.images, "test photo")
    said = [
        f"On {photos} with {mean:.1f} {what} each, the count is off by {scores.count_error:.2f} on average"
        f"{_bias(scores.bias)}."
    ]
    if scores.edge:
        said.append(
            f"Without the {scores.edge} marks at an image's edge, where labels often end, it is off by "
            f"{scores.inner_count_error:.2f}."
        )
    return [*said, _spread(figures.spread)]


def _bias(bias: float) -> str:
    if abs(bias) < 0.05:
        return ", as often too high as too low"
    return f", and {abs(bias):.2f} too {'high' if bias > 0 else 'low'} in the mean"


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return f"With fewer than {FEW_PHOTOS} test photos nothing is said of how far a new photo's count may be off."
    return f"Of new photos like these, nine counts in ten should be {_range_off(spread)}."


def _range_off(spread: Spread) -> str:
    low, high = _off(spread.low), _off(spread.high)
    return low if low == high else f"between {low} and {high}"


def _off(error: float) -> str:
    return "exact" if abs(error) < 0.5 else f"{abs(error):.0f} too {'many' if error > 0 else 'few'}"


def cautions(figures: DetectionFigures) -> list[str]:
    """Return sentences that warn of weak points."""
    scores, said = figures.scores, []
    if figures.images < FEW_PHOTOS:
        said.append(f"Only {wording.plural(figures.images, 'photo was', 'photos were')} kept for the test.")
    for name, row in zip(figures.classes, scores.classes, strict=True):
        if row.boxes < FEW:
            said.append(f"{wording.name(name)}: only {row.boxes} boxes in the test photos, too few to say how it does.")
    if scores.labelled and scores.found < scores.labelled / 2:
        said.append("It misses more than half of the objects: its counts are no use yet.")
    elif scores.f1 < USABLE_F1:
        said.append("Most of what it marks has no label: its counts are no use yet.")
    elif not _counts_well(figures):
        usual, guessed = _guess(figures)
        said.append(
            f"A count of {usual:.0f} for every photo would be off by {guessed:.2f} on average: its own counts, off by "
            f"{scores.count_error:.2f}, are no better."
        )
    return said


def good_enough(figures: DetectionFigures) -> bool:
    """Return whether the detector is of use: most objects and marks are right, and counts are better than a guess."""
    scores = figures.scores
    return 2 * scores.found >= scores.labelled and scores.f1 >= USABLE_F1 and _counts_well(figures)


def _counts_well(figures: DetectionFigures) -> bool:
    """Return whether counts are better than the same number for every photo, or off by a tenth at most."""
    scores = figures.scores
    return scores.count_error < max(_guess(figures)[1], USABLE_ERROR * scores.labelled / max(1, figures.images), 1e-9)


def _guess(figures: DetectionFigures) -> tuple[float, float]:
    """Return the number that is nearest to all counts, and by how much it is off on average."""
    counts = [photo.labelled for photo in figures.photos]
    usual = median(counts) if counts else 0.0
    return usual, sum(abs(count - usual) for count in counts) / max(1, len(counts))


def next_steps(figures: DetectionFigures) -> list[str]:
    """Return advice, the most useful first."""
    scores, steps = figures.scores, []
    if scores.false:
        steps.append(
            "Look at the sheet of marks without a label: what is an object there is a missing label. Label it, and "
            "send the photos again."
        )
    weakest = [row for row in figures.sizes if row.labelled >= FEW and row.found < 0.8 * row.labelled]
    if weakest:
        steps.append(
            f"Objects of {_range(weakest[0])} are missed most: send more photos that show them, or larger ones."
        )
    if not good_enough(figures):
        return [*steps, "Label more photos, and send them all: its counts are no use yet."]
    steps.append(
        "Count a folder of photos, with detection.json and labels.txt beside the model: "
        "modelmail predict model.h5 folder --csv."
    )
    steps.append("Look at the photos with the largest errors before you trust a total.")
    return steps


def hardly_trained(figures: DetectionFigures, tune: Tuned) -> str:
    """Return how short the training was, where that may be why its counts are no use; else nothing."""
    genes = tune.trials[0].parameters
    epochs, steps = genes.get("epochs"), genes.get("steps_an_epoch")
    if good_enough(figures) or not isinstance(epochs, int) or not isinstance(steps, int) or epochs * steps >= FEW_STEPS:
        return ""
    return f"there was time for {wording.plural(epochs * steps, 'training step')}, and some hundreds are usual"


def _range(bucket: SizeBucket) -> str:
    return f"{bucket.low:.0f} to {bucket.high:.0f} pixels across"


def size_rows(sizes: Sequence[SizeBucket]) -> list[list[str]]:
    """Return the rows of the table of sizes."""
    return [[_range(row), str(row.labelled), str(row.found), _share(row.found, row.labelled)] for row in sizes]


def class_rows(figures: DetectionFigures) -> list[list[str]]:
    """Return the rows of the table of classes."""
    rows = []
    for name, row in zip(figures.classes, figures.scores.classes, strict=True):
        few = row.boxes < FEW
        precision = "too few to say" if few or row.ap50 is None else f"{row.ap50:.3f}"
        tight = "too few to say" if few or row.ap is None else f"{row.ap:.3f}"
        rows.append(
            [
                wording.name(name),
                str(row.boxes),
                str(row.found),
                str(row.boxes - row.found),
                str(row.false),
                precision,
                tight,
            ]
        )
    return rows


def precision(figures: DetectionFigures) -> str:
    """Return a sentence with the mean average precisions, over the classes with enough boxes to say anything."""
    rows = [row for row in figures.scores.classes if row.boxes >= FEW and row.ap50 is not None and row.ap is not None]
    if not rows:
        return f"No class has {FEW} boxes in the test photos: too few for an average precision."
    fifty, every = (
        sum(values) / len(rows) for values in ([row.ap50 or 0 for row in rows], [row.ap or 0 for row in rows])
    )
    over = (
        ""
        if len(rows) == len(figures.scores.classes)
        else f" Over the {wording.plural(len(rows), 'class', 'classes')} with {FEW} boxes or more."
    )
    return (
        f"mAP50 {fifty:.3f}: how well boxes are found. mAP {every:.3f}: how tightly they fit, too (COCO's means over "
        f"classes; 1 is best).{over}"
    )


def winner(figures: DetectionFigures, tune: Tuned) -> str:
    """Return the sentence of Sobolevskii (2020): the four numbers of the winner, and what it finds."""
    genes, scores = tune.trials[0].parameters, figures.scores
    named = [
        f"{genes.get('epochs')} epochs of {genes.get('steps_an_epoch')} steps",
        f"learning rate {wording.setting(genes.get('learning_rate'))}",
        f"threshold {wording.setting(genes.get('threshold'))}",
    ]
    tried = [one for one in tune.trials if one.validation_score is not None]
    which = f"The best of {len(tried)} trainings" if len(tried) > 1 else "The training"
    marks = f"marks {scores.false} more that have no label" if scores.false else "nothing that has no label"
    upper = " The upper part of its network was trained, too." if genes.get("upper_part") else ""
    upper += " A second stage judges each box again: the network is a Mask R-CNN." if figures.second_stage else ""
    if figures.outlines is not None:
        upper += f" Its outlines cover the labelled ones by {figures.outlines:.2f} (mean IoU in the test photos)."
    return (
        f"{which} ({', '.join(named)}) finds {scores.found} of {scores.labelled} {things(figures)} in the test "
        f"photos, and {marks}.{upper}"
    )


def expected(figures: DetectionFigures) -> list[str]:
    """Return how many boxes of a photo count where that is not told by the threshold alone."""
    if not figures.expected:
        return []
    return [
        "In each photo the scores are moved a little, all alike, until as many boxes reach the threshold as are "
        "expected there: the sum of the probabilities that boxes with such scores had in the validation photos. The "
        "counts of these were better so."
    ]


def search(tune: Tuned) -> list[str]:
    """Return how the search ended."""
    if tune.search is None:
        return []
    if tune.search.algorithm == "none":
        return [f"No other training was tried: {tune.search.outcome}."]
    share = " (of the count, as a share of that of finding nothing)" if "error" in tune.search.outcome else ""
    return [
        "Trainings were compared by their counts on the validation photos (fitness 1 / RMSE, F1 where counts are "
        f"equal). The {tune.search.algorithm} search ended: {tune.search.outcome}{share}."
    ]


def solvable(tune: Tuned) -> bool:
    """Return whether any training counts the validation photos usably."""
    tried = [one for one in tune.trials if one.validation_score is not None]
    return not tried or any(one.parameters.get("usable", True) for one in tried)


def not_solvable(tune: Tuned) -> list[str]:
    """Return a sentence where no training counts usably, as in Sobolevskii (2020); else nothing."""
    if solvable(tune):
        return []
    tried = [one for one in tune.trials if one.validation_score is not None]
    which = "the training does not count" if len(tried) == 1 else f"none of {len(tried)} trainings counts"
    f1, rmse = tune.trials[0].parameters.get("f1"), tune.trials[0].validation_score
    return [
        f"Not solvable with these photos and settings: {which} the validation photos usably, at any threshold. The "
        f"best F1 there is {wording.setting(f1)}, and the counts are off by {wording.setting(rmse)} (RMSE)."
    ]


def trial_rows(trials: Sequence[TrialRow]) -> list[list[str]]:
    """Return the rows of the table of trainings, in the order in which they were tried."""
    rows = []
    for one in sorted(trials, key=lambda one: one.number):
        genes = [one.parameters.get(key) for key in ("epochs", "steps_an_epoch", "learning_rate", "threshold")]
        f1 = one.parameters.get("f1")
        rows.append(
            [
                f"{one.number}, {'by rule' if one.kind == 'rule' else one.kind}",
                *("-" if gene is None else wording.setting(gene) for gene in genes),
                "-" if one.validation_score is None else f"{one.validation_score:.2f}",
                "-" if f1 is None else f"{f1:.3f}",
                "taken" if one.state == "kept" else "",
            ]
        )
    return rows


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"
