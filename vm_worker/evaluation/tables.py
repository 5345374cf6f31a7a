"""The candidates and the trials as one CSV file that any spreadsheet opens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from jobs import wording
from jobs.json_values import JsonObject
from vm_worker.results.candidates import CandidateRow
from vm_worker.results.trials import TrialRow

# A spreadsheet reads a cell that starts with one of these as a formula, and a formula can contact a server.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


# Columns that only programs need; a person compares the accuracies.
NO_COLUMNS = ("validation_score", "metric")


@dataclass(frozen=True)
class CandidateCost:
    """The row of a candidate with the costs of its model."""

    row: CandidateRow
    bytes: int | None  # size of its file; None: unknown
    milliseconds: float | None  # time for one photo on one core, as a TFLite model; None: not measured

    def to_json(self) -> dict[str, Any]:
        """Return the row with two more keys."""
        return {**self.row.to_json(), "bytes": self.bytes, "milliseconds": self.milliseconds}


def write_results(
    path: Path, candidates: Sequence[CandidateCost], trials: Sequence[TrialRow], mistakes: Sequence[JsonObject] = ()
) -> None:
    """Write a row for each candidate, trial and wrong answer; the first column tells which of them it is.

    A trial's parameters become columns of their own, an interval two columns. The file starts with a byte order mark,
    without which Excel does not read it as UTF-8.
    """
    wrong = [{"what": "mistake", **row} for row in mistakes]
    rows = [_candidate(row) for row in candidates] + [_trial(row) for row in trials] + wrong
    table = pd.DataFrame(rows, dtype=object).map(harmless)
    table.columns = pd.Index([harmless(column) for column in table.columns], dtype=object)
    table.to_csv(path, index=False, encoding="utf-8-sig")


def _candidate(candidate: CandidateCost) -> dict[str, object]:
    low, high = candidate.row.validation_interval or (None, None)
    flat = {key: value for key, value in candidate.to_json().items() if key not in ("validation_interval", *NO_COLUMNS)}
    return {"what": "candidate", **flat, "validation_low": low, "validation_high": high}


def _trial(row: TrialRow) -> dict[str, object]:
    left_out = ("parameters", "number", *NO_COLUMNS)
    flat = {key: value for key, value in row.to_json().items() if key not in left_out}
    parameters = {f"parameter_{key}": value for key, value in row.parameters.items()}
    return {"what": "trial", "name": f"trial {row.number}", **flat, **parameters}


def harmless(cell: Any) -> Any:
    """Return the cell as a spreadsheet may have it: a text that would be a formula gets a quote before it."""
    if not isinstance(cell, str):
        return cell
    text = wording.clean(cell)
    # What is cleaned away may stand before a formula.
    return f"'{text}" if cell.startswith(FORMULA_STARTS) or text.startswith(FORMULA_STARTS) else text
