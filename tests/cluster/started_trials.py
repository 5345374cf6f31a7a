"""The work of real trials, which leaves a note of where each begins and which of them is in the middle.

They train the tiny network, whose epochs take no time: each trial waits in its middle.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from tests.integration.tiny_network import ROW
from vm_worker.executors.executor import MessageSink
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.tune import tasks

MIDDLE = 1.0  # seconds: long enough to be killed in


def work(task: Mapping[str, Any], tell: MessageSink) -> Mapping[str, Any]:
    """What the project's own entry does, in a process that knows the tiny network."""
    assert isinstance(CATALOGUE, dict)
    CATALOGUE[ROW.key] = ROW
    if task["do"] != "trial":
        return tasks.work(task, tell)
    notes = Path(task["inputs"]["folder"]).parent
    note(notes, "begun", task)
    epochs = count(1)

    def watched(told: Mapping[str, Any]) -> None:
        if "epoch" in told and next(epochs) == 1:
            note(notes, "middle", task)
            time.sleep(MIDDLE)
        tell(told)

    return tasks.work(task, watched)


def note(folder: Path, kind: str, task: Mapping[str, Any]) -> None:
    """A file of its own, there whole or not at all."""
    said = {"trial": task["key"], "pid": os.getpid(), "node": _node()}
    part = folder / uuid.uuid4().hex
    part.write_text(json.dumps(said), encoding="utf-8")
    part.rename(folder / f"{kind}-{part.name}.json")


def _node() -> str:
    import ray

    return str(ray.get_runtime_context().get_node_id()) if ray.is_initialized() else ""


def begun(folder: Path) -> list[dict[str, Any]]:
    """Each beginning of a trial: trial, process, node."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("begun-*.json"))]


def at_work(folder: Path) -> dict[str, Any] | None:
    """A trial that has ended its first epoch and not its last."""
    notes = [json.loads(path.read_text()) for path in sorted(folder.glob("middle-*.json"))]
    return notes[0] if notes else None
