"""The stages' own decisions; what they call is tested where it lives."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from jobs.errors import Bug
from jobs.job import Stage
from jobs.limits import Limits
from jobs.options import Options
from vm_worker.as_json import AsJson
from vm_worker.events import Answer, Event, StageOffer, TrialOffer
from vm_worker.exports import formats
from vm_worker.intake.dataset import Dataset
from vm_worker.learn.networks.weights import PACKAGES
from vm_worker.learn.progress_events import LearningProgress, LearningQuote
from vm_worker.learn.tune.tuning import FineTuned
from vm_worker.results.candidates import CandidateRow, CurvePoint, Selected
from vm_worker.results.exported import ExportRow
from vm_worker.results.trials import SearchSummary
from vm_worker.spec import Done, Spec
from vm_worker.stages import clock
from vm_worker.stages.context import StageContext
from vm_worker.stages.evaluate import _order
from vm_worker.stages.export import check_h5
from vm_worker.stages.inputs import Inputs
from vm_worker.stages.learning_progress import listener
from vm_worker.stages.output import Output
from vm_worker.stages.run import run_stages
from vm_worker.stages.select import without_weights
from vm_worker.stages.tune import result


class Parent:
    """Keeps what the child says."""

    def __init__(self) -> None:
        self.heard: list[Mapping[str, Any]] = []

    def send(self, event: Event) -> None:
        self.heard.append(event.to_json())

    def commit(self, offer: StageOffer | TrialOffer) -> Answer:
        assert isinstance(offer, StageOffer) and offer.stage is Stage.TUNE, "no other stage is run here"
        return Answer(go="tune")


@pytest.fixture
def parent() -> Parent:
    return Parent()


def candidate(name: str, accuracy: float, loss: float) -> CandidateRow:
    return CandidateRow(name, name, accuracy, None, loss, 1000, 1.0, "evaluated", "")


SELECTED = Selected(
    winner="mobilenet",
    candidates=(candidate("vgg16", 0.7, 0.6), candidate("mobilenet", 0.8, 0.5)),
    curve=(CurvePoint("select", "vgg16", 1), CurvePoint("select", "mobilenet", 1)),
    note="",
)


@pytest.fixture
def context(parent: Parent, tmp_path: Path) -> StageContext:
    """An attempt whose selection is committed."""
    spec = Spec("abcdefgh", tmp_path / "x.zip", tmp_path, Options(), Limits(), 120.0, "2026-01-01", "2026-01-01")
    return selected(StageContext.of(spec, parent))


def selected(context: StageContext, result: Selected = SELECTED) -> StageContext:
    context.results.add(Stage.SELECT, result.to_json(), 1.0)
    return context


def exports(h5: str, keras: str) -> list[ExportRow]:
    states = {"h5": h5, "keras": keras}
    return [ExportRow(f"model.{key}", key, state, 0, None, None, None, "n") for key, state in states.items()]


def test_a_failing_h5_fails_the_job_and_a_failing_extra_does_not() -> None:
    check_h5(exports("made", "failed"))
    with pytest.raises(Bug, match=r"model\.h5 does not survive"):
        check_h5(exports("failed", "made"))


def test_without_a_finished_trial_the_winners_own_figures_stand() -> None:
    none = FineTuned(False, None, (), (), None, None, SearchSummary("none", 0, ""))
    assert figures_of(none) == (0.8, 0.5, 0.8)
    assert figures_of(replace(none, validation_accuracy=0.9, validation_loss=0.4, validation_score=0.7)) == (
        0.9,
        0.4,
        0.7,
    )


def figures_of(tuned: FineTuned) -> tuple[float | None, float | None, float | None]:
    stage = result(SELECTED.best, tuned)
    return stage.validation_accuracy, stage.validation_loss, stage.validation_score


def test_the_page_gets_the_winners_curve_over_select_and_tune(context: StageContext, parent: Parent) -> None:
    point = CurvePoint("tune", "mobilenet", 1)
    listener(context, Stage.TUNE)(LearningProgress(1.0, "m", curve=(point,)))
    assert parent.heard[-1]["curve"] == [SELECTED.curve[1].to_json(), point.to_json()]
    assert 0.5 < parent.heard[-1]["fraction"] <= 0.81


def test_a_candidate_without_weights_is_named_with_its_reason() -> None:
    (row,) = without_weights({"vgg16": "no weights on this machine"})
    assert (row.state, row.note, row.validation_accuracy) == ("no_weights", "no weights on this machine", None)


def test_a_result_of_a_stage_that_has_not_run_is_a_fault_of_ours(context: StageContext) -> None:
    assert context.results.selected == SELECTED
    with pytest.raises(Bug, match="the stage tune has not run"):
        _ = context.results.tuned


def told(context: StageContext) -> Output:
    """A stage that says one word."""
    context.progress.tell(Stage.TUNE, 1.0, "m")
    return Output(AsJson())


STAGES = {Stage.SELECT: told, Stage.TUNE: told}  # of an attempt whose selection is adopted


def quoting(tmp_path: Path, parent: Parent, left: float, price: float = 0.0) -> StageContext:
    """A job of two minutes of which so many seconds are left; photos without pixels."""
    spec = Spec(
        "abcdefgh",
        tmp_path / "x.zip",
        tmp_path,
        Options(minutes=2, exports=("h5", "keras")),
        Limits(),
        left,
        "2026-01-01",
        "2026-01-01",
    )
    parts = np.array([0] * 60 + [1] * 20 + [2] * 20, np.uint8)
    context = StageContext.of(replace(spec, hourly_price=price), parent)
    context.inputs._dataset = cast(Dataset[Any], SimpleNamespace(rows=lambda part: np.flatnonzero(parts == part)))
    return context


def test_the_start_of_the_process_is_a_part_of_its_budget(context: StageContext, parent: Parent) -> None:
    late = StageContext.of(replace(context.spec, counted=context.clock.began - 10.0), parent)
    assert late.clock.end == pytest.approx(context.clock.end - 10.0)
    assert late.clock.spent == pytest.approx(context.clock.spent + 10.0, abs=1.0)


def test_the_quote_counts_from_the_claim_to_the_outcome(parent: Parent, tmp_path: Path) -> None:
    context = quoting(tmp_path, parent, left=100.0, price=36.0)
    listener(context, Stage.SELECT)(LearningQuote(30.0, 10.0))
    expected = 20 + 30 + context.clock.fixed_seconds + 2 * 20 / 10  # the test, and model.keras proved on it
    assert context.quote.seconds == pytest.approx(expected, abs=1)
    told = parent.heard[-1]
    assert told["quoted_seconds"] == context.quote.seconds
    said = re.fullmatch(r"It will take about (\d+) min, ([\d.]+) of machine time", told["message"])
    assert said is not None
    assert said[1] == "1" and float(said[2]) == pytest.approx(expected / 100, abs=0.02)


def test_a_crowd_takes_its_share_of_the_last_stages(parent: Parent, tmp_path: Path) -> None:
    context = selected(quoting(tmp_path, parent, left=100.0), replace(SELECTED, plain_images_per_second=40.0))
    alone = context.clock.fixed_seconds
    assert context.clock.allows_pictures() and context.clock.plain_speed == pytest.approx(40.0)
    assert context.clock.least_finishing(10.0, 0.4) == pytest.approx(20 / 10)
    assert context.clock.least_finishing(10.0, 0.4) < context.clock.finishing(10.0, 0.4)
    context.clock.crowd = lambda: 4.0
    assert context.clock.fixed_seconds == pytest.approx(4 * alone)
    assert context.clock.slowness == pytest.approx(4.0)
    assert context.clock.plain_speed == pytest.approx(10.0)  # selection measured it in no crowd
    context.clock.crowd = lambda: 8.0
    assert not context.clock.allows_pictures()


def test_beside_other_programs_the_clean_process_of_the_test_may_take_longer(parent: Parent, tmp_path: Path) -> None:
    """At a twentieth of a machine its libraries alone took longer than the limit, and the job failed."""
    context = selected(quoting(tmp_path, parent, left=100.0), replace(SELECTED, plain_images_per_second=40.0))
    photos = SimpleNamespace(images={224: tmp_path / "images.npy"}, truth=SimpleNamespace(take=lambda rows: rows))
    needed = {"delivered": SimpleNamespace(size=224), "scratch": tmp_path, "task": SimpleNamespace(agreement=None)}
    inputs = SimpleNamespace(dataset=lambda: photos, **needed)
    asked = cast(StageContext, SimpleNamespace(inputs=inputs, folder=tmp_path, clock=context.clock))
    limits = []
    for crowd in (1.0, 18.0):
        context.clock.crowd = partial(float, crowd)
        limits.append(_order(asked, np.arange(80)).seconds)
        assert context.clock.clean_seconds == 300 * crowd
    assert limits == pytest.approx([300 + 6 * 80 / 40, 18 * (300 + 6 * 80 / 40)])


def test_no_more_than_the_budget_is_quoted_and_every_later_word_repeats_it(parent: Parent, tmp_path: Path) -> None:
    context = quoting(tmp_path, parent, left=120.0)
    context.quote.make(10_000.0, 10.0)
    context.progress.tell(Stage.TUNE, 1.0, "m")
    assert parent.heard[-1]["quoted_seconds"] == 120.0
    assert parent.heard[0]["message"] == "It will take about 2 min"


def test_an_adopted_selection_brings_its_quote(parent: Parent, tmp_path: Path) -> None:
    done = {"select": Done(replace(SELECTED, quoted_seconds=77.0).to_json(), 1.0)}
    spec = replace(quoting(tmp_path, parent, left=60.0).spec, done=done, stages=__name__)
    run_stages(spec, parent)
    assert parent.heard[-1]["quoted_seconds"] == 77.0


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (1000.0, 300),  # time enough: all of them
        (105.0, 150),  # a good minute of passes at 5 a second, two files, and their making: every other one
        (40.0, 50),  # the making takes most of it
        (-5.0, 50),  # no time at all: still some
    ],
)
def test_the_files_are_proved_on_what_the_time_allows(
    parent: Parent, tmp_path: Path, left: float, expected: int
) -> None:
    context = selected(quoting(tmp_path, parent, left), replace(SELECTED, plain_images_per_second=5.0))
    chosen = formats.wanted(("h5", "keras"))
    assert len(range(300)[context.clock.proof(300, chosen, 4.0)]) == pytest.approx(expected, rel=0.05)


def test_time_is_set_aside_to_prove_files_on_a_hundred_photos_and_not_on_all(parent: Parent, tmp_path: Path) -> None:
    context = quoting(tmp_path, parent, left=100.0)
    few = context.clock.finishing(10.0, 0.4)
    parts = np.array([2] * 1000, np.uint8)
    context.inputs._dataset = cast(Dataset[Any], SimpleNamespace(rows=lambda part: np.flatnonzero(parts == part)))
    assert few == pytest.approx(2 * 20 / 10)
    assert context.clock.finishing(10.0, 0.4) == pytest.approx((1000 + clock.PROOF_PLANNED) / 10)


def test_time_is_set_aside_for_the_process_that_makes_other_formats(parent: Parent, tmp_path: Path) -> None:
    plain = quoting(tmp_path, parent, left=100.0)
    more = StageContext.of(replace(plain.spec, options=Options(minutes=2, exports=("h5", "keras", "tflite"))), parent)
    more.inputs._dataset = plain.inputs._dataset
    both = formats.seconds([formats.FORMATS["tflite"]], formats.Pace(10.0, 4.0, 20)) + more.clock.start
    assert more.clock.finishing(10.0, 4.0) - plain.clock.finishing(10.0, 4.0) == pytest.approx(both)


def asking(tmp_path: Path, parent: Parent, **options: Any) -> Inputs:
    """The inputs of a job with these options, on a machine with the three packages of weights."""
    spec = Spec("abcdefgh", tmp_path / "x.zip", tmp_path, Options(**options), Limits(), 120.0, "2026", "2026")
    return StageContext.of(spec, parent).inputs


def without_packages(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put packages with wrong checkpoints before the installed ones."""
    for package in PACKAGES.values():
        (folder / package.module / "models").mkdir(parents=True)
        (folder / package.module / "__init__.py").touch()
        monkeypatch.delitem(sys.modules, package.module, raising=False)
    monkeypatch.syspath_prepend(folder)


def test_a_job_whose_networks_are_all_missing_tries_what_is_there(parent: Parent, tmp_path: Path) -> None:
    inputs = asking(tmp_path, parent, candidates=("vgg16", "xception"), seed=3)
    found, missing = inputs.weights()
    assert set(found) == set(PACKAGES) and set(missing) == {"vgg16", "xception"}
    assert inputs.options == Options(seed=3)
    some = asking(tmp_path, parent, candidates=("vgg16", "efficientnet_lite0"))
    assert set(some.weights()[0]) == {"efficientnet_lite0"} and "vgg16" in some.options.candidates


def test_without_any_weights_small_networks_are_trained_from_scratch(
    parent: Parent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_packages(tmp_path / "packages", monkeypatch)
    for candidates in ((), ("vgg16",)):
        inputs = asking(tmp_path, parent, candidates=candidates)
        assert inputs.weights()[0] == {}
        assert inputs.options == Options(from_scratch=True)
