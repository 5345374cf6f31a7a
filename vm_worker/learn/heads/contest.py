"""The contest of the forms of a head on one network's features, all judged on the same folds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from vm_worker.learn import imbalance, statistics
from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.heads import columns, courses, curves, folds, forms
from vm_worker.learn.heads.courses import Chosen, Fold, PreparedFold
from vm_worker.learn.heads.forms import FeatureTable, Part, Parts
from vm_worker.learn.heads.head_result import HeadResult
from vm_worker.learn.heads.linear import HeadSettings, History, softmax
from vm_worker.learn.heads.strengths import StrengthSearch

DEPTH_COST = 5.0  # times the seconds of the heads on the last features: those of all other forms
FRACTIONS = (0.3, 0.1, 0.03)  # of the columns of all depths, the best ones; the last only where the one before is best
Between = tuple[float, float]
# The strengths that are tried first. On seven photo sets, five networks and two folds each, the best ones on the last
# features lay between 0.001 and 0.3; those on 30 % of all columns were 1 / 330 to 3.3 of them, on 10 % up to 10 times.
EVERY: Between = (0.0, np.inf)
LIKELY: Between = (9e-4, 1.1)
OF_DEPTHS = (0.09, 3.5)  # times the best strength on the last features
OF_FEWER = (0.29, 11.0)  # times the best strength on more columns
NEAR = (0.09, 11.0)  # times the best strength of the same part on fewer rows


@dataclass(frozen=True)
class Tried:
    """A part of a head with its best strength and epoch."""

    part: Part
    loss: float  # cross-entropy in nats of the judged rows
    logits: Floats  # (m, k) of the judged rows, fold by fold
    rows: Sequence[PreparedFold | None]  # that it learnt from, fold by fold; None: they would take much memory


@dataclass(frozen=True)
class _Form:
    """What a part of a head learns from."""

    fraction: float | None = None  # of the columns of all depths, the best ones; None: the last features
    warm: bool = False  # it is added to the head of an earlier model
    first: Between = EVERY  # the strengths that are tried first

    def tried(self, best: Chosen, rows: Sequence[PreparedFold | None]) -> Tried:
        """Return the part of this form with its best strength and epoch, and the rows that it learnt from."""
        part = Part(best.strength, best.epochs, self.fraction, self.warm)
        return Tried(part, best.loss, best.logits, rows)


def _times(factors: Between, strength: float) -> Between:
    return factors[0] * strength, factors[1] * strength


class _NoColumns(Exception):
    """All columns hardly change in the rows that a fold learns from."""


class _Order:
    """The table's columns by the rows that a fold learns from, the best first; found when first asked for."""

    def __init__(self, table: FeatureTable, rows: Rows, seed: int) -> None:
        self._table, self._rows, self._seed, self._lock = table, rows, seed, Lock()
        self._found: Rows | None = None

    @property
    def columns(self) -> Rows:
        """(d,) the columns, without those that hardly change."""
        with self._lock:
            if self._found is None:
                self._found = self._table.ranked(self._rows, self._seed)
            return self._found


