"""How trials are scored: by what they tell apart, not by how sure they are of it."""

from __future__ import annotations

import numpy as np
import pytest

from vm_worker.learn.judge.calibration import scaled
from vm_worker.learn.judge.scores import Score, score

LABELS = np.arange(300) % 3
RANDOM = np.random.default_rng(0)
# Sure to just the right degree: the truth is drawn from what was said.
SAID = RANDOM.dirichlet([0.4] * 3, 300).astype(np.float32)
TRUTH = np.array([RANDOM.choice(3, p=row / row.sum()) for row in SAID.astype(np.float64)])


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_being_too_sure_or_too_timid_costs_no_trial_its_place(temperature: float) -> None:
    other = scaled(SAID, temperature).astype(np.float32)
    one, two = score(SAID, TRUTH), score(other, TRUTH)
    assert one.accuracy == two.accuracy
    assert one.error == pytest.approx(two.error, rel=0.02)
    assert two.loss > one.loss + 0.02  # the plain cross-entropy does tell them apart


def test_who_tells_more_apart_has_the_lower_error_although_too_sure() -> None:
    noise = np.random.default_rng(1).dirichlet([0.4] * 3, 300)
    timid = (0.6 * SAID + 0.4 * noise).astype(np.float32)
    sure = scaled(SAID, 0.4).astype(np.float32)
    assert score(sure, TRUTH).error < score(timid, TRUTH).error


def test_a_perfect_answer_has_no_error() -> None:
    perfect = score(np.eye(3, dtype=np.float32)[LABELS], LABELS)
    assert perfect.accuracy == 1 and perfect.error == pytest.approx(0, abs=1e-6) and perfect.loss == pytest.approx(0)
    assert Score.from_json(perfect.to_json()).accuracy == 1
