"""results.csv opens in a spreadsheet and runs nothing there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from tests.unit.report import samples
from vm_worker.evaluation import tables
from vm_worker.evaluation.tables import CandidateCost
from vm_worker.results.candidates import CandidateRow
from vm_worker.results.trials import TrialRow


def written(path: Path, candidates: Sequence[CandidateCost], trials: Sequence[TrialRow]) -> pd.DataFrame:
    tables.write_results(path, candidates, trials)
    return pd.read_csv(path, encoding="utf-8-sig")


def test_candidates_and_trials_are_rows_with_their_numbers(tmp_path: Path) -> None:
    facts = samples.facts()
    candidates = [CandidateCost(row, 1, None) for row in facts.select.candidates]
    table = written(tmp_path / "results.csv", candidates, facts.tune.trials)
    assert table["what"].tolist() == ["candidate"] * 5 + ["trial"]
    assert table["name"].tolist()[-2:] == ["vgg16", "trial 1"]
    assert table["validation_accuracy"][0] == 0.912
    assert table["validation_low"][0] == pytest.approx(0.8744, abs=0.0001)
    assert pd.isna(table["validation_low"][3])
    assert table["parameter_batch"][5] == 64


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\u200e=", "\ufeff@"])
def test_a_formula_becomes_text(tmp_path: Path, start: str) -> None:
    row = CandidateRow(f"{start}cmd|' /C calc'!A0", "title", -0.5, None, None, 1, 1.0, "chosen", "")
    table = written(tmp_path / "results.csv", [CandidateCost(row, 1, None)], [])
    assert table["name"][0].startswith("'")
    assert table["validation_accuracy"][0] == -0.5  # a number is not a formula


def test_a_formula_as_a_parameter_name_becomes_text(tmp_path: Path) -> None:
    trial = TrialRow(1, "rule", {"=1+1": "=2+2"})
    table = written(tmp_path / "results.csv", [], [trial])
    assert table["parameter_=1+1"][0] == "'=2+2"


def test_no_candidates_is_an_empty_table(tmp_path: Path) -> None:
    tables.write_results(tmp_path / "results.csv", [], [])
    assert (tmp_path / "results.csv").exists()
