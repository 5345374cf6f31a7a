"""Selection that continues from an earlier model: its networks first, judged on what it has not learnt from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from jobs.options import Options
from tests.unit.learn.select.test_selection import Contest
from tests.unit.learn.select.test_selection import two as two
from vm_worker.intake.dataset import Part
from vm_worker.learn.arrays import Flags
from vm_worker.learn.budget import Budget
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.networks import assemble, catalogue
from vm_worker.learn.networks.weights import EARLIER, WeightFile
from vm_worker.learn.select.earlier import TRIED_BEFORE, EarlierNetworks
from vm_worker.learn.select.selection import Selection, SelectionRequest, select
from vm_worker.learn.select.selection_run import SelectionRun
from vm_worker.learn.select.selection_table import SelectionTable


def unseen(two: Contest) -> Flags:
    """Half of the training photos are known to the earlier model."""
    photos = two.photos
    return np.asarray((photos.parts != Part.TRAIN) | (np.arange(len(photos.names)) % 2 == 0))


def chosen(two: Contest, folder: Path, earlier: EarlierNetworks | None = None) -> Selection:
    folder.mkdir()
    request = SelectionRequest(two.photos, two.weights, Options(epochs=6), Budget.of(3000), folder, earlier=earlier)
    return select(request, lambda event: None)


def test_a_network_that_was_not_tuned_is_taken_up_with_its_head_and_no_other_is_tried(
    two: Contest, tmp_path: Path
) -> None:
    before = chosen(two, tmp_path / "before")
    key = catalogue.earlier(before.winner)
    found = chosen(two, tmp_path / "now", EarlierNetworks((key,), {}, {key: before.head}, unseen(two), False))
    assert found.winner == key
    assert {row.note for row in found.candidates if row.name != key} == {TRIED_BEFORE}
    assert found.continued is not None and found.continued.helped
    assert [row.way for row in found.continued.rows] == ["earlier", "untouched", "imagenet"]
    learnt_or_judged = two.photos.parts != Part.TEST
    assert found.continued.photos == int(np.sum(unseen(two) & learnt_or_judged))
    assert found.bar is not None and len(found.bar) == len(two.photos.rows(Part.VALIDATION))
    assert np.isfinite(found.head.kernel).all()


def tuned(two: Contest, name: str, head: Head, folder: Path) -> EarlierNetworks:
    """The network of this name, as if it were a tuned one."""
    own = two.weights[catalogue.find(name).source]
    assemble.save_network(assemble.assemble(replace(own, key=name), head), folder / "base.weights.h5")
    key = catalogue.earlier(name)
    return EarlierNetworks((key,), {key: WeightFile(key, folder / "base.weights.h5", EARLIER)}, {}, unseen(two), True)


def test_a_tuned_network_is_compared_with_the_same_one_from_imagenet(two: Contest, tmp_path: Path) -> None:
    before = chosen(two, tmp_path / "before")
    base = tuned(two, before.winner, before.head, tmp_path)
    found = chosen(two, tmp_path / "now", base)
    scores = {row.name: row.validation_score for row in found.candidates}
    assert scores[base.keys[0]] is not None and scores[before.winner] is not None
    assert found.continued is not None
    assert [row.way for row in found.continued.rows] == ["earlier", "imagenet"]
    assert found.pair is None or base.keys[0] not in (found.winner, found.pair.partner)


@pytest.mark.slow
@pytest.mark.parametrize("same", [True, False], ids=["the same network", "the cheapest of the others"])
def test_what_it_is_compared_with_comes_before_all_that_a_job_can_do_without(
    two: Contest, tmp_path: Path, same: bool
) -> None:
    """The files alone would take longer than the time: no further candidate would be tried."""
    name, other = two.weights
    kernel = np.zeros((catalogue.find(name).features, 3), np.float32)
    base = tuned(two, name, Head(kernel[:, 0], kernel[:, 0] + 1, kernel, kernel[0]), tmp_path)
    (tmp_path / "now").mkdir()
    request = SelectionRequest(
        two.photos,
        two.weights if same else {other: two.weights[other]},
        Options(epochs=6),
        Budget.of(3000),
        tmp_path / "now",
        finishing=lambda speed, gflops: 4000.0,
        least_finishing=lambda speed, gflops: 0.0,
        earlier=base,
    )
    found = select(request, lambda event: None)
    assert found.continued is not None
    assert [row.way for row in found.continued.rows] == ["earlier", "imagenet"]
    validated = {row.name for row in found.candidates if row.validation_score is not None}
    assert validated == {base.keys[0], name if same else other}


@pytest.mark.parametrize(("tuned", "seconds"), [(None, 40.0), (False, 40.0), (True, 28.0)])
def test_the_heads_of_a_tuned_network_leave_time_for_what_it_is_compared_with(
    tuned: bool | None, seconds: float
) -> None:
    run = cast(Any, SelectionRun.__new__(SelectionRun))
    earlier = None if tuned is None else EarlierNetworks((), {}, {}, np.ones(1, bool), tuned)
    run.request = SimpleNamespace(budget=Budget.of(100.0), earlier=earlier)
    run.table = SelectionTable("accuracy")
    assert run._heads_seconds(SimpleNamespace(seconds=30.0)) == pytest.approx(seconds, abs=1.0)
