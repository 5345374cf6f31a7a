"""The number format in which convolutions multiply while a network is trained: float32 or bfloat16."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from vm_worker.learn.networks import devices

SINGLE, HALF = "float32", "bfloat16"
# The cost of a step of training in each format, in forward passes in float32, as tests/benchmarks/shares.py measures
# it. For the whole of EfficientNet-Lite0 it is 3.7 and 3.3.
STEP = {SINGLE: 3.1, HALF: 2.2}
UNITS = frozenset({"avx512_bf16", "amx_bf16"})  # as Linux names a processor's units for products of bfloat16
CPUINFO = Path("/proc/cpuinfo")


@cache
def product_dtype(cpuinfo: Path = CPUINFO) -> str:
    """Return "bfloat16" where this processor has units for it, else "float32".

    The processor decides and no measurement: a job that is started again must find the same trials. Sums,
    activations between the layers and variables stay float32 (mixed precision: Micikevicius et al., ICLR 2018,
    section 3).
    """
    return HALF if devices.tensorflow_on_cpu() and UNITS & flags(cpuinfo) else SINGLE


def flags(path: Path) -> frozenset[str]:
    """Read the flags of the first processor from a file like /proc/cpuinfo; empty where there is no such file."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    lines = (line.partition(":") for line in text.splitlines())
    return next((frozenset(value.split()) for name, _, value in lines if name.strip() == "flags"), frozenset())
