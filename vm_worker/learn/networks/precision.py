"""In which numbers a trial's convolutions multiply."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import keras

SINGLE, HALF = "float32", "bfloat16"
# Of a step of training in these, in forward passes in float32 (tests/benchmarks/shares.py; Lite0 whole: 3.7, 3.3).
STEP = {SINGLE: 3.1, HALF: 2.2}
UNITS = frozenset({"avx512_bf16", "amx_bf16"})  # as Linux names a processor's units for products of bfloat16
CPUINFO = Path("/proc/cpuinfo")


@cache
def of_products() -> str:
    """bfloat16 where this processor has units for it; else float32.

    By the processor and not by the clock: a job that is begun again must find the same trials. Sums, activations
    between the layers and the variables stay float32 (mixed precision: Micikevicius et al., ICLR 2018, section 3).
    """
    if keras.backend.backend() != "tensorflow":
        return SINGLE
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return SINGLE
    return HALF if UNITS & flags(CPUINFO) else SINGLE


def flags(path: Path) -> frozenset[str]:
    """What the file says that the first processor can do; nothing where there is no such file."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    lines = (line.partition(":") for line in text.splitlines())
    return next((frozenset(told.split()) for name, _, told in lines if name.strip() == "flags"), frozenset())
