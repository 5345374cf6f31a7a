"""Work for the executors' tests: no training, only what training may do to a process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from typing import Any

from vm_worker.executors.executor import MessageSink

kept: list[bytearray] = []


def work(task: Mapping[str, Any], tell: MessageSink) -> dict[str, Any]:
    """Do what the task says."""
    match task["do"]:
        case "add":
            tell({"adding": task["numbers"]})
            return {"sum": sum(task["numbers"]), "pid": os.getpid()}
        case "leak":
            kept.append(bytearray(os.urandom(1024) * 1024 * task["megabytes"]))
            return {"pid": os.getpid()}
        case "lack":
            raise MemoryError("no memory")
        case "die":
            os.kill(os.getpid(), task["signal"])
            time.sleep(30)
        case "leave":
            os._exit(3)
        case "sleep":
            tell({"pid": os.getpid()})
            signal.pause()
    raise ValueError("nothing that is known")
