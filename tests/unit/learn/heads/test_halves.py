"""A head of all depths as a sum of two."""

from __future__ import annotations

import numpy as np
import pytest

from vm_worker.learn.heads.halves import halved
from vm_worker.learn.heads.linear import Head


@pytest.mark.parametrize("columns", [(0, 2, 3, 7), (1, 2), (5, 6)])
def test_the_logits_of_both_halves_add_up(columns: tuple[int, ...]) -> None:
    random, count = np.random.default_rng(0), len(columns)
    mean, scale = random.normal(size=(2, count)).astype(np.float32)
    kernel = random.normal(size=(count, 3)).astype(np.float32)
    whole = Head(mean, np.abs(scale) + 0.5, kernel, np.array([1.0, 2.0, 3.0], np.float32), columns=np.array(columns))
    halves, features = halved(whole, 4), random.normal(size=(6, 8)).astype(np.float32)
    found = halves.last.logits(features[:, :4]) + halves.others.logits(features)
    np.testing.assert_allclose(found, whole.logits(features), atol=1e-5)
    assert halves.last.columns is None and len(halves.last.kernel) == 4
    assert halves.columns.tolist() == [column for column in columns if column >= 4]


def test_a_head_on_the_last_features_has_no_halves() -> None:
    ones = np.ones(4, np.float32)
    with pytest.raises(ValueError, match="last features alone"):
        halved(Head(ones, ones, np.ones((4, 2), np.float32), ones[:2]), 4)
