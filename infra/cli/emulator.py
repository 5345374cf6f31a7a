"""`modelmail emulator`: only the buckets."""

from __future__ import annotations

from pathlib import Path

from infra.local.emulator.__main__ import main


def run(host: str, port: int, data: Path, keys: list[Path]) -> int:
    """Serve until told to stop; returns the exit status."""
    accounts = [part for key in keys for part in ("--service-account", str(key))]
    return main(["--host", host, "--port", str(port), "--data", str(data), *accounts])
