"""A request to tune, with a stub for training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from jobs.options import Options
from tests.unit.learn.tune import stub_trials
from vm_worker.intake.dataset import Dataset
from vm_worker.learn.budget import Budget
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.networks.weights import WeightFile
from vm_worker.learn.tune.tuning import TuneRequest, TuningPolicy
from vm_worker.learn.tune.tuning_inputs import SelectedNetwork
from vm_worker.search.loop import EndPolicy
from vm_worker.tasks.classification.truth import ClassTruth

ENTRY = "tests.unit.learn.tune.stub_trials:work"
# Here and now: the stub's wishes are this process's.
POLICY = TuningPolicy(isolated_seconds=1e9, ending=EndPolicy(patience=100), entry=ENTRY)


@pytest.fixture
def stub() -> Iterator[None]:
    stub_trials.asked.clear()
    yield
    stub_trials.late.clear()
    stub_trials.broken.clear()


@pytest.fixture
def request_(tmp_path: Path) -> TuneRequest:
    count = 60
    dataset = Dataset(
        names=tuple(f"{row}.png" for row in range(count)),
        truth=ClassTruth(("a", "b", "c"), np.repeat(np.arange(3), 20).astype(np.int64)),
        parts=np.tile([0, 0, 0, 1, 2], count)[:count].astype(np.uint8),
        groups=np.arange(count, dtype=np.int64),
        images={224: tmp_path / "224.npy"},
        skipped=(),
        warnings=(),
        ready_made_split=False,
        sha256="0" * 64,
    )
    wide, classes = np.ones(4, np.float32), np.ones(3, np.float32)
    chosen = SelectedNetwork(
        WeightFile("efficientnet_lite0", tmp_path / "w", "keras_h5"),
        Head(wide, wide, np.ones((4, 3), np.float32), classes),
    )
    options = Options(search="genetic", trials=8)
    return TuneRequest(dataset, chosen, options, Budget.of(3000), tmp_path, 500.0, policy=POLICY)
