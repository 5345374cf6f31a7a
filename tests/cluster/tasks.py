"""Work for a cluster's processes: it says where it runs, and waits in the middle for as long as a file says."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.unit.executors import tasks
from vm_worker.executors.executor import MessageSink


def here() -> dict[str, Any]:
    """Process and node."""
    import ray

    return {"pid": os.getpid(), "node": ray.get_runtime_context().get_node_id()}


def work(task: Mapping[str, Any], tell: MessageSink) -> Mapping[str, Any]:
    """What the executors' own tests ask for, and one task that waits until its file is there."""
    if task["do"] != "wait":
        return tasks.work(task, tell)
    tell(here())
    end = time.monotonic() + 120
    while not Path(task["until"]).exists() and time.monotonic() < end:
        time.sleep(0.05)
    return {"name": task.get("name"), "seconds": task.get("seconds"), **here()}
