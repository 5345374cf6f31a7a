"""The figures of a running job: JSON has no NaN and no infinity."""

from __future__ import annotations

import math

from jobs.shown import CandidateShown, PointShown, is_finite


def test_figures_that_are_not_finite_are_left_out() -> None:
    row = CandidateShown(
        "vgg16", validation_accuracy=0.5, validation_loss=math.nan, validation_interval=(0.1, math.inf)
    )
    assert row.finite() == CandidateShown("vgg16", validation_accuracy=0.5)
    whole = CandidateShown("vgg16", validation_interval=(0.1, 0.2), parameters=7)
    assert whole.finite() == CandidateShown("vgg16", validation_interval=[0.1, 0.2], parameters=7)  # type: ignore[arg-type]
    assert PointShown("tune", "vgg16", 3, loss=-math.inf).finite() == PointShown("tune", "vgg16", 3)


def test_what_is_no_number_is_finite() -> None:
    finite: list[object] = [None, "nan", 10**400, 0.0, (0.0, "x"), []]
    assert all(is_finite(value) for value in finite)
    assert not any(is_finite(value) for value in (math.nan, math.inf, [0.0, math.nan]))
