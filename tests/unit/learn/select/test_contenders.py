"""The best designed network and the best pretrained one: which they are, and which of them needs its own files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.learn.select.test_pairs import candidate, knowing
from vm_worker.learn.arrays import Floats
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.judge.out_of_fold import OutOfFold
from vm_worker.learn.networks import designed, small_rows
from vm_worker.learn.networks.catalogue import Backbone
from vm_worker.learn.scratch.training import TrainingResult
from vm_worker.learn.select.contenders import contenders
from vm_worker.learn.select.ranking import Candidate
from vm_worker.learn.select.scratch_candidates import ScratchModel
from vm_worker.learn.select.selection_table import CandidateRecord, SelectionTable
from vm_worker.results.designs import DESIGNED, PRETRAINED, NetworkPlan

PLAN = NetworkPlan('["CONV:3X3:1X1:SAME:8:BN", "SOFTMAX"]', 32)
ROW = designed.row(designed.DESIGNED, PLAN, 3)
FIXED = small_rows.ROWS["scratch_alexnet_25"]
NOTHING = np.zeros((1, 3), np.float32)
HEAD = Head(NOTHING[0, :1], NOTHING[0, :1] + 1, NOTHING, NOTHING[0])
OWN = Head(NOTHING[0, :1], NOTHING[0, :1] + 2, NOTHING, NOTHING[0])


def from_scratch(row: Backbone, logits: Floats) -> Candidate:
    return replace(candidate("mobilenet", logits), backbone=row)


def model(own: Candidate) -> ScratchModel:
    unseen = OutOfFold(NOTHING, np.zeros(1, np.int64), ())
    return ScratchModel(own, OWN, unseen, TrainingResult(0.5, 1.0, 1, (), 100.0, 1.0), Path("w.h5"), 3, PLAN)


@pytest.mark.parametrize(
    ("ours", "pretrained", "fixed", "kept"),
    [
        (6.0, 1.0, 0.5, [PRETRAINED]),  # the designed one is selected: the other one needs its head
        (1.0, 6.0, 0.5, [DESIGNED]),
        (1.0, 2.0, 9.0, [DESIGNED, PRETRAINED]),
    ],
)
def test_the_best_of_either_kind_answers_and_the_selected_one_needs_nothing(
    ours: float, pretrained: float, fixed: float, kept: list[str]
) -> None:
    table, own = SelectionTable("accuracy"), from_scratch(ROW, knowing(ours, 0))
    best = candidate("efficientnet_lite0", knowing(pretrained, 1))
    earlier = candidate("base_efficientnet_lite0", knowing(pretrained + 3, 4))
    others = [candidate("mobilenet", knowing(0.1, 2)), from_scratch(FIXED, knowing(fixed, 3))]
    for one in (best, own, *others, earlier):  # an earlier model is neither, whether it wins or not
        table.add(CandidateRecord(one, np.arange(3), 10.0, 0.0, ()))
    asked: list[Candidate] = []

    def refit(one: Candidate) -> Head:
        asked.append(one)
        return HEAD

    found = contenders(table, {ROW.key: model(own)}, "accuracy", refit)
    expected = {DESIGNED: ROW.key, PRETRAINED: "efficientnet_lite0"}
    assert {one.kind: one.record.candidate.backbone.key for one in found} == expected
    if not table.best().candidate.backbone.key.startswith("base_"):
        assert [one.kind for one in found if not one.selected] == kept
    assert [one.backbone.key for one in asked] == (["efficientnet_lite0"] if not found[1].selected else [])
    assert all((one.model is not None) == (one.kind == DESIGNED and not one.selected) for one in found)


def test_one_kind_alone_has_nothing_to_be_compared_with() -> None:
    table, own = SelectionTable("accuracy"), from_scratch(ROW, knowing(3.0, 0))
    table.add(CandidateRecord(own, np.arange(3), 10.0, 0.0, ()))
    assert contenders(table, {ROW.key: model(own)}, "accuracy", lambda one: HEAD) == ()
    table.add(CandidateRecord(candidate("mobilenet", knowing(1.0, 2)), np.arange(3), 10.0, 0.0, ()))
    assert contenders(table, {}, "accuracy", lambda one: HEAD) == ()
