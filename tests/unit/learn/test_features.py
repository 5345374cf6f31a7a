"""Features and probabilities: each row once, in order, whatever the batch."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from vm_worker.learn import features, probabilities
from vm_worker.learn.budget import Budget
from vm_worker.learn.features import Source, TooSlow

PIXELS: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (75, 8, 8, 3)).astype(np.uint8)
ROWS = np.random.default_rng(1).permutation(75).astype(np.int64)[:70]


@pytest.fixture(scope="module")
def means() -> keras.Model:
    image = keras.Input((8, 8, 3))
    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))


def nothing(done: int, speed: float) -> None:
    assert done > 0 and speed > 0


def test_features_come_in_the_order_of_the_rows(means: keras.Model) -> None:
    found = features.extract(means, Source(PIXELS, ROWS), Budget.of(60), nothing)
    np.testing.assert_allclose(found.features, PIXELS[ROWS].mean((1, 2)), atol=1e-3)
    assert found.features.dtype == np.float32 and found.speed > 0


def test_the_budget_drops_a_network_or_ends_early(means: keras.Model) -> None:
    rows = np.zeros(features.SETTLED * 2, np.int64)
    with pytest.raises(TooSlow):
        features.extract(means, Source(PIXELS, rows), Budget.of(-1), nothing)
    found = features.extract(means, Source(PIXELS, rows), Budget.of(-1), nothing, least=40)
    assert len(found.features) == 2 * features.BATCH


@pytest.mark.parametrize("batch", [16, 32, 100])
def test_probabilities_do_not_depend_on_the_batch(means: keras.Model, batch: int) -> None:
    found = probabilities.predict(means, PIXELS, ROWS, batch)
    np.testing.assert_allclose(found, PIXELS[ROWS].mean((1, 2)), atol=1e-3)


def test_no_rows_give_no_probabilities(means: keras.Model) -> None:
    assert probabilities.predict(means, PIXELS, ROWS[:0]).shape == (0, 3)


def test_an_odd_last_batch_is_not_traced_anew() -> None:
    traced = []

    class Counting(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: object) -> object:
            traced.append(x)  # while a graph is made, not when it runs
            return x

    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(Counting()(image)))
    features.extract(model, Source(PIXELS, ROWS[:32]), Budget.of(60), nothing)
    before = len(traced)
    features.extract(model, Source(PIXELS, ROWS[:45]), Budget.of(60), nothing)
    assert len(traced) == before
