"""An experiment that is ended anywhere goes on there: nothing is trained twice, and no weights go too early."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.limits import Limits
from tests.unit.staged.test_experiment import ROW, Silent, _plan, _ready, _stage
from vm_worker.staged import experiment, photos
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


class TakenIn(Exception):
    """Photos are read once more."""


def test_photos_of_another_zip_are_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, folder = tmp_path / "photos.zip", tmp_path / "kept"
    source.write_bytes(b"first")
    wanted = photos.Wanted(source, folder, 8, 0, Limits())
    folder.mkdir()
    np.save(folder / "squares-8.npy", np.zeros((2, 8, 8, 3), np.uint8))
    np.savez(folder / photos.ARRAYS, labels=np.zeros(2, np.int64), parts=np.zeros(2, np.int64))
    facts = replace(FACTS, source=photos._name(wanted))
    (folder / photos.FACTS).write_text(json.dumps(facts.to_json()), encoding="utf-8")

    def taken_in(*_: object) -> None:
        raise TakenIn

    monkeypatch.setattr(photos, "_taken_in", taken_in)
    assert photos.opened(wanted, lambda *_: None).facts == facts
    for changed in (replace(wanted, size=9), replace(wanted, seed=1)):
        with pytest.raises(TakenIn):
            photos.opened(changed, lambda *_: None)
    source.write_bytes(b"other")
    with pytest.raises(TakenIn):
        photos.opened(wanted, lambda *_: None)


@pytest.mark.parametrize("until", STEPS)
def test_what_an_ended_run_has_trained_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: str
) -> None:
    own = StagePhotos(FACTS, {})
    ready = replace(_ready(_plan(_stage())), photos=(own, own))
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
