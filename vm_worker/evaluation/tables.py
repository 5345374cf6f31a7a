"""The candidates and the trials as one CSV file that any spreadsheet opens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from jobs import wording

# A cell that starts with one of these is a formula to a spreadsheet, and a formula can call out.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_results(path: Path, candidates: Sequence[Mapping[str, Any]], trials: Sequence[Mapping[str, Any]]) -> None:
    """Each candidate and each trial is a row; the first column says which it is.

    A trial's parameters become columns of their own, an interval two. With a byte order mark, without which
    Excel reads UTF-8 as something else.
    """
    rows = [_candidate(row) for row in candidates] + [_trial(row) for row in trials]
    table = pd.DataFrame(rows, dtype=object).map(harmless)
    table.columns = pd.Index([harmless(column) for column in table.columns], dtype=object)
    table.to_csv(path, index=False, encoding="utf-8-sig")


def _candidate(row: Mapping[str, Any]) -> dict[str, Any]:
    low, high = row.get("validation_interval") or (None, None)
    flat = {key: value for key, value in row.items() if key != "validation_interval"}
    return {"what": "candidate", **flat, "validation_low": low, "validation_high": high}


def _trial(row: Mapping[str, Any]) -> dict[str, Any]:
    flat = {key: value for key, value in row.items() if key not in ("parameters", "number")}
    parameters = {f"parameter_{key}": value for key, value in row.get("parameters", {}).items()}
    return {"what": "trial", "name": f"trial {row['number']}", **flat, **parameters}


def harmless(cell: Any) -> Any:
    """Numbers stay numbers; a text that a spreadsheet would run gets a quote before it."""
    if not isinstance(cell, str):
        return cell
    if cell.startswith(FORMULA_STARTS):
        cell = "'" + cell
    return wording.clean(cell)
