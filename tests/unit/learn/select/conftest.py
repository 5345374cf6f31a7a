"""Fixtures for the tests of selection."""

from __future__ import annotations

import time

import pytest

from tests.unit.learn.select.known_networks import KnownNetworks


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> KnownNetworks:
    networks = KnownNetworks()
    monkeypatch.setattr(time, "monotonic", lambda: networks.now)
    monkeypatch.setattr("vm_worker.learn.networks.build.extractor", lambda key, weight: key)
    monkeypatch.setattr("vm_worker.learn.networks.depth.deepened", lambda model: model)
    monkeypatch.setattr("vm_worker.learn.features.engines.fastest", networks.engine)
    monkeypatch.setattr("vm_worker.learn.select.p2l.source_features", lambda model: None)
    return networks
