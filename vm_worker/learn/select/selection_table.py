"""The candidates of one selection so far: those that were validated, those that were left out, and their speeds."""

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
class CandidateRecord:
    """A validated candidate, with the values that the ranking does not need."""

    candidate: Candidate
    rows: Rows  # (n,) the dataset's rows of its feature table, in the same order
    plain: float  # images a second by Keras
    heads_seconds: float  # that its heads took
    curve: tuple[CurvePoint, ...]  # of its chosen head, or of the whole network


class SelectionTable:
    """The candidates of one selection, entered one at a time."""

    def __init__(self, objective: str) -> None:
        self._objective = objective
        self._records: dict[str, CandidateRecord] = {}  # by key
        self._left_out: list[CandidateRow] = []
        self._chosen = ""  # the key of the winner, once it is chosen for good
        self.speeds: dict[str, float] = {}  # images a second by key, of each that has features of some photos

    def __len__(self) -> int:
        """Return the number of candidates entered, validated or left out."""
        return len(self._records) + len(self._left_out)

    @property
    def candidates(self) -> list[Candidate]:
        """The validated candidates, in the order in which they were entered."""
        return [record.candidate for record in self._records.values()]

    def add(self, record: CandidateRecord) -> None:
        """Enter a validated candidate."""
        self._records[record.candidate.backbone.key] = record

    def leave_out(self, row: CandidateRow) -> None:
        """Enter a candidate that was left out; the note of its row says why."""
        self._left_out.append(row)

    def best(self) -> CandidateRecord:
        """Return the winner so far, or the one that was chosen. Raises ValueError where no candidate was validated."""
        return self._records[self._chosen or ranking.winner(self.candidates, self._objective).backbone.key]

    def choose(self) -> CandidateRecord:
        """Choose the winner for good, whatever is entered later, and return it. Raises ValueError as `best`."""
        best = self.best()
        self._chosen = best.candidate.backbone.key
        return best

    def record(self, candidate: Candidate) -> CandidateRecord:
        """Return the record of a validated candidate."""
        return self._records[candidate.backbone.key]

    def rows(self) -> tuple[CandidateRow, ...]:
        """Return a row for each candidate, the best first, those that were left out last."""
        validated = ranking.rows(self.candidates, self._objective) if self._records else []
        return (*validated, *self._left_out)

    def curve(self) -> tuple[CurvePoint, ...]:
        """Return the epochs of every validated candidate."""
        return tuple(point for record in self._records.values() for point in record.curve)

    def reason(self) -> str:
        """Explain for the report why the winner was chosen and which candidates tie with it."""
        return ranking.reason(self.candidates, self._objective)

    def measure_latency(self, folder: Path, seconds: float) -> None:
        """Measure, as TFLite models, latency and size of the best candidate and of those that tie with it.

        `folder` is for temporary files. Candidates for which the seconds do not suffice stay unmeasured.
        """
        keys = [one.backbone.key for one in ranking.best_and_ties(self.candidates)]
        measurement.measure_missing(keys, folder, seconds)
        cache = measurement.LatencyCache()
        for key, record in self._records.items():
            self._records[key] = replace(record, candidate=replace(record.candidate, latency=cache.get(key)))


def left_out_row(backbone: Backbone, note: str, seconds: float) -> CandidateRow:
    """Return the row of a candidate that was left out after so many seconds; the note says why."""
    return CandidateRow.without_figures(backbone, "dropped", note, round(seconds, 2))
