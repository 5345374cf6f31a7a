"""Freed memory goes back to the system, even where memory in use lies above it."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

KEPT = """
import resource
from pathlib import Path
from vm_worker.learn.free_memory import give_back

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

pieces = [b"x" * 100_000 for _ in range(2000)]  # each too small for a mapping of its own
before, last = resident(), pieces[-1]
del pieces
freed = before - resident()
give_back()
print(freed, before - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_freed_memory_is_no_longer_resident() -> None:
    done = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, check=True)
    freed, trimmed = map(int, done.stdout.split())
    assert freed < 100e6 < 150e6 < trimmed
