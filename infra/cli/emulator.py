"""`modelmail emulator`: only the buckets."""

from __future__ import annotations

from infra.local.emulator.__main__ import run
from infra.local.emulator.server import Config

__all__ = ["Config", "run"]
