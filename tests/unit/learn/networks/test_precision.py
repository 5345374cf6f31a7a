"""The dtype of products: bfloat16 where the processor has units for it, and only there."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest

from vm_worker.learn.networks import precision

ZEN4 = """processor\t: 0
model name\t: AMD EPYC 9R14
flags\t\t: fpu sse2 avx512f avx512_bf16 gfni
processor\t: 1
flags\t\t: fpu
"""
OLDER = "processor\t: 0\nflags\t\t: fpu sse2 avx2\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd bf16\n"


@pytest.fixture
def cpuinfo(tmp_path: Path) -> Path:
    return tmp_path / "cpuinfo"


def test_flags_are_the_first_processors(cpuinfo: Path) -> None:
    cpuinfo.write_text(ZEN4)
    assert precision.flags(cpuinfo) == {"fpu", "sse2", "avx512f", "avx512_bf16", "gfni"}


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only TensorFlow is given halves")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ZEN4, precision.HALF),
        ("flags : amx_bf16\n", precision.HALF),
        (OLDER, precision.SINGLE),
        (ARM, precision.SINGLE),
    ],
)
def test_half_precision_needs_the_processors_units(cpuinfo: Path, text: str, expected: str) -> None:
    cpuinfo.write_text(text)
    assert precision.product_dtype(cpuinfo) == expected


def test_an_unknown_processor_multiplies_in_single_precision(cpuinfo: Path) -> None:
    assert precision.flags(cpuinfo) == frozenset()
    assert precision.product_dtype(cpuinfo) == precision.SINGLE


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="of the other backends")
def test_other_backends_multiply_in_single_precision(cpuinfo: Path) -> None:
    cpuinfo.write_text(ZEN4)
    assert precision.product_dtype(cpuinfo) == precision.SINGLE
