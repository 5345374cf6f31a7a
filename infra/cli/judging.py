"""`modelmail evaluate` and `modelmail compare`: figures of delivered models on new photos in class folders."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infra.cli import on_disk
from infra.cli.networks import CannotOpenError, Network, open_network
from infra.cli.predict import answers, grey_white_of, photos_in, threshold_of
from infra.cli.screen import Screen
from jobs import wording
from vm_worker.intake.names import collision_key
from vm_worker.learn import statistics
from vm_worker.results.evaluated import HeldOutFigures

DONE, PARTLY, WRONG = 0, 1, 2  # exit statuses
PAIRS_SHOWN = 5
CLASSES_SHOWN = 40
UNREAD_SHOWN = 5
Z = 1.96  # of a 95 % interval
CHANCE = 0.05  # a difference with a larger p may be chance


@dataclass(frozen=True)
class Wish:
    """The command line of an evaluation, or of a comparison where `other` is given."""

    model: Path
    folder: Path
    other: Path | None = None
    trust: bool = False
    as_json: bool = False


@dataclass(frozen=True)
class Judged:
    """A model's answers for the photos that could be read."""

    labels: tuple[str, ...]
    probabilities: NDArray[np.float32]  # (n, classes)
    truth: NDArray[np.int64]  # (n,) places in `labels`
    names: tuple[str, ...]
    unread: tuple[str, ...]  # a sentence for each photo that could not be read
    left_out: tuple[str, ...]  # photos in no folder that is named like a class

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each answer is right: (n,)."""
        return np.asarray(self.probabilities.argmax(axis=1) == self.truth)

    def only(self, names: frozenset[str]) -> Judged:
        """Return the answers for these photos alone."""
        kept = np.array([name in names for name in self.names], np.bool_)
        some = tuple(name for name in self.names if name in names)
        return replace(self, probabilities=self.probabilities[kept], truth=self.truth[kept], names=some)


def evaluate(wish: Wish) -> int:
    """Print the model's figures on the folder's photos; return the exit status."""
    screen = Screen(to_stderr=wish.as_json)
    try:
        judged = _judged(wish.model, wish)
    except (CannotOpenError, ValueError) as error:
        screen.say(str(error))
        return WRONG
    from vm_worker.evaluation import metrics

    found = metrics.evaluate(judged.probabilities, judged.truth, judged.labels, judged.names)
    for line in (*_unread(judged), *_left_out(judged), *_lines(found), *_sure(judged, threshold_of(wish.model))):
        screen.say(line)
    if wish.as_json:
        rest = {"unread": list(judged.unread), "left_out": list(judged.left_out)}
        sys.stdout.write(json.dumps({"test": found.to_json(), **rest}) + "\n")
    return PARTLY if judged.unread else DONE


def compare(wish: Wish) -> int:
    """Print how two models differ on the same photos; return the exit status."""
    screen = Screen(to_stderr=wish.as_json)
    try:
        one, other = _judged(wish.model, wish), _judged(wish.other or wish.model, wish)
        if set(one.labels) != set(other.labels):
            raise ValueError("The two models know different classes, so their answers cannot be compared.")
        one, other = together(one, other)
    except (CannotOpenError, ValueError) as error:
        screen.say(str(error))
        return WRONG
    told, right = difference(one.right, other.right), (_right("A", one.right), _right("B", other.right))
    for line in (*_unread(one), *_left_out(one), *right, *_difference(told)):
        screen.say(line)
    if wish.as_json:
        sys.stdout.write(json.dumps(told.__dict__) + "\n")
    return PARTLY if one.unread else DONE


def together(one: Judged, other: Judged) -> tuple[Judged, Judged]:
    """Return both models' answers for the photos that both could read: a huge JPEG is read for small inputs alone.

    Each has what one of them could not read. Raises ValueError where there is no such photo.
    """
    both = frozenset(one.names) & frozenset(other.names)
    if not both:
        raise ValueError("There is no photo that both models can read.")
    unread = tuple(dict.fromkeys((*one.unread, *other.unread)))
    return replace(one.only(both), unread=unread), replace(other.only(both), unread=unread)


@dataclass(frozen=True)
class Difference:
    """How two models differ on the same photos."""

    photos: int
    right_a: int
    right_b: int
    only_a: int  # photos that A alone got right
    only_b: int
    low: float  # 95 % interval of B's accuracy less A's
    high: float
    p: float  # of McNemar's exact test


def difference(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> Difference:
    """Compare which of the same photos (n,) two models got right.

    The interval is the adjusted one of Agresti and Min (2005) for paired shares: half a photo is added to each of the
    four counts, so that it has a width where the models never differ.
    """
    only_one, only_other, photos = int((one & ~other).sum()), int((~one & other).sum()), len(one)
    a, b, n = only_one + 0.5, only_other + 0.5, photos + 2
    middle, width = (b - a) / n, Z * sqrt(a + b - (b - a) ** 2 / n) / n
    low, high = max(-1.0, middle - width), min(1.0, middle + width)
    p = statistics.mcnemar(one, other)
    return Difference(photos, int(one.sum()), int(other.sum()), only_one, only_other, low, high, p)


def _judged(model: Path, wish: Wish) -> Judged:
    """Return a model's answers. Raises CannotOpenError, and ValueError for a folder without photos of its classes."""
    if not wish.folder.is_dir():
        raise ValueError(on_disk.absent(wish.folder))
    network = open_network(model, wish.trust)
    places = dict(_labelled(network, wish.folder))
    truth = {photo: place for photo, place in places.items() if place is not None}
    if not truth:
        some = ", ".join(wording.name(label, 30) for label in network.labels[:5])
        raise ValueError(f"{wish.folder} has no folder of photos that is named like a class of the model: {some}.")
    said, labels, names, unread = [], [], [], []
    for image, error, answer in answers(network, truth, grey_white_of(model)):
        name = str(image.relative_to(wish.folder))
        if answer is None:
            unread.append(f"{wording.clean(str(image))} {error}")
            continue
        said.append(answer)
        labels.append(truth[image])
        names.append(name)
    if not said:
        raise ValueError(f"No photo in {wish.folder} could be read.")
    left_out = tuple(str(photo.relative_to(wish.folder)) for photo, place in places.items() if place is None)
    return Judged(network.labels, np.stack(said), np.array(labels), tuple(names), tuple(unread), left_out)


