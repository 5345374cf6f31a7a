"""The candidates of one selection: which were judged, which were left out, and how fast each of them is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from vm_worker.learn.arrays import Rows
from vm_worker.learn.latency import measurement
from vm_worker.learn.networks.catalogue import Backbone
from vm_worker.learn.select import ranking
from vm_worker.learn.select.ranking import Candidate
from vm_worker.results.candidates import CandidateRow, CurvePoint


@dataclass(frozen=True)
class Judged:
    """What is known of a candidate besides its place in the ranking."""

    candidate: Candidate
    rows: Rows  # of the dataset, that it was judged on
    plain: float  # images a second by Keras
    heads_seconds: float  # that its heads took
    curve: tuple[CurvePoint, ...]  # of its chosen head, or of the whole network


class SelectionTable:
    """Grows by a candidate at a time."""

    def __init__(self, objective: str) -> None:
        self._objective = objective
        self._judged: dict[str, Judged] = {}  # by key
        self._dropped: list[CandidateRow] = []
        self.speeds: dict[str, float] = {}  # images a second, of each that has seen some photos

    def __len__(self) -> int:
        """How many candidates are settled, judged or left out."""
        return len(self._judged) + len(self._dropped)

    @property
    def candidates(self) -> list[Candidate]:
        """The candidates that were judged, in the order of their judging."""
        return [one.candidate for one in self._judged.values()]

    def add(self, judged: Judged) -> None:
        """Enter a candidate that was judged."""
        self._judged[judged.candidate.backbone.key] = judged

    def drop(self, row: CandidateRow) -> None:
        """Enter a candidate that was left out; its note says why."""
        self._dropped.append(row)

    def best(self) -> Judged:
        """The winner so far. Raises ValueError where no candidate was judged."""
        return self._judged[ranking.winner(self.candidates, self._objective).backbone.key]

    def rows(self) -> tuple[CandidateRow, ...]:
        """A row for each candidate, the best first, those that were left out last."""
        judged = ranking.table(self.candidates, self._objective) if self._judged else []
        return (*judged, *self._dropped)

    def curve(self) -> tuple[CurvePoint, ...]:
        """The epochs of every candidate that was judged."""
        return tuple(point for one in self._judged.values() for point in one.curve)

    def reason(self) -> str:
        """Say why the winner won, and what ties with it."""
        return ranking.reason(self.candidates, self._objective)

    def measure_leaders(self, folder: Path, seconds: float) -> None:
        """Measure how fast and small the candidates are that tie for the first place, as TFLite models."""
        leaders = [one.backbone.key for one in ranking.leaders(self.candidates)]
        measurement.fill(leaders, folder, seconds)
        memory = measurement.Memory()
        for key, one in self._judged.items():
            self._judged[key] = replace(one, candidate=replace(one.candidate, figures=memory.get(key)))


def left_out(backbone: Backbone, note: str, seconds: float) -> CandidateRow:
    """The row of a candidate that was left out after so many seconds; the note says why."""
    return CandidateRow.without_figures(backbone, "dropped", note, round(seconds, 2))
