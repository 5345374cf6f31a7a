"""How far a trained network goes back towards its start: not at all, unless less is clearly better."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from vm_worker.learn import finetune, trial
from vm_worker.learn.scores import Score
from vm_worker.learn.trial import Lesson, Run

WHOLE = Score(0.8, 0.5, 0.1)
LESS = Score(0.9, 0.4, 0.05)


class Tail:
    """One weight: the part of the way that was gone."""

    def __init__(self) -> None:
        self.at = [np.ones(1, np.float32)]

    def get_weights(self) -> list[NDArray[np.float32]]:
        return self.at

    def set_weights(self, weights: list[NDArray[np.float32]]) -> None:
        self.at = weights


@pytest.mark.parametrize(
    ("gain", "noise", "share"),
    [(0.0, 0.0, 1.0), (0.01, 0.5, 1.0), (-0.05, 0.0, 1.0), (0.05, 0.01, 0.5)],
    ids=["equal", "by chance", "worse", "clear"],
)
def test_less_of_the_way_must_be_clearly_better(
    gain: float, noise: float, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    swing = noise * np.where(np.arange(60) % 2, 1.0, -1.0)

    def errors(tail: Tail, lesson: Lesson) -> NDArray[np.float64]:
        at = float(tail.at[0][0])
        return 0.2 - gain * (at < 1) + swing * (at < 1)

    monkeypatch.setattr(trial, "errors", errors)
    monkeypatch.setattr(trial, "judge", lambda tail, lesson: LESS)
    tail = Tail()
    run = Run(WHOLE, 3, (0.2, 0.1, 0.1), False)
    score, chosen = finetune._blended(cast(Any, tail), cast(Any, None), [np.zeros(1, np.float32)], run)
    assert (chosen, score) == (share, WHOLE if share == 1 else LESS)
    assert float(tail.at[0][0]) == share
