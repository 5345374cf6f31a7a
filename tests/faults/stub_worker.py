"""python -m tests.faults.stub_worker: the real worker, whose attempts run the stub's stages."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.faults.forked_attempt import ForkedProcess
from vm_worker.attempt import Attempt
from vm_worker.main import main as run
from vm_worker.processes.line_process import LineProcess
from vm_worker.spec import Spec


def launch(spec: Spec, home: Path, begin: type[LineProcess] = LineProcess) -> Attempt:
    """An attempt at the stub's stages, or at those that the test names."""
    stages = os.environ.get("MODELMAIL_STUB_STAGES", "tests.faults.stub")
    return Attempt(replace(spec, stages=stages), home, begin=begin)


def main() -> int:
    """Be a worker until it is told to stop; return the exit status."""
    return run(launch)


def forking() -> int:
    """The same, whose attempts are forked from it."""
    return run(partial(launch, begin=ForkedProcess))


if __name__ == "__main__":
    sys.exit(main())
