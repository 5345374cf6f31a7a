"""A job that designs a network, through the real stages: killed twice in its search, it repeats no training."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.errors import UserError
from jobs.job import Stage
from jobs.limits import Limits
from jobs.options import Options
from tests.unit.learn.patterns import archive
from vm_worker.designs.grammar import parse
from vm_worker.designs.kept import kept
from vm_worker.events import Answer, Event, StageOffer, TrialOffer
from vm_worker.spec import Done, Spec
from vm_worker.stages.run import run_stages

OWN = '["CONV:3X3:1X1:SAME:8:BN", "LocalRespNorm", "MAX_POOLING:3X3:2X2:SAME", "CONV:3X3:1X1:SAME:16:BN", "SOFTMAX"]'
OPTIONS = Options(
    minutes=20,
    objective="small",
    candidates=("efficientnet_lite0",),
    epochs=8,
    goal=0.1,  # reached at once: its larger form is not tried
    design="controller",
    designs=12,
    mirror=False,
    exports=("h5", "keras", "tflite", "onnx"),
)
EXPORTS = ("model.h5", "model.keras", "model.tflite", "model.onnx")


class Parent:
    """Takes whatever is offered; ends the attempt after so many trials, like a machine that is taken back."""

    def __init__(self) -> None:
        self.done: dict[str, Done] = {}
        self.trials: dict[str, Done] = {}
        self.last: int | Stage | None = None  # so many trainings, or a stage

    def send(self, event: Event) -> None:
        json.dumps(event.to_json())

    def commit(self, offer: StageOffer | TrialOffer) -> Answer:
        result = json.loads(json.dumps(offer.to_json()))["result"]
        if isinstance(offer, TrialOffer):
            assert offer.key not in self.trials, "a training was repeated"
            self.trials[offer.key] = Done(result, offer.seconds, offer.stage)
            if len(self.trials) == self.last:
                raise InterruptedError
            return Answer(go=offer.key)
        self.done[offer.stage] = Done(result, offer.seconds)
        if offer.stage == self.last:
            raise InterruptedError
        return Answer(go=offer.stage)


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    """40 pictures of 32 pixels of each of three kinds; no pretrained weights."""
    photos = archive(tmp_path / "x.zip", each=40)
    spec = Spec("abcdefgh", photos, tmp_path / "out", OPTIONS, Limits(), 1200.0, "2026-01-01", "2026-01-01T00:00:00")
    return replace(spec, stages="tests.integration.designing_stages")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_job_that_is_killed_twice_finishes_and_repeats_no_training(spec: Spec) -> None:
    """Kills it twice in its search, and a third time before it is tested: another machine goes on then."""
    parent = Parent()
    for last in (5, 13, Stage.TUNE):
        parent.last = last
        with pytest.raises(InterruptedError):
            run_stages(replace(spec, done=dict(parent.done), trials=dict(parent.trials)), parent)
    for folder in ("cache", "scratch"):  # what is not committed is not on the other machine
        shutil.rmtree(spec.folder / folder)
    parent.last = None
    run_stages(replace(spec, done=dict(parent.done), trials=dict(parent.trials)), parent)
    assert {done.stage for done in parent.trials.values()} == {Stage.SELECT}
    report = json.loads((spec.folder / "report.json").read_text(encoding="utf-8"))
    design = report["design"]
    assert len(design["networks"]) == 12 and {row["by"] for row in design["networks"]} == {"random", "controller"}
    assert report["winner"]["name"] == "designed_network" and report["winner"]["tuned"]
    beside = design["beside"]
    assert (beside["photos"], beside["designed"]) == (report["test"]["images"], report["test"]["correct"])
    assert beside["delivered"] == "designed" and beside["title"] == "EfficientNet-Lite0" and 0 < beside["p"] <= 1
    assert str(parse(design["string"])) == str(kept(spec.folder / "model.h5"))
    assert {row["name"]: row["state"] for row in report["exports"]} == dict.fromkeys(EXPORTS, "made")
    page = (spec.folder / "report.html").read_text(encoding="utf-8")
    assert f"the same {beside['photos']} test photos" in page
    assert "A network designed for your pictures" in page and "data:image/svg+xml;base64" in page


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_network_of_the_users_own_is_trained_and_keeps_its_text(spec: Spec) -> None:
    options = replace(spec.options, design=None, designs=None)
    with zipfile.ZipFile(spec.dataset, "a") as photos:
        photos.writestr("architecture.json", OWN)
    parent = Parent()
    run_stages(replace(spec, options=options), parent)
    report = json.loads((spec.folder / "report.json").read_text(encoding="utf-8"))
    assert "own_network" in {row["name"] for row in report["candidates"]}
    if report["winner"]["name"] == "own_network":
        assert str(kept(spec.folder / "model.h5")) == str(parse(OWN.replace("LocalRespNorm", "BatchNorm")))
    assert {row["name"]: row["state"] for row in report["exports"]} == dict.fromkeys(EXPORTS, "made")


def test_a_network_that_does_not_fit_the_photos_is_refused_with_a_reason(spec: Spec) -> None:
    big = '["CONV:3X3:1X1:SAME:8", "AVERAGE_POOLING:99X99:1X1:VALID", "SOFTMAX"]'
    with zipfile.ZipFile(spec.dataset, "a") as photos:
        photos.writestr("architecture.json", big)
    with pytest.raises(UserError, match="a window of 99 x 99 does not fit") as caught:
        run_stages(replace(spec, options=OPTIONS), Parent())
    assert caught.value.code == "bad_architecture"
    with pytest.raises(UserError, match="did you mean SAME"):
        run_stages(replace(spec, options=replace(OPTIONS, architecture='["CONV:3X3:1X1:SAMB", "SOFTMAX"]')), Parent())
