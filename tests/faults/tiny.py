"""Real training of a network so small that a job's other stages take most of its time."""

from __future__ import annotations

import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

from infra.local.stack import Stack
from tests.integration.tiny_network import KEY, save_weights
from tests.workers import OPTIONS, worker

SHORT = {**OPTIONS, "candidates": [KEY], "trials": 1, "exports": ["h5"]}


class TinyWorkers:
    """Starts workers whose attempts know the tiny network."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder
        self._env = {
            "MODELMAIL_STUB_STAGES": "tests.integration.tiny_stages",
            "MODELMAIL_WEIGHTS": str(save_weights(folder / "weights")),
        }

    def start(self, name: str, **more: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """A worker with a folder of that name; `more` are further settings."""
        return worker(self._stack, self._folder / name, "tests.faults.stub_worker", **self._env, **more)
