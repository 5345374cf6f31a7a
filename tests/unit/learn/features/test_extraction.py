"""Extraction of features and probabilities: each row once, in order, whatever the batch."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from vm_worker.learn.budget import Budget
from vm_worker.learn.features import extraction
from vm_worker.learn.features.engines import Engine, by_keras
from vm_worker.learn.features.extraction import Source, Target, TooSlow, Watch
from vm_worker.learn.features.views import transforms, windowed
from vm_worker.learn.judge import predict

PIXELS: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (75, 8, 8, 3)).astype(np.uint8)
ROWS = np.random.default_rng(1).permutation(75).astype(np.int64)[:70]


@pytest.fixture(scope="module")
def means() -> keras.Model:
    image = keras.Input((8, 8, 3))
    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))


@pytest.fixture(scope="module")
def engine(means: keras.Model) -> Engine:
    return by_keras(means)


def test_features_come_in_the_order_of_the_rows(engine: Engine) -> None:
    found = extraction.in_memory(engine, Source(PIXELS, ROWS))
    np.testing.assert_allclose(found, PIXELS[ROWS].mean((1, 2)), atol=1e-3)
    assert found.dtype == np.float32


def test_features_go_to_their_places_on_disk(engine: Engine, tmp_path: Path) -> None:
    values = extraction.on_disk(tmp_path / "features.npy", 75, engine.shape)
    reports: list[int] = []
    watch = Watch(Budget.of(60), lambda done, speed: reports.append(done))
    pace = extraction.extract(engine, Source(PIXELS, ROWS), Target(values, ROWS), watch)
    assert pace.done == 70 and pace.speed > 0 and reports == [32, 64, 70]
    kept = np.load(tmp_path / "features.npy", mmap_mode="r")
    np.testing.assert_allclose(kept[ROWS], PIXELS[ROWS].mean((1, 2)), rtol=1e-3)  # half precision
    assert not kept[np.setdiff1d(np.arange(75), ROWS)].any()


def test_the_budget_drops_a_network_or_ends_early(engine: Engine) -> None:
    rows = np.zeros(extraction.SETTLED * 2, np.int64)
    target = Target(np.zeros((len(rows), 3), np.float32), np.arange(len(rows)))
    with pytest.raises(TooSlow):
        extraction.extract(engine, Source(PIXELS, rows), target, Watch(Budget.of(-1)))
    pace = extraction.extract(engine, Source(PIXELS, rows), target, Watch(Budget.of(-1), least=40))
    assert pace.done == 2 * extraction.BATCH
    assert target.values[: pace.done].all()


def test_each_row_is_sent_as_its_own_window_whatever_the_batch(engine: Engine) -> None:
    windows = transforms(70, 8, False, np.random.default_rng(0))
    found = extraction.in_memory(engine, Source(PIXELS, ROWS, windows))
    for row in (0, 31, 32, 69):
        one = windowed(PIXELS[ROWS[row : row + 1]].astype(np.float32), windows[row : row + 1])
        np.testing.assert_allclose(found[row], one.mean((0, 1, 2)), atol=1e-3)
    assert np.abs(found - PIXELS[ROWS].mean((1, 2))).max() > 1.0


def test_no_rows_are_no_work(engine: Engine) -> None:
    assert extraction.in_memory(engine, Source(PIXELS, ROWS[:0])).shape == (0, 3)


@pytest.mark.parametrize("batch", [16, 32, 100])
def test_probabilities_do_not_depend_on_the_batch(means: keras.Model, batch: int) -> None:
    found = predict.predict(means, PIXELS, ROWS, batch)
    np.testing.assert_allclose(found, PIXELS[ROWS].mean((1, 2)), atol=1e-3)


def test_no_rows_give_no_probabilities(means: keras.Model) -> None:
    assert predict.predict(means, PIXELS, ROWS[:0]).shape == (0, 3)


def test_an_odd_last_batch_is_not_traced_anew() -> None:
    traced = []

    class Counting(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: object) -> object:
            traced.append(x)  # while a graph is made, not when it runs
            return x

    image = keras.Input((8, 8, 3))
    engine = by_keras(keras.Model(image, keras.layers.GlobalAveragePooling2D()(Counting()(image))))
    extraction.in_memory(engine, Source(PIXELS, ROWS[:32]))
    before = len(traced)
    extraction.in_memory(engine, Source(PIXELS, ROWS[:45]))
    assert len(traced) == before
