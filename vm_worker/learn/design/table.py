"""The networks of one search: their scores, which of them train on, and which are judged again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from vm_worker.learn import statistics
from vm_worker.learn.design.messages import GIVEN_UP, NetworkResult, Training, unpacked
from vm_worker.learn.design.policy import DesignPolicy
from vm_worker.results.designs import RANDOM, Comparison, NetworkRow, RungScore

TIE = 0.05  # two networks do as well as each other where the p of their difference is greater than this


class NetworkTable:
    """The rows of one search, one for each network, in the order of trying."""

    def __init__(self, policy: DesignPolicy) -> None:
        self._policy = policy
        self.rows: dict[str, NetworkRow] = {}  # by architecture
        self.chance = 0.0
        self._first_seconds = self._later_seconds = 0.0  # of trainings to the first rung, and of those that went on
        self._again: dict[str, list[str]] = {}  # by architecture: what it got right, on one division after the other

    def enter(self, by: str, training: Training, result: NetworkResult, undecided: float | None = None) -> None:
        """Enter the result of a training."""
        text = training.architecture
        row = self.rows.get(text) or NetworkRow(len(self.rows) + 1, by, text, (), "tried", undecided=undecided)
        row = replace(row, seconds=round(row.seconds + result.seconds, 2))
        if training.halves:
            self._again.setdefault(text, []).append(result.right)
            self.rows[text] = replace(row, again=(*row.again, result.score))
            return
        self.chance = result.chance
        if training.epochs == self._policy.rungs[0]:
            self._first_seconds += result.seconds
        else:
            self._later_seconds += result.seconds
        score = RungScore(training.epochs if result.state != GIVEN_UP else 1, result.score)
        state, note = ("given_up", "after its first epoch it was no better than guessing")
        if result.state != GIVEN_UP:
            state, note = row.state, row.note
        pace = result.epoch_seconds if row.epoch_seconds is None else row.epoch_seconds
        self.rows[text] = replace(row, scores=(*row.scores, score), state=state, note=note, epoch_seconds=pace)

    def fail(self, by: str, training: Training, note: str) -> None:
        """Enter a training that failed. A network that was trained before keeps its state."""
        text = training.architecture
        row = self.rows.get(text) or NetworkRow(len(self.rows) + 1, by, text, (), "failed")
        self.rows[text] = replace(row, note=note)

    @property
    def median_pace(self) -> float:
        """The median seconds of an epoch; 0 before any is known."""
        paces = [row.epoch_seconds for row in self.rows.values() if row.epoch_seconds is not None]
        return float(np.median(paces)) if paces else 0.0

    def pace(self, architecture: str) -> float:
        """Return the seconds of an epoch of a network, the median's where it is not known."""
        row = self.rows.get(architecture)
        return self.median_pace if row is None or row.epoch_seconds is None else row.epoch_seconds

    def due(self, begun: set[Training], last: bool = False) -> list[Training]:
        """Return the trainings that are to go on: of each rung the best third that has not, the highest rung first.

        A network that is much slower than the others stays where it is. The best networks are among the slow ones, so
        new ones keep a part of the time: until the `last` call, what goes on takes at most `later_times` as long as
        first trainings took.
        """
        most = self._policy.later_times * self._first_seconds
        found, left = [], math.inf if last else most - self._later_seconds
        for below, above in reversed(list(pairwise(self._policy.rungs))):
            done = sorted(self._at(below), key=lambda row: (-_score_at(row, below), row.number))
            for row in done[: len(done) // self._policy.eta]:
                training, seconds = Training(row.architecture, above), (above - below) * (row.epoch_seconds or 0.0)
                if training not in begun and not self._slow(row) and seconds <= left:
                    left -= seconds
                    found.append(training)
        return found

    def _at(self, epochs: int) -> list[NetworkRow]:
        return [row for row in self.rows.values() if row.state == "tried" and _score_at(row, epochs) >= 0]

    def _slow(self, row: NetworkRow) -> bool:
        return (row.epoch_seconds or 0.0) > self._policy.slow * self.median_pace

    def finalists(self, most: int) -> list[NetworkRow]:
        """Return the networks to judge again: the best, by their longest training, and the best of either kind.

        The best of each kind come first, as the time may end before the last of them.
        """
        order = self._ranked()
        chosen = order[:most]
        for by in dict.fromkeys(row.by for row in self.rows.values()):
            best = next((row for row in order if row.by == by), None)
            if best is not None and best not in chosen:
                others = [row for row in chosen if sum(one.by == row.by for one in chosen) > 1]
                chosen = [row for row in chosen if not others or row is not others[-1]] + [best]
        firsts = [next(row for row in chosen if row.by == by) for by in dict.fromkeys(row.by for row in chosen)]
        return [*firsts, *(row for row in chosen if row not in firsts)]

    def _ranked(self) -> list[NetworkRow]:
        able = [row for row in self.rows.values() if row.state == "tried" and row.scores]
        return sorted(able, key=lambda row: (-row.scores[-1].epochs, -row.scores[-1].score, row.number))

    def best(self) -> NetworkRow | None:
        """Return the best network: among those that were judged again by these figures, else by the longest training.

        None where nothing is better than guessing.
        """
        again = [row for row in self.rows.values() if row.again]
        most = max((len(row.again) for row in again), default=0)
        judged = [row for row in again if len(row.again) == most]
        if judged:
            return max(judged, key=lambda row: (row.judged or 0.0, -row.number))
        order = self._ranked()
        return order[0] if order else None

    def comparison(self, designer: str, counts: Sequence[int]) -> Comparison | None:
        """Compare the best designed network with the best one drawn at random, on the photos that both were judged on.

        `counts` has the number of photos of each division. None where one of the two was not judged again, or where all
        networks are random.
        """
        if designer == RANDOM:
            return None
        again = [row for row in self.rows.values() if row.again]
        both = [
            max((row for row in again if row.by == by), key=lambda row: row.judged or 0.0, default=None)
            for by in (designer, RANDOM)
        ]
        ours, drawn = both
        if ours is None or drawn is None:
            return None
        judged = min(len(ours.again), len(drawn.again))
        rights = [
            np.concatenate(
                [unpacked(bits, n) for bits, n in zip(self._again[row.architecture][:judged], counts, strict=False)]
            )
            for row in (ours, drawn)
        ]
        p = statistics.mcnemar(rights[0], rights[1])
        better = int(rights[0].sum()) > int(rights[1].sum())
        verdict = "same" if p > TIE else "better" if better else "worse"
        return Comparison(ours.number, drawn.number, len(rights[0]), round(p, 5), verdict)


def _score_at(row: NetworkRow, epochs: int) -> float:
    return next((one.score for one in row.scores if one.epochs == epochs), -1.0)
