"""What the child process of a test runs: the stages of the product, over a catalogue that knows the tiny network.

Only a process that imports this module knows its row: the product's catalogue stays as it is.
"""

from __future__ import annotations

from importlib import import_module

from tests.integration.tiny_network import ROW
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.spec import Spec

assert isinstance(CATALOGUE, dict)
CATALOGUE[ROW.key] = ROW
STAGES = import_module(Spec.stages).STAGES
