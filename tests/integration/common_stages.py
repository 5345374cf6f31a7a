"""What the child process of a test runs: the product's stages, where a tiny network compares photos and learns them."""

from __future__ import annotations

from dataclasses import replace

from tests.integration.tiny_network import ROW
from tests.integration.tiny_stages import STAGES as STAGES
from vm_worker.learn.networks.catalogue import CATALOGUE, COMMON

assert isinstance(CATALOGUE, dict)
CATALOGUE[COMMON] = replace(ROW, key=COMMON)
