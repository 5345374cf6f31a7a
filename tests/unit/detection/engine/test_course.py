"""A training of a head that was killed goes on, and never from a state that is not its own, whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest

from vm_worker.learn.arrays import Floats
from vm_worker.learn.budget import Budget
from vm_worker.tasks.detection.boxes import Indices
from vm_worker.tasks.detection.engine.training.course import Course, Epoch, HeadTraining, Recipe, TrainingData

ROWS = 16
RECIPE = Recipe(3, 1.0, 0.1)


@dataclass(frozen=True)
class _Rows:
    """Maps of two numbers each."""

    values: Floats

    def batch(self, rows: Indices) -> list[Floats]:
        return [self.values[rows]]


@pytest.fixture(scope="module")
def training() -> HeadTraining:
    values = np.random.default_rng(0).normal(size=(ROWS, 2)).astype(np.float32)
    inputs = keras.Input((2,))
    head = keras.Model(inputs, [keras.layers.Dense(1, name=name)(inputs) for name in ("one", "two")])
    data = TrainingData(_Rows(values), lambda row: 3 * values[row], ROWS, 1, 0)
    return HeadTraining(head, data, keras.losses.MeanSquaredError())


class Killed(Exception):
    """The run is killed."""


def _course(kept: Path, digest: str = "mine", killed_in: int = 0) -> tuple[Course, list[int]]:
    """A course, and the epochs that it trains."""
    told: list[int] = []

    def tell(epoch: Epoch) -> None:
        told.append(epoch.number)
        if epoch.number == killed_in:
            raise Killed

    return Course(RECIPE, Budget.of(600), tell, kept, digest), told


def test_a_killed_training_goes_on_and_comes_to_the_same(training: HeadTraining, tmp_path: Path) -> None:
    whole = training.run(_course(tmp_path / "whole.npz")[0])
    kept = tmp_path / "kept.npz"
    with pytest.raises(Killed):
        training.run(_course(kept, killed_in=2)[0])
    state = kept.read_bytes()
    course, told = _course(kept)
    assert training.run(course) == pytest.approx(whole, rel=1e-3) and told == [2, 3]
    course, told = _course(kept)
    assert training.run(course) == pytest.approx(whole, rel=1e-3) and told == []
    for other, digest in (
        (state, "of another recipe"), (state[: len(state) // 2], "mine"), (b"PK", "mine"), (b"", "mine"),
    ):  # fmt: skip
        kept.write_bytes(other)
        course, told = _course(kept, digest)
        assert training.run(course) == pytest.approx(whole, rel=1e-3) and told == [1, 2, 3]


def test_the_state_is_whole_or_the_earlier_one(
    training: HeadTraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept.npz"
    with pytest.raises(Killed):
        training.run(_course(kept, killed_in=2)[0])
    state = kept.read_bytes()

    def cut_off(file: object, **values: object) -> None:
        assert kept.read_bytes() == state
        raise Killed

    monkeypatch.setattr(np, "savez", cut_off)
    with pytest.raises(Killed):
        training.run(_course(kept)[0])
    assert kept.read_bytes() == state
    assert list(tmp_path.iterdir()) == [kept]
