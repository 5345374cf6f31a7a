"""An emulator whose syncs are recorded, to tell what it has told the disk to keep before it answers."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

_SYNC = re.compile(r"\b(?:fsync|fdatasync)\(\d+<([^>]+)>")


@dataclass(frozen=True)
class Recorded:
    """A running emulator, and the record of its syncs."""

    url: str
    data: Path
    log: Path

    def mark(self) -> int:
        """Where the record ends now."""
        return self.log.stat().st_size

    def synced_since(self, mark: int) -> Sequence[str]:
        """What was synced since then, in order: the WAL, the index, a folder, or a file in one, as `incoming/*`."""
        with open(self.log, "rb") as file:
            file.seek(mark)
            paths = [Path(found) for found in _SYNC.findall(file.read().decode())]
        return [self._short(path) for path in paths]

    def _short(self, path: Path) -> str:
        inside = path.relative_to(self.data.resolve())
        return str(inside) if len(inside.parts) < 2 else f"{inside.parts[0]}/*"


@contextmanager
def recorded(data: Path, key: Path) -> Iterator[Recorded]:
    """An emulator under strace. Skips the test where that is missing or not allowed."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("no strace is installed; on Debian: apt install strace")
    log = data.with_name(f"{data.name}-syncs")
    record = [strace, "-f", "-qq", "-y", "-e", "trace=fsync,fdatasync", "-o", str(log)]
    program = [
        sys.executable,
        "-m",
        "infra.emulator",
        "--port",
        "0",
        "--data",
        str(data),
        "--service-account",
        str(key),
    ]
    with subprocess.Popen([*record, *program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        if not line:
            told = process.stderr.read()
            if "ptrace" in told or "Operation not permitted" in told:
                pytest.skip("strace is not allowed to trace")
            raise AssertionError(told)
        try:
            yield Recorded(line.split()[-1], data, log)
        finally:
            for child in psutil.Process(process.pid).children():
                child.terminate()  # strace ends with the program that it traces
