"""An experiment that is ended anywhere goes on there: nothing is trained twice, and no weights go too early."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from tests.unit.staged.test_experiment import ROW, Silent, _plan, _ready, _stage
from vm_worker.staged import experiment
from vm_worker.staged.experiment import Prepared, Step
from vm_worker.staged.kept import Kept
from vm_worker.staged.photos import PhotoFacts, StagePhotos
from vm_worker.staged.results import Arm, Training

FACTS = PhotoFacts("source", "0" * 64, ("a", "b"), 6, 2, 2, False, ())
STEPS = [f"{repeat:03}-{arm}" for repeat in (1, 2) for arm in ("stage-1", "stage-2", "cached-2", "scratch-2")]


class Killed(Exception):
    """The command is ended."""


class Trainings:
    """Trains in place of the network, until it is ended before a step."""

    def __init__(self, until: str) -> None:
        self.began: list[str] = []
        self._until = until

    def run(self, ready: Prepared, step: Step, kept: Kept, listener: object) -> Training:
        if step.name == self._until:
            raise Killed
        self.began.append(step.name)
        if step.stage > 1 and step.arm is not Arm.SCRATCH:
            assert kept.has_weights(step.repeat, step.stage - 1)
        if step.arm is Arm.STAGE:
            np.savez(kept.weights(step.repeat, step.stage), np.zeros(3))
        row = replace(ROW, repeat=step.repeat, arm=step.arm, stage=step.stage)
        kept.keep(step.name, row)
        return row


@pytest.mark.parametrize("until", STEPS)
def test_what_an_ended_run_has_trained_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: str
) -> None:
    photos = cast(StagePhotos, type("Photos", (), {"facts": FACTS}))
    ready = replace(_ready(_plan(_stage())), photos=(photos, photos))
    first, second = Trainings(until), Trainings("")
    heard: list[Any] = []
    monkeypatch.setattr(experiment, "_trained", first.run)
    with pytest.raises(Killed):
        experiment.run(ready, tmp_path, Silent(), heard.append)
    monkeypatch.setattr(experiment, "_trained", second.run)
    rows = experiment.run(ready, tmp_path, Silent(), heard.append)
    assert first.began + second.began == STEPS
    assert [f"{row.repeat:03}-{row.arm}-{row.stage}" for row in rows] == STEPS
    assert list((tmp_path / "weights").iterdir()) == []
