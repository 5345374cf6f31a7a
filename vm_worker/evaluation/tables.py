"""The candidates and the trials as one CSV file that any spreadsheet opens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from jobs import wording
from vm_worker.results.candidates import CandidateRow
from vm_worker.results.trials import TrialRow

# A cell that starts with one of these is a formula to a spreadsheet, and a formula can call out.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


# Rows for programs alone; a person compares the accuracies.
NO_COLUMNS = ("validation_score", "metric")


@dataclass(frozen=True)
class CandidateCost:
    """A candidate's row, and what its model costs."""

    row: CandidateRow
    bytes: int | None  # of its file; None: unknown
    milliseconds: float | None  # for one photo on one core, as a TFLite model; None: not measured

    def to_json(self) -> dict[str, Any]:
        """The row with two more keys."""
        return {**self.row.to_json(), "bytes": self.bytes, "milliseconds": self.milliseconds}


def write_results(path: Path, candidates: Sequence[CandidateCost], trials: Sequence[TrialRow]) -> None:
    """Write a row for each candidate and each trial; the first column says which it is.

    A trial's parameters become columns of their own, an interval two. With a byte order mark, without which
    Excel reads UTF-8 as something else.
    """
    rows = [_candidate(row) for row in candidates] + [_trial(row) for row in trials]
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
    """The cell as a spreadsheet may have it: a text that it would run gets a quote before it, numbers stay."""
    if not isinstance(cell, str):
        return cell
    if cell.startswith(FORMULA_STARTS):
        cell = "'" + cell
    return wording.clean(cell)
