"""What the child process of a test runs: the stages of the product, over a catalogue that knows the tiny network.

Only a process that imports this module knows its row: the product's catalogue stays as it is.
"""

from __future__ import annotations

import os
from importlib import import_module

from tests.integration.tiny_network import ROW
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.spec import Spec

assert isinstance(CATALOGUE, dict)
CATALOGUE[ROW.key] = ROW
# The programs that it starts prove model files, by nothing whose coverage counts.
os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
STAGES = import_module(Spec.stages).STAGES
