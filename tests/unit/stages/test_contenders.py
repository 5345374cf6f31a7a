"""A designed network that is not delivered answers the test photos, from the files that selection has committed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from jobs.job import Stage
from jobs.limits import Limits
from jobs.options import Options
from tests.unit.stages.test_stages import SELECTED, Parent
from vm_worker.intake.dataset import Dataset, Part
from vm_worker.learn import statistics
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.networks import designed
from vm_worker.results.designs import DESIGNED, PRETRAINED, ContenderRow, ContendersTested, NetworkPlan
from vm_worker.results.trials import Tuned
from vm_worker.spec import Spec
from vm_worker.stages import clock
from vm_worker.stages.artifacts import CONTENDER_HEAD, CONTENDER_WEIGHTS
from vm_worker.stages.context import StageContext
from vm_worker.stages.evaluate import contenders_tested

PLAN = NetworkPlan('["CONV:3X3:1X1:SAME:4:BN", "SOFTMAX"]', 8)
TEST = 60
ROWS = (
    ContenderRow(DESIGNED, designed.DESIGNED, "Designed network", 100.0, PLAN),
    ContenderRow(PRETRAINED, SELECTED.winner, "MobileNet", 20.0),
)


def dataset() -> Any:
    """100 pictures of 8 pixels, of three kinds; the last 60 are the test part."""
    random = np.random.default_rng(0)
    truth = SimpleNamespace(labels=random.integers(0, 3, 100), classes=("a", "b", "c"))
    pixels = random.integers(0, 256, (100, 8, 8, 3), np.uint8)
    rows = {Part.TRAIN: range(30), Part.VALIDATION: range(30, 40), Part.TEST: range(40, 100)}
    return SimpleNamespace(
        truth=truth, rows=lambda part: np.array(rows[part]), pixels={8: pixels}.__getitem__, images={8: ""}
    )


@pytest.fixture
def context(tmp_path: Path) -> StageContext:
    """An attempt that delivers a pretrained network and has tried a designed one."""
    options = Options(minutes=2, design="controller")
    spec = Spec("abcdefgh", tmp_path / "x.zip", tmp_path, options, Limits(), 120.0, "2026-01-01", "2026-01-01")
    context = StageContext.of(spec, Parent())
    context.results.add(Stage.SELECT, replace(SELECTED, contenders=ROWS).to_json(), 1.0)
    context.results.add(Stage.TUNE, Tuned(True, (), (), 0.8, 0.5).to_json(), 1.0)
    context.inputs._dataset = cast(Dataset[Any], dataset())
    return context


def test_what_is_not_delivered_takes_its_time(context: StageContext) -> None:
    context.clock.crowd = lambda: 2.0
    assert [row.kind for row in context.inputs.contenders] == [DESIGNED]
    assert context.clock.contender_seconds == pytest.approx(2 * (clock.CONTENDER_SECONDS + TEST / 100))
    with_it = context.clock.fixed_seconds
    context.results.add(Stage.SELECT, SELECTED.to_json(), 1.0)
    assert with_it - context.clock.fixed_seconds == pytest.approx(2 * (clock.CONTENDER_SECONDS + TEST / 100))
    assert contenders_tested(context, np.ones(TEST, bool)) is None  # nothing was designed


def test_it_is_left_out_where_the_time_is_short(context: StageContext) -> None:
    context.clock.crowd = lambda: 50.0
    assert not context.clock.allows_contenders()
    assert contenders_tested(context, np.ones(TEST, bool)) is None


@pytest.mark.slow
def test_it_answers_with_its_own_weights_and_head(context: StageContext) -> None:
    whole, trunk = designed.built(PLAN, 3)
    trunk.save_weights(str(context.folder / CONTENDER_WEIGHTS))
    kernel = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
    bias = np.zeros(3, np.float32)
    Head(np.zeros(4, np.float32), np.ones(4, np.float32), kernel, bias).save(
        context.folder / CONTENDER_HEAD.format(DESIGNED)
    )
    whole.layers[-1].set_weights([kernel, bias])
    data = dataset()
    answers = whole.predict_on_batch(data.pixels(8)[40:].astype(np.float32)).argmax(1)
    right = np.arange(TEST) < 50  # of the delivered model
    ours = answers == data.truth.labels[40:]
    assert 0 < ours.sum() < TEST
    expected = ContendersTested(
        TEST, int(ours.sum()), 50, "MobileNet", PRETRAINED, round(statistics.mcnemar(ours, right), 5)
    )
    assert contenders_tested(context, right) == expected
