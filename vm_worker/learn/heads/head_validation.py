"""Validate a network's features: train heads on some of the photos and judge them on photos they have not seen."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from vm_worker.learn import imbalance, statistics
from vm_worker.learn.arrays import Flags, Floats, Rows
from vm_worker.learn.heads import columns, courses, folds, forms, linear
from vm_worker.learn.heads.courses import Fold
from vm_worker.learn.heads.forms import FeatureTable, Part, Parts
from vm_worker.learn.heads.linear import ONE_THREAD, Bank, FeatureRows, Head, HeadSettings, History, softmax

DEPTH_COST = 8.0  # times the seconds of the heads on the last features: those of all other forms
FRACTIONS = (0.03, 0.1, 0.3)  # of the columns of all depths, the best ones


@dataclass(frozen=True)
class HeadResult:
    """The validation figures of a network: its heads judged on rows that they had not seen."""

    right: Flags  # (n,) for each row of the table; False where it was not judged
    judged: Flags  # (n,)
    labels: Rows  # (n,)
    loss: float  # cross-entropy in nats, mean of the judged rows; every class counts alike if balanced
    strength: float  # the L2 strength that was best for a head on the last features alone
    epochs: int  # after which this strength was best
    history: History  # of the chosen form: (epochs,), mean of the folds
    balanced: bool = False  # whether the score is the balanced accuracy
    weighed: bool = False  # whether photos of small classes counted more in the training
    parts: Parts = ()  # of the chosen form; empty: a network from scratch, which has no head of its own
    logits: Floats | None = None  # (n, k) by heads that had not seen the row; 0 where it was not judged
    # Where there is an earlier model's head: the logits of that head as it was, and those of new ones.
    untouched: Floats | None = None
    anew: Floats | None = None
    views: int = 0  # random views of each photo that it learns from besides

    @property
    def correct(self) -> int:
        """The number of rows judged right."""
        return int(self.right.sum())

    @property
    def total(self) -> int:
        """The number of rows judged."""
        return int(self.judged.sum())

    @property
    def accuracy(self) -> float:
        """The share of the judged rows that are right, 0..1."""
        return self.correct / self.total

    @property
    def score(self) -> float:
        """The accuracy, or the balanced accuracy, on the judged rows, 0..1."""
        return self.score_on(self.judged)

    def score_on(self, rows: Flags) -> float:
        """Return the score on these of the judged rows, (n,) bool."""
        return imbalance.score(self.right[rows], self.labels[rows], self.balanced)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the score."""
        return imbalance.interval(self.right[self.judged], self.labels[self.judged], self.balanced)


def validate(table: FeatureTable, settings: HeadSettings, seconds: float = math.inf) -> HeadResult:
    """Train on folds, or on the fixed split where that is precise enough, and choose form, strengths and epochs.

    Features of other depths than the last are tried where that probably takes no more than so many seconds.
    Where the balanced accuracy counts, validation also chooses whether the training weighs the classes.
    """
    ways = [replace(settings, weighed=weighed) for weighed in ((False, True) if settings.balanced else (False,))]
    with threadpool_limits(**ONE_THREAD):
        return max(
            (_Contest(table, way).result(seconds / len(ways)) for way in ways),
            key=lambda result: (result.score, -result.loss),
        )


def refit(table: FeatureTable, settings: HeadSettings, result: HeadResult) -> Head:
    """Train a head once more in the chosen form, on every row, training and validation.

    It keeps the strength and epochs of the head on the last features alone, for tuning to start from.
    """
    head = fit(table, table.everything, settings, result)
    return replace(table.of_network(head), strength=result.strength, epochs=result.epochs)


def fit(table: FeatureTable, rows: Rows, settings: HeadSettings, result: HeadResult) -> Head:
    """Train a head in the chosen form on these rows of the table; its columns are the table's."""
    return forms.fit(table, rows, replace(settings, weighed=result.weighed), result.parts)


def unseen(table: FeatureTable, settings: HeadSettings, result: HeadResult) -> Floats:
    """Return the logits (m, k) of the validation rows by a head in the chosen form that had not seen them."""
    if result.logits is not None and not result.judged[: table.train].any() and result.judged[table.train :].all():
        return result.logits[table.train :]  # validation was on the fixed split, too
    return by_unseen(table, fit(table, table.everything[: table.train], settings, result))


