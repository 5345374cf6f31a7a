"""A job that trains its networks from nothing, through the real stages, and one that is resumed after selection."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.job import Stage
from jobs.limits import Limits
from jobs.options import Options
from tests.unit.learn.patterns import archive
from vm_worker.events import Answer, Event, StageOffer, TrialOffer
from vm_worker.learn.networks import small_rows
from vm_worker.spec import Done, Spec
from vm_worker.stages.run import run_stages

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class Parent:
    """Takes whatever is offered; ends the attempt after a stage, where told so."""

    def __init__(self, last: Stage | None = None) -> None:
        self.done: dict[str, Done] = {}
        self._last = last

    def send(self, event: Event) -> None:
        json.dumps(event.to_json())

    def commit(self, offer: StageOffer | TrialOffer) -> Answer:
        assert isinstance(offer, StageOffer)
        self.done[offer.stage] = Done(json.loads(json.dumps(offer.to_json()))["result"], offer.seconds)
        if offer.stage == self._last:
            raise InterruptedError
        return Answer(go=offer.stage)


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    """60 pictures of each of three kinds, and a pretrained candidate whose weights are nowhere."""
    options = Options(
        minutes=20, from_scratch=True, mirror=False, exports=("h5", "keras", "tflite"), candidates=("xception",)
    )
    photos = archive(tmp_path / "x.zip", each=60)
    spec = Spec("abcdefgh", photos, tmp_path / "out", options, Limits(), 1200.0, "2026-01-01", "2026-01-01T00:00:00")
    return replace(spec, stages="tests.integration.short_stages")


def test_a_network_from_scratch_is_chosen_delivered_and_told_of(spec: Spec) -> None:
    parent = Parent()
    run_stages(spec, parent)
    report = json.loads((spec.folder / "report.json").read_text(encoding="utf-8"))
    assert report["winner"]["from_scratch"] and report["winner"]["tuned"]
    assert report["winner"]["name"] in small_rows.ROWS
    tried = [row for row in report["candidates"] if "from scratch" in row["title"]]
    assert len(tried) == 4
    assert report["test"]["accuracy"] > 0.6  # of three kinds
    assert {row["name"]: row["state"] for row in report["exports"]} == dict.fromkeys(
        ("model.h5", "model.keras", "model.tflite"), "made"
    )
    assert report["licence"]["name"] == "yours"
    assert "There are no pretrained weights in it" in (spec.folder / "model_card.md").read_text(encoding="utf-8")
    assert "--from-scratch true" in report["repeat"]["command"]
    assert "--candidates xception" in report["repeat"]["command"]
    assert "Licence of the weights: yours" in (spec.folder / "report.html").read_text(encoding="utf-8")


def test_it_goes_on_after_a_kill_where_selection_was_committed(spec: Spec) -> None:
    first = Parent(last=Stage.SELECT)
    with pytest.raises(InterruptedError):
        run_stages(spec, first)
    second = Parent(last=Stage.EVALUATE)
    with pytest.raises(InterruptedError):
        run_stages(replace(spec, done=first.done), second)
    assert list(second.done) == [Stage.TUNE, Stage.EVALUATE]
    assert second.done[Stage.TUNE].result["better"]
    test: Any = second.done[Stage.EVALUATE].result["test"]
    assert test["accuracy"] > 0.6
