"""What a user asks for by name is trained before the fixed small networks, and each gets its part of the time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from jobs.options import Options
from vm_worker.learn.budget import Budget
from vm_worker.learn.design.designing import Rooms
from vm_worker.learn.scratch import training
from vm_worker.learn.select.scratch_candidates import ScratchCandidates, ScratchRequest
from vm_worker.learn.select.small_network import SmallNetwork
from vm_worker.results.candidates import CandidateRow

PHOTOS = SimpleNamespace(
    rows=lambda part: np.zeros(600, np.int64), side=32, images={32: None, 64: None}, truth=SimpleNamespace(classes="ab")
)


class Listed(ScratchCandidates):
    """Candidates that are not trained, but listed with the seconds that they were given."""

    def __init__(self, options: Options) -> None:
        super().__init__(PHOTOS, options, False, Budget.of(1000))  # type: ignore[arg-type]
        self.listed: list[tuple[str, float]] = []

    def _trained(
        self, networks: list[SmallNetwork], request: ScratchRequest, show: Callable[[float, str], None]
    ) -> list[CandidateRow]:
        self.listed.append((networks[0].row.key, request.budget.remaining()))
        return []

    def _design(self, request: ScratchRequest, show: Callable[[float, str], None], rooms: Rooms) -> list[CandidateRow]:
        self.listed.append(("design", request.budget.remaining()))
        return []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Options(from_scratch=True), {"scratch_alexnet_25": 300}),
        (Options(design="random"), {"design": 375, "scratch_alexnet_25": 500}),  # what was left over is for the last
        (
            Options(design="random", architecture='["SOFTMAX"]'),
            {"own_network": 55.6, "design": 333.3, "scratch_alexnet_25": 500},
        ),
    ],
)
def test_what_was_asked_for_by_name_comes_first(options: Options, expected: dict[str, float], tmp_path: Path) -> None:
    candidates = Listed(options)
    candidates.train(tmp_path, lambda *_: None, Rooms())
    assert [name for name, _ in candidates.listed] == list(expected)
    assert dict(candidates.listed) == pytest.approx(expected, abs=1)


def test_where_the_goal_is_reached_only_what_was_asked_for_by_name_is_trained(tmp_path: Path) -> None:
    candidates = Listed(Options(design="random"))
    _, left_out = candidates.train(tmp_path, lambda *_: None, Rooms(), "left out: enough")
    assert [name for name, _ in candidates.listed] == ["design"]
    assert left_out and {row.note for row in left_out} == {"left out: enough"}


def test_a_network_for_which_no_time_was_left_is_said_to_be_that() -> None:
    assert str(training.TrainingTooSlow(0.0, -3.0)) == "no time was left for it"
    assert str(training.TrainingTooSlow(86.4, 20.0)) == "its training needs about 86 s"
