"""What the process of an executor runs in a test: the tasks of tuning, over a catalogue that knows the tiny network."""

from __future__ import annotations

from tests.integration.tiny_network import ROW
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.tune.tasks import work

__all__ = ["work"]

assert isinstance(CATALOGUE, dict)
CATALOGUE[ROW.key] = ROW