class Contest:
    """The forms of a head on one network's features, compared on the same folds."""

    def __init__(self, table: FeatureTable, settings: HeadSettings) -> None:
        table = table.loaded()
        self._table, self._settings = table, settings
        self._splits = splits(table, settings.seed)
        self._orders = [_Order(table, train, settings.seed) for train, _ in self._splits]
        self._judged = np.concatenate([judged for _, judged in self._splits])
        self._few = len(table.labels) <= settings.at_once  # whether heads are trained on all photos at once
        # Of many photos all strengths are tried at once: another course costs as much as the first there.
        self._likely, self._of_depths = (LIKELY, OF_DEPTHS) if self._few else (EVERY, EVERY)
        self._kept = not table.views  # rows of many views would take much memory

    def result(self, seconds: float) -> HeadResult:
        """Choose the strengths of each part, then the form with the lowest cross-entropy.

        Features of other depths than the last are tried where that probably takes no more than so many seconds.
        """
        started = time.monotonic()
        (last,) = self._tried([_Form(first=self._likely)])
        choices: list[tuple[Tried, ...]] = [(last,)]
        if self._table.deep and DEPTH_COST * (time.monotonic() - started) < seconds:
            deep = self._best_columns(last.part.strength)
            choices = [(last, deep), (last,), (deep,)] if deep else choices
        if self._table.earlier is None:
            return self._of(self._chosen(choices), last.part)
        (warm,) = self._tried([_Form(warm=True, first=self._likely)])
        untouched = self._untouched(warm)
        result = self._of(self._chosen([*choices, (warm,), (untouched,)]), last.part)
        anew = np.asarray(np.mean([one.logits for one in choices[0]], axis=0), np.float32)
        return replace(result, untouched=self.placed(untouched.logits), anew=self.placed(anew))

    def again(self, parts: Parts) -> list[Tried]:
        """Return parts on these rows, with strengths near those that were best on others, and their best epochs."""
        return self._tried([_Form(one.fraction, one.warm, _times(NEAR, one.strength)) for one in parts])

    def _best_columns(self, strength: float) -> Tried | None:
        """Return the best share of the columns of all depths; `strength` was best on the last features.

        None where all columns hardly change.
        """
        *larger, smallest = self._fractions
        try:
            found = self._tried([_Form(one, first=_times(self._of_depths, strength)) for one in larger])
        except _NoColumns:
            return None
        best = min(found, key=lambda one: one.loss)
        if best.part.fraction != larger[-1]:
            return best
        (last,) = self._tried([_Form(smallest, first=_times(OF_FEWER, best.part.strength))])
        return min(best, last, key=lambda one: one.loss)

    def _tried(self, tried: Sequence[_Form]) -> list[Tried]:
        """Return the parts of these forms with their best strengths and epochs."""
        labels = self._table.labels[self._judged]
        searches = [StrengthSearch(self._settings, form.first, labels) for form in tried]
        rows: list[list[PreparedFold | None]] = [[None] * len(self._splits) for _ in tried]
        best: dict[int, Chosen] = {}

        def course(task: tuple[int, int]) -> Floats:
            form, number = task
            own = rows[form][number] or courses.prepared(self._fold(tried[form], number))
            rows[form][number] = own if self._kept and own.few else None
            return courses.course(own, replace(self._settings, strengths=searches[form].wanted))

        while wanted := [form for form, search in enumerate(searches) if search.wanted]:
            tasks = [(form, number) for form in wanted for number in range(len(self._splits))]
            found = iter(folds.at_once(course, tasks))
            for form in wanted:
                best[form] = searches[form].learn([next(found) for _ in self._splits])
        return [form.tried(best[number], rows[number]) for number, form in enumerate(tried)]

    def _untouched(self, warm: Tried) -> Tried:
        """Return the earlier model's head as it was."""
        starts = [self._table.examples(judged, warm=True).start for _, judged in self._splits]
        logits = np.concatenate([one for one in starts if one is not None])
        return replace(warm, part=replace(warm.part, epochs=0), logits=logits)

    def _fold(self, form: _Form, number: int) -> Fold:
        """Return the rows of a fold to learn from and to judge, in the columns of this form, and the settings."""
        count = None if form.fraction is None else self._table.count(form.fraction)
        chosen = None if count is None else columns.best(self._orders[number].columns, count)
        if chosen is not None and not len(chosen):
            raise _NoColumns
        gain = 1.0 if chosen is None else forms.gain(len(chosen))
        train, judged = self._splits[number]
        rows = self._table.learnt(train, chosen, form.warm), self._table.examples(judged, chosen, form.warm)
        return rows, replace(self._settings, gain=gain)

    def _curve(self, choice: Sequence[Tried]) -> History:
        """Return the learning curve of a choice."""

        def rows(number: int) -> list[PreparedFold]:
            """Return the rows of each part on a fold, as they were kept or made again."""
            return [
                one.rows[number] or courses.prepared(self._fold(_Form(one.part.fraction, one.part.warm), number))
                for one in choice
            ]

        return curves.history(tuple(one.part for one in choice), range(len(self._splits)), rows, self._settings)

    def _chosen(self, choices: Sequence[Sequence[Tried]]) -> _Choice:
        """Return the choice with the lowest loss; the first one unless another is surely better.

        Surely means by more than a standard error of the photos' differences.
        """
        labels = self._table.labels[self._judged]
        logits = [np.asarray(np.mean([one.logits for one in choice], axis=0), np.float32) for choice in choices]
        losses = [statistics.cross_entropy(softmax(one), labels) for one in logits]
        counts = imbalance.weights(labels, self._settings.balanced).astype(np.float64)
        best = min(range(len(losses)), key=lambda number: float((counts * losses[number]).mean()))
        gained = counts * (losses[0] - losses[best])
        number = best if gained.mean() > gained.std() / np.sqrt(len(gained)) else 0
        return _Choice(choices[number], logits[number], losses[number])

    def placed(self, found: Floats) -> Floats:
        """Return the logits (n, k) of all rows; 0 where a row was not judged."""
        logits = np.zeros((len(self._table.labels), self._settings.classes), np.float32)
        logits[self._judged] = found
        return logits

    def _of(self, choice: _Choice, last: Part) -> HeadResult:
        labels, settings = self._table.labels, self._settings
        judged = np.zeros(len(labels), bool)
        judged[self._judged] = True
        logits = self.placed(choice.logits)
        return HeadResult(
            right=judged & (logits.argmax(1) == labels),
            judged=judged,
            labels=labels,
            loss=float(np.average(choice.losses, weights=imbalance.weights(labels[self._judged], settings.balanced))),
            strength=last.strength,
            epochs=last.epochs,
            history=self._curve(choice.tried),
            balanced=settings.balanced,
            weighed=settings.weighed,
            parts=tuple(one.part for one in choice.tried),
            logits=logits,
        )

    @property
    def _fractions(self) -> tuple[float, ...]:
        """The shares of columns to try: of many photos not the largest, which would take memory and minutes."""
        return FRACTIONS if self._few else FRACTIONS[1:]


@dataclass(frozen=True)
class _Choice:
    """The form of a head that was chosen."""

    tried: Sequence[Tried]  # its parts
    logits: Floats  # (m, k) of the judged rows, fold by fold: the mean of theirs
    losses: NDArray[np.float64]  # (m,) their cross-entropies


def splits(table: FeatureTable, seed: int) -> list[tuple[Rows, Rows]]:
    """Return the rows to learn from and those to judge, of each fold or of the fixed split; none judges no row."""
    number = folds.count(table.labels, table.groups)
    fixed = [(table.everything[: table.train], table.everything[table.train :])]
    cut = folds.cut(table.labels, table.groups, number, seed) if number > 1 else fixed
    found = ((train, table.judgeable(judged)) for train, judged in cut)
    return [(train, judged) for train, judged in found if len(judged)]
