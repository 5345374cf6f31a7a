"""A folder that stands for a machine, in which the real scripts run among recorders of the cloud's commands."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

INFRA = Path(__file__).parents[2] / "infra"


@dataclass
class Machine:
    """A folder that stands for the machine, and programs that only note how they were called."""

    root: Path

    def __post_init__(self) -> None:
        self.bin = self.root / "bin"
        self.bin.mkdir(parents=True)
        self.calls = self.root / "calls"
        self.calls.touch()
        (self.root / "etc/systemd/system").mkdir(parents=True)
        (self.root / "var/lib").mkdir(parents=True)

    def program(self, name: str, script: str = "") -> None:
        """A recorder; `script` runs after the note."""
        path = self.bin / name
        path.write_text(f'#!/bin/bash\necho "{name} $*" >>"{self.calls}"\n{script}\n')
        path.chmod(0o755)

    def run(self, script: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """The real script, among the recorders."""
        path = f"{self.bin}:{os.environ['PATH']}"
        return subprocess.run(
            [str(INFRA / script), *arguments],
            env={"PATH": path, "ROOT": str(self.root), "HOME": str(self.root), **env},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def called(self) -> list[str]:
        """Every call so far, in order."""
        return self.calls.read_text().splitlines()
