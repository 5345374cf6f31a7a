"""A stage table whose child leaves a process behind and dies of a segmentation fault."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from jobs.job import Stage
from vm_worker.as_json import AsJson
from vm_worker.events import ProgressEvent
from vm_worker.stages.context import StageContext
from vm_worker.stages.output import Output


def leave(context: StageContext) -> Output:
    """Say who is left, and die."""
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    context.link.send(ProgressEvent(Stage.INTAKE, 0.0, f"left {left.pid}"))
    os.kill(os.getpid(), signal.SIGSEGV)
    return Output(AsJson())


STAGES = {Stage.INTAKE: leave}