def by_unseen(table: FeatureTable, head: Head) -> Floats:
    """Return the logits (m, k) of the validation rows by a head that had not seen them; its columns are the table's."""
    return head.logits(table.taken(table.everything[table.train :]))


class _Contest:
    """The forms of a head on one network's features, compared on the same folds."""

    def __init__(self, table: FeatureTable, settings: HeadSettings) -> None:
        self._table, self._settings = table, settings
        self._splits = splits(table, settings.seed)
        self._orders: list[Rows] = []  # the table's columns by each fold's training rows, the best first
        self._judged = np.concatenate([judged for _, judged in self._splits])

    def result(self, seconds: float) -> HeadResult:
        """Choose the strengths of each part, then the form with the lowest cross-entropy."""
        started = time.monotonic()
        last, _ = self._best(None)
        choices: list[Parts] = [(last,)]
        if self._table.deep and DEPTH_COST * (time.monotonic() - started) < seconds:
            self._orders += folds.at_once(lambda split: self._table.ranked(split[0], self._settings.seed), self._splits)
        if self._orders and all(len(order) for order in self._orders):
            deep, _ = min((self._best(fraction) for fraction in self._fractions), key=lambda found: found[1])
            choices = [(last, deep), (last,), (deep,)]
        if self._table.earlier is not None:
            warm, _ = self._best(None, warm=True)
            choices += [(warm,), (replace(warm, epochs=0),)]
        tracks = self._tracks(choices)
        chosen = self._chosen([track.losses for track in tracks])
        result = self._of(choices[chosen], tracks[chosen], last)
        if self._table.earlier is None:
            return result
        return replace(result, untouched=self._placed(tracks[-1]), anew=self._placed(tracks[0]))

    def _best(self, fraction: float | None, warm: bool = False) -> tuple[Part, float]:
        """Return the part on these columns with its best strength and epoch, and its loss."""
        labels = self._table.labels[self._judged]
        found = courses.chosen(folds.at_once(courses.course, self._folds(fraction, warm)), labels, self._settings)
        return Part(found.strength, found.epochs, fraction, warm), found.loss

    def _folds(self, fraction: float | None, warm: bool = False) -> Iterator[Fold]:
        """Yield each fold's rows to learn from and to judge, in the columns of this fraction, and the settings."""
        for number, parts in enumerate(self._splits):
            chosen = None if fraction is None else columns.best(self._orders[number], self._table.count(fraction))
            gain = 1.0 if chosen is None else forms.gain(len(chosen))
            train, judged = (self._table.examples(rows, chosen, warm) for rows in parts)
            yield (train, judged), replace(self._settings, gain=gain)

    def _tracks(self, choices: Sequence[Parts]) -> list[Track]:
        """Train each part once more at its strength, and judge each choice of parts after every epoch."""
        parts = list(dict.fromkeys(part for choice in choices for part in choice))
        folds_of = [self._folds(part.fraction, part.warm) for part in parts]

        def followed(own_folds: Sequence[Fold]) -> list[tuple[History, Floats]]:
            """Return for each choice its history on a fold, and its logits of the judged rows at the end."""
            running = {part: _Course(own, one, part) for part, (own, one) in zip(parts, own_folds, strict=True)}
            train, judged = own_folds[0][0]
            rows: list[list[tuple[float, ...]]] = [[] for _ in choices]
            for _ in range(self._settings.epochs):
                after = {part: course.epoch() for part, course in running.items()}
                means = [_means([after[part] for part in choice]) for choice in choices]
                for figures, pair in zip(rows, means, strict=True):
                    figures.append(_figures(pair, (train.labels, judged.labels), self._settings.balanced))
            return [(History(*np.array(own).T), unseen) for own, (_, unseen) in zip(rows, means, strict=True)]

        found = zip(*folds.at_once(followed, zip(*folds_of, strict=True)), strict=True)
        return [self._track(*map(list, zip(*one, strict=True))) for one in found]

    def _track(self, histories: list[History], logits: list[Floats]) -> Track:
        """Join the folds of one choice."""
        found = np.concatenate(logits)
        losses = statistics.cross_entropy(softmax(found), self._table.labels[self._judged])
        return Track(_mean(histories, self._sizes), found, losses)

    def _chosen(self, losses: Sequence[NDArray[np.float64]]) -> int:
        """Return the number of the choice with the lowest loss; the first one unless another is surely better.

        Surely means by more than a standard error of the photos' differences.
        """
        counts = imbalance.weights(self._table.labels[self._judged], self._settings.balanced).astype(np.float64)
        best = min(range(len(losses)), key=lambda number: float((counts * losses[number]).mean()))
        gained = counts * (losses[0] - losses[best])
        return best if gained.mean() > gained.std() / np.sqrt(len(gained)) else 0

    def _placed(self, track: Track) -> Floats:
        """Return the logits (n, k) of all rows; 0 where a row was not judged."""
        logits = np.zeros((len(self._table.labels), self._settings.classes), np.float32)
        logits[self._judged] = track.logits
        return logits

    def _of(self, parts: Parts, track: Track, last: Part) -> HeadResult:
        labels, settings = self._table.labels, self._settings
        judged = np.zeros(len(labels), bool)
        judged[self._judged] = True
        logits = self._placed(track)
        counts = imbalance.weights(labels[self._judged], settings.balanced)
        return HeadResult(
            right=judged & (logits.argmax(1) == labels),
            judged=judged,
            labels=labels,
            loss=float(np.average(track.losses, weights=counts)),
            strength=last.strength,
            epochs=last.epochs,
            history=track.history,
            balanced=settings.balanced,
            weighed=settings.weighed,
            parts=parts,
            logits=logits,
        )

    @property
    def _fractions(self) -> tuple[float, ...]:
        """The shares of columns to try: of many photos not the largest, which would take memory and minutes."""
        return FRACTIONS if len(self._table.labels) <= self._settings.at_once else FRACTIONS[:-1]

    @property
    def _sizes(self) -> list[float]:
        return [float(len(judged)) for _, judged in self._splits]


