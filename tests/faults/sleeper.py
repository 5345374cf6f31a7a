"""A stage table that takes time and nothing else: what a worker costs besides training."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial

from tests.faults import stub
from vm_worker.stages import Output, Work


def _slept(step: Callable[[Work], Output], work: Work) -> Output:
    time.sleep(float(os.environ["MODELMAIL_STUB_SECONDS"]) / len(stub.STEPS))
    return step(work)


STEPS = {stage: partial(_slept, step) for stage, step in stub.STEPS.items()}
