"""The trainings of a detector, as the select stage hands them to the tune stage."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs.json_values import JsonObject
from vm_worker.as_json import AsJson
from vm_worker.results.trials import TrialRow
from vm_worker.tasks.detection.engine.training.study import TrialFacts, TrialOutcome

LEARNT = "learnt.json"  # a private file
UPPER_PART, SECOND_STAGE = "upper_part", "second_stage"  # what was trained, too
METRIC = "count_rmse"  # what trials are compared by, on the validation photos: objects a photo, lower is better


@dataclass(frozen=True)
class Learnt(AsJson):
    """The first training, by the plan's own recipe."""

    key: str  # of the trial
    facts: TrialFacts
    epochs: int  # that were planned
    prepared: float  # seconds until the training began

    @property
    def whole(self) -> bool:
        """Whether all its epochs fitted into the time."""
        return self.facts.epochs >= self.epochs

    @property
    def result(self) -> JsonObject:
        """The trial's result, as a search reads it."""
        assert self.facts.point  # noqa: S101  (the first training always has one)
        return TrialOutcome(self.facts.point, self.facts.seconds, self.facts.epochs).to_json()

    def write(self, folder: Path) -> None:
        """Write the file into a job's folder."""
        (folder / LEARNT).write_text(json.dumps(self.to_json()), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Learnt:
        """Read the file of a job's folder."""
        return cls.from_json(json.loads((folder / LEARNT).read_text(encoding="utf-8")))


def rows(trials: Sequence[TrialFacts], kept: int, more: Sequence[str] = ()) -> tuple[TrialRow, ...]:
    """Return the trials as the report shows them, the one that is delivered first; `kept` is its number.

    `more` names what was added to it: UPPER_PART, SECOND_STAGE.
    """
    ordered = sorted(trials, key=lambda one: one.number != kept)
    return tuple(_row(one, one.number == kept, more if one.number == kept else ()) for one in ordered)


def _row(one: TrialFacts, kept: bool, more: Sequence[str]) -> TrialRow:
    genes = {"epochs": one.epochs, "steps_an_epoch": one.steps, "learning_rate": float(f"{one.rate:.3g}")}
    if one.point is None:
        return TrialRow(one.number, one.kind, genes, seconds=one.seconds, state="skipped", note=one.note, metric=METRIC)
    return TrialRow(
        one.number,
        one.kind,
        {
            **genes,
            "threshold": one.point.threshold,
            "overlap": one.point.overlap,
            "f1": round(one.point.f1, 4),
            UPPER_PART: UPPER_PART in more,
            SECOND_STAGE: SECOND_STAGE in more,
            "usable": one.point.usable,
        },
        seconds=round(one.seconds, 1),
        state="kept" if kept else "not_better",
        note=one.note,
        validation_score=one.point.rmse,
        metric=METRIC,
    )
