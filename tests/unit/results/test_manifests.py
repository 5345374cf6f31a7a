"""The typed results against what the version before them committed, kept in `manifests/` from two real jobs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jobs.job import Stage
from vm_worker.as_json import AsJson
from vm_worker.results.candidates import CandidateRow, Selected
from vm_worker.results.evaluated import Evaluated
from vm_worker.results.exported import Exported
from vm_worker.results.intake import TakenIn
from vm_worker.results.reported import Reported
from vm_worker.results.trials import Tuned

JOBS = ("pretrained", "from_scratch")
KINDS: dict[Stage, type[AsJson]] = {
    Stage.INTAKE: TakenIn,
    Stage.SELECT: Selected,
    Stage.TUNE: Tuned,
    Stage.EVALUATE: Evaluated,
    Stage.EXPORT: Exported,
    Stage.REPORT: Reported,
}
NEW = ("validation_score", "metric")


def committed(job: str, stage: Stage) -> dict[str, Any]:
    """The result of one stage, as the version before wrote it."""
    text = (Path(__file__).parent / "manifests" / f"{job}.json").read_text(encoding="utf-8")
    result: dict[str, Any] = json.loads(text)[stage]
    return result


def without_new_keys(value: Any) -> Any:
    """The same JSON as the version before would have written it."""
    if isinstance(value, dict):
        return {key: without_new_keys(one) for key, one in value.items() if key not in NEW}
    return [without_new_keys(one) for one in value] if isinstance(value, list) else value


def scored(value: Any) -> list[dict[str, Any]]:
    """Every object of a JSON value that has a score."""
    if isinstance(value, dict):
        inside = [found for one in value.values() for found in scored(one)]
        return [value, *inside] if "metric" in value else inside
    return [found for one in value for found in scored(one)] if isinstance(value, list) else []


@pytest.mark.parametrize("stage", KINDS)
@pytest.mark.parametrize("job", JOBS)
def test_what_the_version_before_committed_is_read_and_written_as_it_was(job: str, stage: Stage) -> None:
    before = committed(job, stage)
    assert not set(NEW) & set(json.dumps(before).split('"'))
    plain = json.loads(json.dumps(KINDS[stage].from_json(before).to_json()))
    assert without_new_keys(plain) == before
    assert KINDS[stage].from_json(plain) == KINDS[stage].from_json(before)


@pytest.mark.parametrize(("stage", "rows"), [(Stage.SELECT, 3), (Stage.TUNE, 2)])
def test_every_row_with_an_accuracy_says_that_it_is_the_score(stage: Stage, rows: int) -> None:
    found = scored(KINDS[stage].from_json(committed("pretrained", stage)).to_json())
    assert len(found) >= rows
    assert all(row["validation_score"] == row["validation_accuracy"] and row["metric"] == "accuracy" for row in found)


def test_a_score_of_another_metric_is_kept() -> None:
    row = CandidateRow("n", "N", None, None, None, 1, 1.0, "chosen", "", validation_score=0.4, metric="map50")
    assert CandidateRow.from_json(row.to_json()) == row and row.to_json()["validation_accuracy"] is None


def test_the_winner_has_its_row_and_a_network_from_scratch_its_epochs() -> None:
    pretrained, scratch = (Selected.from_json(committed(job, Stage.SELECT)) for job in JOBS)
    assert pretrained.best.state == "chosen" and pretrained.from_scratch is None
    assert "from_scratch" not in pretrained.to_json()
    assert scratch.winner.startswith("scratch_")
    assert scratch.from_scratch is not None and scratch.from_scratch.epochs > 0
