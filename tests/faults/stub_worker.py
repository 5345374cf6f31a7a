"""python -m tests.faults.stub_worker: the real worker, whose attempts run the stub's stages."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from vm_worker.attempt import Attempt
from vm_worker.main import main as run
from vm_worker.spec import Spec


def launch(spec: Spec, home: Path) -> Attempt:
    """An attempt at the stub's stages, or at those that the test names."""
    return Attempt(replace(spec, stages=os.environ.get("MODELMAIL_STUB_STAGES", "tests.faults.stub")), home)


def main() -> int:
    """Be a worker until it is told to stop; return the exit status."""
    return run(launch)


if __name__ == "__main__":
    sys.exit(main())
