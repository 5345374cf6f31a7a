"""What the stages deliver: a network alone, a pair, and the mean of either with a tuned copy of its upper layers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from jobs.job import Stage
from tests.unit.stages.test_stages import SELECTED, Parent, quoting, selected
from vm_worker.intake.dataset import Dataset
from vm_worker.learn.networks.catalogue import CATALOGUE, UPPER
from vm_worker.results.candidates import PairRow
from vm_worker.results.earlier import BASE_PARTNER
from vm_worker.results.trials import Tuned
from vm_worker.stages import clock, continuing
from vm_worker.stages.artifacts import HEAD, PARTNER
from vm_worker.stages.context import StageContext

PAIR = PairRow("efficientnet_lite2", "MobileNet and EfficientNet-Lite2", 0.9, 0.9, 0.3)


def context_of(tmp_path: Path, *, better: bool = True, share: float | None = None, paired: bool = True) -> StageContext:
    """An attempt whose selection and tuning are committed."""
    found = replace(SELECTED, plain_images_per_second=40.0, pair=PAIR if paired else None)
    context = selected(quoting(tmp_path, Parent(), left=100.0), found)
    tuned = Tuned(better, (), (), 0.9, 0.3, share=share)
    context.results.add(Stage.TUNE, tuned.to_json(), 1.0)
    return context


@pytest.mark.parametrize(("better", "share", "partner"), [(False, None, True), (True, None, False), (True, 0.25, True)])
def test_a_partner_stays_unless_the_tuned_network_replaces_the_pair(
    better: bool, share: float | None, partner: bool, tmp_path: Path
) -> None:
    inputs = context_of(tmp_path, better=better, share=share).inputs
    assert (inputs.partner is not None) == partner == ("+" in inputs.delivered.key)


def test_a_pair_keeps_the_heads_and_the_sides_of_both_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = context_of(tmp_path, better=False)
    for name in (HEAD, PARTNER):
        (context.folder / name).write_bytes(name.encode())
    photos = SimpleNamespace(truth=SimpleNamespace(classes=("cats", "dogs")), earlier=None)
    context.inputs._dataset = cast(Dataset[Any], photos)
    monkeypatch.setattr(context.inputs, "_task", SimpleNamespace(name="classification"))
    monkeypatch.setattr(context.inputs, "weight", lambda: SimpleNamespace(kind="the catalogue's"))
    monkeypatch.setattr(continuing, "_seen", lambda context, right: SimpleNamespace(save=lambda path: None))
    model = continuing.write(context, None, np.ones(3, bool))
    assert model is not None and (model.network, model.partner) == ("mobilenet", "efficientnet_lite2")
    assert (model.side, model.partner_side) == (CATALOGUE["mobilenet"].size, CATALOGUE["efficientnet_lite2"].size)
    assert (context.folder / BASE_PARTNER).read_bytes() == PARTNER.encode()


def test_a_copy_of_the_upper_layers_costs_part_of_a_pass_more(tmp_path: Path) -> None:
    plain, copied = (context_of(tmp_path, share=share, paired=False) for share in (None, 0.5))
    assert copied.inputs.delivered.gflops == pytest.approx((1 + UPPER) * plain.inputs.winner.gflops, abs=1e-3)
    assert copied.clock.plain_speed == pytest.approx(plain.clock.plain_speed / (1 + UPPER), rel=0.05)
    assert copied.clock.fixed_seconds > plain.clock.fixed_seconds


def test_tuning_that_may_add_a_copy_leaves_the_last_stages_more_time(tmp_path: Path) -> None:
    context = selected(quoting(tmp_path, Parent(), left=100.0), replace(SELECTED, plain_images_per_second=1.0))
    context.clock.crowd = lambda: 1.0
    parts = np.array([2] * 20, np.uint8)
    context.inputs._dataset = cast(Dataset[Any], SimpleNamespace(rows=lambda part: np.flatnonzero(parts == part)))
    less = context.clock.tune_budget().deadline - context.clock.tune_budget(copied=True).deadline
    assert less == pytest.approx(clock.COPY_SECONDS + UPPER * 2 * 20, rel=0.01)  # the test, and model.keras
