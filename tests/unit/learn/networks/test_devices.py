"""How many processes train at a time."""

from __future__ import annotations

import os

import keras
import pytest

from vm_worker.learn.networks import devices


@pytest.mark.skipif(not devices.tensorflow_on_cpu(), reason="JAX, or a GPU, is there")
def test_each_process_has_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, expected in ((None, 1), (1, 1), (2, 2), (16, 2)):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        assert devices.processes(2) == expected


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="of the other backends")
def test_other_backends_have_one_process() -> None:
    assert devices.processes(2) == 1
