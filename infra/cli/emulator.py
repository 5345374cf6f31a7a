"""`modelmail emulator`: the buckets without the rest of the service."""

from __future__ import annotations

from infra.emulator.__main__ import certificate_for, run
from infra.emulator.server import Config

__all__ = ["Config", "certificate_for", "run"]