@dataclass(frozen=True)
class Track:
    """One form of a head over all epochs, joined over the folds."""

    history: History  # (epochs,)
    logits: Floats  # (m, k) of the judged rows, fold by fold, at the end
    losses: NDArray[np.float64]  # (m,) their cross-entropies


class _Course:
    """The training of one part on a fold; after the part's own number of epochs it stays as it is."""

    def __init__(self, rows: tuple[FeatureRows, FeatureRows], settings: HeadSettings, part: Part) -> None:
        train, judged = rows
        self._bank = Bank(train, replace(settings, strengths=(part.strength,)))
        self._judged, self._start, self._left = self._bank.prepared(judged.features), judged.start, part.epochs

    def epoch(self) -> tuple[Floats, Floats]:
        """Train for an epoch; return the logits (n, k) of the rows learnt from, and (m, k) of those judged."""
        if self._left:
            self._bank.epoch()
            self._left -= 1
        return self._bank.logits()[:, 0], self._bank.logits(self._judged, self._start)[:, 0]


def _means(pairs: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Return the means of the first and of the second logits."""
    seen, unseen = (np.asarray(np.mean(logits, axis=0), np.float32) for logits in zip(*pairs, strict=True))
    return seen, unseen


def _figures(logits: tuple[Floats, Floats], labels: tuple[Rows, Rows], balanced: bool) -> tuple[float, ...]:
    """Return accuracy and loss of the rows learnt from, then of those judged."""
    scores = (linear.score(softmax(one)[:, None], own, balanced) for one, own in zip(logits, labels, strict=True))
    return tuple(float(value[0]) for one in scores for value in (one.accuracy, one.loss))


def splits(table: FeatureTable, seed: int) -> list[tuple[Rows, Rows]]:
    """Return the rows to learn from and those to judge, of each fold or of the fixed split; none judges no row."""
    number = folds.count(table.labels, table.groups)
    fixed = [(table.everything[: table.train], table.everything[table.train :])]
    cut = folds.cut(table.labels, table.groups, number, seed) if number > 1 else fixed
    found = ((train, table.judgeable(judged)) for train, judged in cut)
    return [(train, judged) for train, judged in found if len(judged)]


def _mean(histories: list[History], sizes: list[float]) -> History:
    stacked = zip(*(history.columns() for history in histories), strict=True)
    return History(*(np.average(values, axis=0, weights=sizes) for values in stacked))