def _labelled(network: Network, folder: Path) -> Iterator[tuple[Path, int | None]]:
    """Yield each photo with the class that a folder is named like, at any depth; None where no folder is.

    The disk may spell a name otherwise: a Mac in another form of Unicode, the parts of a split in other case.
    """
    places = {label: place for place, label in enumerate(network.labels)}
    alike = {collision_key(label): place for label, place in places.items()}
    for photo in photos_in([folder]):
        inside = photo.relative_to(folder).parts[:-1]
        found = (places.get(part, alike.get(collision_key(part))) for part in reversed(inside))
        yield photo, next((place for place in found if place is not None), None)


def _lines(found: HeldOutFigures) -> Iterator[str]:
    share, bounds = wording.share_of(found.correct, found.images), wording.interval(found.interval)
    alike = wording.percent(found.balanced_accuracy)
    yield f"Right on {share} photos ({bounds}, 95 % sure); each class counted alike {alike}."
    for row in [row for row in found.per_class if row.support][:CLASSES_SHOWN]:
        precision, recall = wording.percent(row.precision), wording.percent(row.recall)
        photos = wording.plural(row.support, "photo")
        yield f"  {wording.name(row.label, 30)}  found {recall} of {photos}; where it was named, right {precision}"
    for pair in found.pairs[:PAIRS_SHOWN]:
        names = f"{wording.name(pair.truth, 30)} taken for {wording.name(pair.said, 30)}"
        yield f"  {names} {pair.count} times of {pair.of}"
    if missing := [row.label for row in found.per_class if not row.support]:
        yield f"There is no photo of {wording.plural(len(missing), 'class', 'classes')}: {_named(missing)}."


def _sure(judged: Judged, threshold: float) -> Iterator[str]:
    if not threshold:
        return
    sure = judged.probabilities.max(axis=1) >= threshold
    right = int((judged.right & sure).sum())
    share = wording.share_of(right, int(sure.sum())) if sure.any() else "none"
    answered = wording.percent(float(sure.mean()))
    yield f"Where it is {wording.percent(threshold)} sure or more, on {answered} of the photos, right on {share}."


def _right(name: str, right: NDArray[np.bool_]) -> str:
    correct, photos = int(right.sum()), len(right)
    bounds = wording.interval(statistics.wilson(correct, photos))
    return f"{name} is right on {wording.share_of(correct, photos)} photos ({bounds}, 95 % sure)."


def _difference(told: Difference) -> Sequence[str]:
    points = 100 * (told.right_b - told.right_a) / told.photos
    bounds = f"{100 * told.low:+.1f} to {100 * told.high:+.1f}"
    chance = "may be chance" if told.p > CHANCE else "is hardly chance"
    return [
        f"A alone is right on {told.only_a}, B alone on {told.only_b}.",
        f"B less A: {points:+.1f} points ({bounds}, 95 % sure). The difference {chance} "
        f"(McNemar's exact test, p = {told.p:.3g}).",
    ]


def _left_out(judged: Judged) -> Iterator[str]:
    if judged.left_out:
        photos = wording.plural(
            len(judged.left_out), "photo is left out, as it lies", "photos are left out, as they lie"
        )
        folders = dict.fromkeys(str(Path(name).parent) for name in judged.left_out)
        yield f"{photos} in no folder that is named like a class, but in {_named(list(folders))}."


def _named(names: Sequence[str]) -> str:
    some = ", ".join(wording.name(name, 60) for name in names[:UNREAD_SHOWN])
    return some if len(names) <= UNREAD_SHOWN else f"{some} and {len(names) - UNREAD_SHOWN} more"


def _unread(judged: Judged) -> Sequence[str]:
    shown = list(judged.unread[:UNREAD_SHOWN])
    more = len(judged.unread) - len(shown)
    return shown + ([f"and {wording.plural(more, 'more photo')} could not be read."] if more else [])
