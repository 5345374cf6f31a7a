"""What the child process of a test runs: the stages of the product, over a catalogue with one network of 8 pixels.

MobileNetV3-Small at 8 pixels passes a photo in microseconds, so that the stages alone take time. Only the process
that imports this module knows the row: the product's catalogue stays as it is.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.spec import Spec

KEY, SIZE = "mobilenet_v3_small", 8  # the key is one that a job may name; the size in pixels

assert isinstance(CATALOGUE, dict)
CATALOGUE[KEY] = replace(CATALOGUE[KEY], size=SIZE, gflops=CATALOGUE[KEY].gflops * (SIZE / 224) ** 2)
STAGES = import_module(Spec.stages).STAGES
