"""A stage table that takes time and nothing else: what a worker costs besides training."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial

from tests.faults import stub
from vm_worker.stages.context import StageContext
from vm_worker.stages.output import Output


def _slept(step: Callable[[StageContext], Output], context: StageContext) -> Output:
    time.sleep(float(os.environ["MODELMAIL_STUB_SECONDS"]) / len(stub.STAGES))
    return step(context)


STAGES = {stage: partial(_slept, step) for stage, step in stub.STAGES.items()}
