"""What selection does without where the machine is busy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.options import Options
from tests.unit.learn.select.known_networks import KnownNetworks, dataset
from vm_worker.learn.budget import Budget
from vm_worker.learn.features import engines
from vm_worker.learn.features.engines import POLICY, Engine, EnginePolicy
from vm_worker.learn.networks.weights import KERAS_H5, WeightFile
from vm_worker.learn.select.selection import SelectionRequest, select


def test_a_network_is_converted_for_as_much_more_work_as_everything_takes_longer(
    networks: KnownNetworks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def fastest(key: str, sample: Any, photos: int, folder: Path, policy: EnginePolicy) -> Engine:
        asked.append(policy.worth_seconds)
        return networks.engine(key)

    monkeypatch.setattr(engines, "fastest", fastest)
    data, weights = dataset(networks, tmp_path), {"mobilenet": WeightFile("mobilenet", Path(), KERAS_H5)}
    request = SelectionRequest(data, weights, Options(epochs=2, trials=0), Budget.of(2000), tmp_path)
    select(replace(request, slowness=lambda: 4.0), lambda event: None)
    assert asked == [4 * POLICY.worth_seconds]
