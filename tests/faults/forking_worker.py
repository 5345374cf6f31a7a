"""python -m tests.faults.forking_worker: the real worker and its stages, for jobs that end in intake.

Its attempts are forked from it, and what they need of the intake is imported here, once.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from jobs.tasks import TASKS
from tests.faults.forked_attempt import ForkedProcess
from vm_worker.attempt import Attempt
from vm_worker.main import main
from vm_worker.spec import USUAL_STAGES, Spec


def launch(spec: Spec, home: Path) -> Attempt:
    """A forked attempt at the usual stages."""
    return Attempt(spec, home, begin=ForkedProcess)


if __name__ == "__main__":
    for module in ("vm_worker.stages.run", USUAL_STAGES, *(f"{row.package}.task" for row in TASKS.values())):
        import_module(module)
    sys.exit(main(launch))
